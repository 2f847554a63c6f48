"""``resprobe predictors``: whether size or gradient says beforehand what a deletion costs."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.request import Named, Request
from resprobe.cli.say import progress, table
from resprobe.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.probes import Predictors
    from resprobe.results import Result

__all__ = ["predictors", "told"]

PREDICTORS_IMAGES = 1_000
RELIABLE = 0.5  # below, two halves of the images hardly agree on which block matters


def predictors(
    ckpt: o.Ckpt = None,
    arch: o.Arch = "",
    model: o.Model = None,
    prefix: o.Prefix = "",
    sets: Annotated[
        int,
        typer.Option(
            "--sets",
            metavar="N",
            min=2,
            help="Disjoint image sets that are measured apart, which shows the noise.",
        ),
    ] = 20,
    data: o.Data = "",
    data_root: o.DataRoot = None,
    split: o.Split = "test",
    images: Annotated[int | None, o.images_by_default(PREDICTORS_IMAGES)] = None,
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
    """Correlate the size and gradient of every residual branch with the damage of deleting it.

    Rank correlations over the blocks, with intervals; what the images leave open is told apart
    from what so few blocks leave open. Several networks are overlaid.

    Example: resprobe predictors --ckpt r110.pt --images 500
    """
    from resprobe import probes
    from resprobe.results import combined

    request = Request(
        named=Named(arch=arch, ckpt=ckpt, model=model, width=width, prefix=prefix), data=data,
        data_root=data_root, split=split, normalise=normalise, image_size=image_size,
        device=device, seed=seed, images=images, batch_size=batch_size, quiet=quiet,
        images_by_default=PREDICTORS_IMAGES,
    )  # fmt: skip
    with prepared(None if dry_run else out):
        found = subjects(request)
        if dry_run:
            plans = [(s.network, probes.plan_predictors(s.chain, s.data, sets=sets)) for s in found]
            show_plans(plans, json=json)
            return
        parts = [_correlated(s, sets, seed=seed, quiet=quiet) for s in found]
        blocks, correlations = (combined(results) for results in zip(*parts, strict=True))
        tell = partial(told, correlations=correlations)
        deliver([blocks, correlations], tell, out=out, json=json, quiet=quiet)


def _correlated(subject: Subject, sets: int, *, seed: int, quiet: bool) -> Predictors:
    from resprobe import probes

    with progress(f"predictors {subject.network}", quiet=quiet) as step:
        return probes.predictors(
            subject.chain,
            subject.data,
            network=subject.network,
            sets=sets,
            seed=seed,
            about=subject.about,
            progress=step,
        )


def told(blocks: Result, correlations: Result) -> str:
    """Return both tables for people: what was measured, and how it goes together."""
    figures = ["ratio", "residual_share", "cosine", "error_rise", "loss_rise"]
    measured = blocks.frame[["network", "block", "name", "kind"]].copy()
    for figure in figures:
        measured[figure.replace("_", " ")] = [
            f"{row[figure]:.3f} ± {row[f'{figure}_se']:.3f}"
            for row in blocks.frame.to_dict("records")
        ]
    frame = correlations.frame
    spearman = frame[frame["method"] == "spearman"]
    n, sets = int(frame["images"].iloc[0]), int(frame["sets"].iloc[0])
    return "\n".join(
        [
            table(measured),
            f"Mean ± standard error, {n} images in {sets} sets; loss in nats per image.",
            "",
            table(_shown(spearman)),
            "Spearman's rank correlation over n blocks [95 % interval, the blocks as a sample]; p "
            "of as strong a one by chance; images: its middle 95 % with other image sets; "
            "agreement of a measurement with itself on other images, predictor / damage.",
            *_verdicts(spearman),
        ]
    )


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "network": frame["network"].to_list(),
            "predictor": frame["predictor"].to_list(),
            "damage": frame["damage"].to_list(),
            "blocks": frame["blocks"].to_list(),
            "n": frame["n"].to_list(),
            "correlation": [_estimate(row) for row in rows],
            "p": [_number(row["p"], ".4f") for row in rows],
            "images": [_between(row, "resampled_low", "resampled_high") for row in rows],
            "agreement": [
                " / ".join(
                    _number(row[f"reliability_{of}"], ".2f") for of in ("predictor", "damage")
                )
                for row in rows
            ],
        }
    )


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def _estimate(row: dict[Hashable, Any]) -> str:
    if math.isnan(row["estimate"]):
        return "-"
    return f"{row['estimate']:+.2f} {_between(row, 'low', 'high')}"


def _between(row: dict[Hashable, Any], low: str, high: str) -> str:
    return "-" if math.isnan(row[low]) else f"[{row[low]:+.2f}, {row[high]:+.2f}]"


def _verdicts(frame: pd.DataFrame) -> list[str]:
    """Say in words, network by network, what the size of a branch tells of the damage."""
    main = frame[(frame["predictor"] == "ratio") & (frame["blocks"] == "all")]
    lines = []
    for network, rows in main.groupby("network", sort=False):
        found = rows.to_dict("records")
        said = "; ".join(f"{row['damage'].replace('_', ' ')}, {_verdict(row)}" for row in found)
        lines.append(f"{network}: does size predict damage? {said}.")
        noisy = [row for row in found if row["reliability_damage"] < RELIABLE]
        if noisy:
            which = " and ".join(row["damage"].replace("_", " ") for row in noisy)
            lines.append(f"{network}: the order of the {which} is mostly noise; take more images.")
    return lines


def _verdict(row: dict[Hashable, Any]) -> str:
    if math.isnan(row["estimate"]):
        return "not to be said, as nothing can be put in order"
    if row["low"] > 0:
        said = "yes, larger branches cost more"
    elif row["high"] < 0:
        said = "yes, but larger branches cost less"
    else:
        said = f"not shown by {row['n']} blocks"
    return f"{said} ({_estimate(row)})"
