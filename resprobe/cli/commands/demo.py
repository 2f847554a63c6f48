"""``resprobe demo``: the whole story on the embedded data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resprobe.cli import options as o
from resprobe.cli.output import prepared
from resprobe.cli.say import human_time, note, progress

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="For everything that is made.")
    ] = Path("demo"),
    device: o.Device = "auto",
    seed: o.Seed = 0,
    quiet: o.Quiet = False,
) -> None:
    """Train a plain and a residual network, lesion both, follow their gradients, write a page.

    On the embedded Fashion-MNIST subset; a few minutes on two CPU cores.
    """
    from resprobe.demo import run_demo
    from resprobe.devices import pick_device

    where = pick_device(device)
    with prepared(out), progress("demo", quiet=quiet) as step:
        made = run_demo(
            out,
            device=where,
            seed=seed,
            say=lambda text: note(text, quiet=quiet),
            progress=step,
        )
    note(f"done in {human_time(made.duration_s)}", quiet=quiet)
    print(made.page)
