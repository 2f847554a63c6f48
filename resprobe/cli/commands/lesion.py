"""``resprobe lesion``: what deleting blocks does."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.request import Named, Request
from resprobe.cli.say import progress, table
from resprobe.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["lesion", "told"]

STUDIES = ("single",)


def lesion(
    ckpt: o.Ckpt = None,
    arch: o.Arch = "",
    model: o.Model = None,
    prefix: o.Prefix = "",
    study: Annotated[
        str,
        typer.Option("--study", metavar="NAME", help="single: delete every block in turn."),
    ] = "single",
    data: o.Data = "",
    data_root: o.DataRoot = None,
    split: o.Split = "test",
    images: o.Images = None,
    normalise: o.Normalise = "",
    image_size: o.ImageSize = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    batch_size: o.BatchSize = None,
    width: o.Width = None,
    out: o.Out = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
    dry_run: o.DryRun = False,
) -> None:
    """Delete every block of a trained network in turn, and measure accuracy and loss.

    A deleted block keeps its shortcut; a plain block is bypassed where it keeps the shape.

    Example: resprobe lesion --ckpt r110.pt --images 200
    """
    from resprobe import probes
    from resprobe.errors import one_of
    from resprobe.results import combined

    if study not in STUDIES:
        raise one_of("study", study, STUDIES)
    request = Request(
        named=Named(arch=arch, ckpt=ckpt, model=model, width=width, prefix=prefix), data=data,
        data_root=data_root, split=split, normalise=normalise, image_size=image_size,
        device=device, seed=seed, images=images, batch_size=batch_size, quiet=quiet,
    )  # fmt: skip
    with prepared(None if dry_run else out):
        found = subjects(request)
        if dry_run:
            show_plans([(s.network, probes.plan_lesion(s.chain, s.data)) for s in found], json=json)
            return
        results = [_studied(s, seed=seed, quiet=quiet) for s in found]
        deliver([combined(results)], told, out=out, json=json, quiet=quiet)


def _studied(subject: Subject, *, seed: int, quiet: bool) -> Result:
    from resprobe import probes

    network = subject.network
    with progress(f"lesion {network}", quiet=quiet) as step:
        return probes.lesion(
            subject.chain,
            subject.data,
            network=network,
            seed=seed,
            about=subject.about,
            progress=step,
        )


def told(result: Result) -> str:
    """Return a lesion study as a table for people; fractions as in the frame."""
    import pandas as pd

    frame = result.frame
    columns = {
        "network": frame["network"],
        "lesion": frame["lesion"],
        "block": frame["name"],
        "kind": frame["kind"],
        "correct": [f"{row.correct}/{row.n}" for row in frame.itertuples()],
        "accuracy": [_with_interval(row, "accuracy", ".4f") for row in frame.to_dict("records")],
        "error rise": [
            _with_interval(row, "error_rise", "+.4f") for row in frame.to_dict("records")
        ],
        "loss": frame["loss"].map("{:.4f}".format),
    }
    shown = pd.DataFrame(columns)
    blocked = (frame["lesion"] != "intact") & ~frame["deletable"]
    shown.loc[blocked, ["correct", "accuracy", "error rise", "loss"]] = "-"
    lines = [table(shown), "In brackets: 95 % intervals (Wilson; paired with the intact network)."]
    if blocked.any():
        lines.append(
            f"Not deletable: {int(blocked.sum())} plain block(s) that change the shape and have "
            "no shortcut."
        )
    return "\n".join(lines)


def _with_interval(row: dict[Hashable, Any], figure: str, form: str) -> str:
    low, high = row[f"{figure}_low"], row[f"{figure}_high"]
    return f"{row[figure]:{form}} [{low:{form}}, {high:{form}}]"
