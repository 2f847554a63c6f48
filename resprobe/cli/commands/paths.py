"""``resprobe paths``: how much gradient comes along paths of each length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.path_tables import told, told_law
from resprobe.cli.request import Named, Request
from resprobe.cli.say import note, progress
from resprobe.cli.subjects import Subject, subjects
from resprobe.cli.values import length_range
from resprobe.cli.values import share as share_of
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["paths"]

PATHS_IMAGES = 64


def paths(
    ckpt: o.Ckpt = None,
    arch: o.Arch = "",
    model: o.Model = None,
    prefix: o.Prefix = "",
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="exact: what all paths of a length carry together; rms: how large one is, by "
            "random signs; sampled: the same, path by path; all.",
        ),
    ] = "exact",
    transitions: Annotated[
        str,
        typer.Option(
            "--transitions",
            metavar="NAME",
            help="counted as any block; apart: run whole and not counted; both.",
        ),
    ] = "both",
    draws: Annotated[
        int,
        typer.Option(
            "--draws", metavar="N", help="Sweeps of rms; paths of each length of sampled."
        ),
    ] = 10,
    lengths: Annotated[
        str,
        typer.Option("--lengths", metavar="A-B", help="Lengths to report on, such as 5-17."),
    ] = "",
    share: Annotated[
        str,
        typer.Option(
            "--share", metavar="SHARE", help="Of the weight that the effective lengths hold."
        ),
    ] = "95%",
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="NAME", help="Gradient at the images, or at the first block's input."
        ),
    ] = "images",
    law: Annotated[
        int | None,
        typer.Option("--law", metavar="N", help="How long the 2^N paths are; no network is run."),
    ] = None,
    batch_norm: Annotated[
        str, typer.Option("--batch-norm", metavar="NAME", help="running; nothing else is sound.")
    ] = "running",
    data: o.Data = "",
    data_root: o.DataRoot = None,
    split: o.Split = "test",
    images: Annotated[int | None, o.images_by_default(PATHS_IMAGES)] = None,
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
    """Measure how much gradient comes along paths of each length (Veit et al. 2016, fig. 6).

    A path takes branch or shortcut in every residual block; its length is the number of
    branches. Several networks are overlaid.

    Example: resprobe paths --ckpt r110.pt --method all
    """
    from resprobe import probes
    from resprobe.results import combined

    between = length_range(lengths, option="--lengths") if lengths else None
    asked: dict[str, Any] = {
        "method": method,
        "transitions": transitions,
        "draws": draws,
        "seed": seed,
        "lengths": between,
        "at": at,
        "batch_norm": batch_norm,
    }
    held = share_of(share, option="--share")
    if law is not None:
        if arch or ckpt or model or dry_run:
            raise UsageError("--law runs no network: give it alone, or with --lengths")
        _law(law, between, out=out, json=json, quiet=quiet)
        return
    request = Request(
        named=Named(arch=arch, ckpt=ckpt, model=model, width=width, prefix=prefix), data=data,
        data_root=data_root, split=split, normalise=normalise, image_size=image_size,
        device=device, seed=seed, images=images, batch_size=batch_size, quiet=quiet,
        images_by_default=PATHS_IMAGES,
    )  # fmt: skip
    with prepared(None if dry_run else out):
        found = subjects(request)
        if dry_run:
            plans = [(s.network, probes.plan_paths(s.chain, s.data, **asked)) for s in found]
            show_plans(plans, json=json)
            return
        results = [_measured(s, asked, held, quiet=quiet) for s in found]
        deliver([combined(results)], told, out=out, json=json, quiet=quiet)


def _measured(subject: Subject, asked: dict[str, Any], share: float, *, quiet: bool) -> Result:
    from resprobe import probes

    if not subject.trained and subject.has_batch_norm:
        note(
            f"{subject.network}: BatchNorm uses its running statistics, which mean nothing before "
            "training",
            quiet=quiet,
        )
    with progress(f"paths {subject.network}", quiet=quiet) as step:
        result = probes.paths(
            subject.chain,
            subject.data,
            network=subject.network,
            share=share,
            about=subject.about,
            progress=step,
            **asked,
        )
    left_out = result.meta["networks"][0]["left_out"]
    if left_out:
        note(f"{subject.network}: {left_out}", quiet=quiet)
    return result


def _law(
    blocks: int, lengths: tuple[int, int] | None, *, out: Path | None, json: bool, quiet: bool
) -> None:
    from resprobe.probes import path_law

    result = path_law(blocks, lengths=lengths)
    with prepared(out):
        deliver([result], told_law, out=out, json=json, quiet=quiet)
