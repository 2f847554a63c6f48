"""The commands, put together."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from resprobe.cli.commands import (
    data,
    demo,
    describe,
    figure,
    geometry,
    gradflow,
    initialisation,
    landscape,
    lesion,
    magnitude,
    paths,
    predictors,
    readout,
    recipe,
    report,
    reproduce,
    similarity,
    train,
)

__all__ = ["app", "command"]

app = typer.Typer(
    name="resprobe",
    help="See how residual networks use their depth.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.command("train")(train.train)
app.command("recipe")(recipe.recipe)
app.command("lesion")(lesion.lesion)
app.command("geometry")(geometry.geometry)
app.command("gradflow")(gradflow.gradflow)
app.command("initialisation")(initialisation.initialisation)
app.command("landscape")(landscape.landscape)
app.command("magnitude")(magnitude.magnitude)
app.command("paths")(paths.paths)
app.command("predictors")(predictors.predictors)
app.command("readout")(readout.readout)
app.command("similarity")(similarity.similarity)
app.command("describe")(describe.describe)
app.command("figure")(figure.figure)
app.command("report")(report.report)
app.command("reproduce")(reproduce.reproduce)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"resprobe {version('resprobe')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """See how residual networks use their depth."""


@cache
def command() -> Any:
    """Return the command of Click that the app is, read from the signatures once."""
    return get_command(app)
