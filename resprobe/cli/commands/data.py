"""``resprobe data``: what data sets there are, fetch them, verify them."""

from __future__ import annotations

from typing import Annotated

import typer

from resprobe.cli import options as o
from resprobe.cli.say import note, progress, table

__all__ = ["app"]

app = typer.Typer(
    help="List, fetch and verify data sets.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(data_root: o.DataRoot = None, json: o.Json = False) -> None:
    """List the data sets, and whether they are at hand."""
    from resprobe.datasets import catalogue

    _show(catalogue(data_root), json=json)


@app.command()
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="cifar10, cifar100 or fashion-mnist.")
    ],
    data_root: o.DataRoot = None,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Another https address of the same files.")
    ] = "",
    quiet: o.Quiet = False,
) -> None:
    """Fetch a data set's official archive, verified; goes on where it was interrupted."""
    from resprobe import datasets

    with progress(f"fetch {name} (bytes)", quiet=quiet) as step:
        path = datasets.fetch(name, root=data_root, url=url or None, progress=step)
    note(f"fetched and verified {name}", quiet=quiet)
    print(path)


@app.command()
def verify(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="The files of a data set, or the name of a known one."),
    ],
    data_root: o.DataRoot = None,
    json: o.Json = False,
) -> None:
    """Check the files of a data set against their published sums and sizes."""
    from resprobe.datasets import verify as check
    from resprobe.errors import IntegrityError

    rows = check(path, root=data_root)
    _show(rows, json=json)
    bad = [row for row in rows if not row["ok"]]
    if bad:
        raise IntegrityError(
            f"{bad[0]['file']}: not what it should be (wanted {bad[0]['expected']}, found "
            f"{bad[0]['found']}); get it again"
        )


def _show(rows: list[dict[str, object]], *, json: bool) -> None:
    import pandas as pd

    from resprobe.results import plain_json, versions

    if json:
        print(plain_json({"meta": versions(), "rows": rows}))
    else:
        print(table(pd.DataFrame(rows)))
