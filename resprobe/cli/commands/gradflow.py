"""``resprobe gradflow``: how gradients divide between identity and residual path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from resprobe.cli import options as o
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.request import Named, Request
from resprobe.cli.say import note, progress, table
from resprobe.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    from resprobe.probes import GradientFlow, Plan, Statistics
    from resprobe.results import Result

__all__ = ["gradflow", "told"]

GRADFLOW_IMAGES = 256


def gradflow(
    arch: o.Arch = "",
    ckpt: o.Ckpt = None,
    model: o.Model = None,
    prefix: o.Prefix = "",
    batch_norm: Annotated[
        str,
        typer.Option(
            "--batch-norm",
            metavar="NAME",
            help="Statistics of BatchNorm: running or batch; auto takes running for a trained "
            "network and batch for one at initialisation.",
        ),
    ] = "auto",
    data: o.Data = "",
    data_root: o.DataRoot = None,
    split: o.Split = "test",
    images: Annotated[int | None, o.images_by_default(GRADFLOW_IMAGES)] = None,
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
    """Split the gradient at every block into its identity and its residual part.

    Several networks are overlaid.

    Example: resprobe gradflow --arch plain20,plain56,resnet56
    """
    from resprobe.errors import one_of

    if batch_norm not in ("auto", "running", "batch"):
        raise one_of("choice for --batch-norm", batch_norm, ("auto", "running", "batch"))
    request = Request(
        named=Named(arch=arch, ckpt=ckpt, model=model, width=width, prefix=prefix), data=data,
        data_root=data_root, split=split, normalise=normalise, image_size=image_size,
        device=device, seed=seed, images=images, batch_size=batch_size, quiet=quiet,
        images_by_default=GRADFLOW_IMAGES,
    )  # fmt: skip
    with prepared(None if dry_run else out):
        found = subjects(request)
        if dry_run:
            plans = [(s.network, _planned(s, batch_norm)) for s in found]
            show_plans(plans, json=json)
            return
        flows = [_followed(s, batch_norm, seed=seed, quiet=quiet) for s in found]
        blocks, weights = (_together(parts) for parts in zip(*flows, strict=True))
        deliver([blocks, weights], told, out=out, json=json, quiet=quiet)


def _followed(subject: Subject, batch_norm: str, *, seed: int, quiet: bool) -> GradientFlow:
    from resprobe import probes

    network, data = subject.network, subject.data
    statistics = _statistics(subject, batch_norm)
    if statistics == "batch" and subject.has_batch_norm:
        sizes = f"each batch of {min(data.batch_size, data.n)}"
        note(f"{network}: BatchNorm uses the statistics of {sizes}", quiet=quiet)
    with progress(f"gradflow {network}", quiet=quiet) as step:
        return probes.gradflow(
            subject.chain,
            data,
            network=network,
            batch_norm=statistics,
            seed=seed,
            about=subject.about,
            progress=step,
        )


def _planned(subject: Subject, batch_norm: str) -> Plan:
    from resprobe import probes

    statistics = _statistics(subject, batch_norm)
    return probes.plan_gradflow(subject.chain, subject.data, batch_norm=statistics)


def _statistics(subject: Subject, batch_norm: str) -> Statistics:
    running = batch_norm == "running" or (batch_norm == "auto" and subject.trained)
    return "running" if running else "batch"


def _together(parts: Sequence[Result]) -> Result:
    """Put the networks' results into one, which names the statistics of those with BatchNorm."""
    from resprobe.results import Result, combined

    whole = combined(parts)
    used = dict.fromkeys(str(p.meta["batch_norm"]) for p in parts if p.meta["batch_norm"])
    meta = {**whole.meta, "batch_norm": " and ".join(used) or None}
    return Result(whole.name, whole.frame, meta)


def told(result: Result) -> str:
    """Return the gradient flow as a table for people."""
    frame = result.frame.rename(columns={"residual_share": "residual share"})
    numbers = ["output", "identity", "residual", "input", "cosine", "residual share"]
    shown = frame[["network", "block", "name", "stage", "kind", *numbers]].copy()
    for column in numbers:
        shown[column] = frame[column].map("{:.4g}".format).replace("nan", "-")
    n = int(frame["n"].iloc[0])
    return (
        f"{table(shown)}\n"
        f"L2 norms of dL/dx per image, mean over {n} images; L is the cross entropy summed over "
        "images."
    )
