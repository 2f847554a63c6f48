"""``resprobe figure``: draw saved results again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resprobe.cli import options as o
from resprobe.cli.say import note
from resprobe.errors import InputError, UsageError

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["figure"]

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE.csv", help="Saved results of one kind.", show_default=False),
]
Width = Annotated[
    str,
    typer.Option(
        "--width",
        metavar="INCHES",
        help="column (3.5 inches), page (7 inches), or a number of inches from 3 to 20.",
    ),
]
Format = Annotated[
    str, typer.Option("--format", metavar="NAME[,NAME]", help="png, svg or pdf (default: png,svg).")
]
Style = Annotated[
    str,
    typer.Option(
        "--style",
        metavar="FILE",
        help="Style sheet of matplotlib, or the name of one that matplotlib brings along, "
        "to lie over the look of these figures.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="STEM|FOLDER",
        help="Where to write: a folder that exists, or a path without the ending "
        "(default: beside the first file).",
    ),
]


def figure(
    files: Files,
    width: Width = "page",
    format_: Format = "",
    style: Style = "",
    out: Out = None,
    quiet: o.Quiet = False,
) -> None:
    """Draw saved results; several files of one kind are overlaid.

    Nothing is measured again. The paths of the figures are printed.

    Example: resprobe figure results/lesion.csv --width column --format pdf
    """
    from resprobe.figures import figure as drawn
    from resprobe.figures import save, styled

    inches, results = _inches(width), _loaded(files)
    stem, formats = _target(files, results[0].name, out, format_)
    with styled(style) if style else contextlib.nullcontext():
        made = drawn(results, width=inches)
        for path in save(made, stem, formats=formats):
            print(path)
    note(f"drew {results[0].name} from {', '.join(map(str, files))}", quiet=quiet)


def _inches(width: str) -> float:
    from resprobe.figures import COLUMN, PAGE

    named = {"column": COLUMN, "page": PAGE}
    try:
        return named[width] if width in named else float(width)
    except ValueError as error:
        raise UsageError(
            f"--width {width}: wanted column, page or a number of inches, such as 5.5"
        ) from error


def _loaded(files: list[Path]) -> list[Result]:
    from resprobe.results import Result

    for file in files:
        if file.suffix not in (".csv", ".json"):
            raise InputError(f"{file}: not a saved result; give the .csv that a command wrote")
    return [Result.load(file) for file in files]


def _target(files: list[Path], kind: str, out: Path | None, format_: str) -> tuple[Path, list[str]]:
    """Return the path of the figures without an ending, and the formats."""
    name = files[0].stem if len(files) == 1 else f"{kind}-overlaid"
    formats = [one.strip() for one in (format_ or "png,svg").split(",")]
    if out is None:
        return files[0].with_name(name), formats
    if out.is_dir():
        return out / name, formats
    if out.suffix in (".png", ".svg", ".pdf"):
        return out.with_suffix(""), formats if format_ else [out.suffix[1:]]
    return out, formats
