"""``--save-pruned``: from a greedy study to a smaller network in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.cli.lesion_study import Asked
    from resprobe.cli.request import Named
    from resprobe.cli.subjects import Subject
    from resprobe.results import Result

__all__ = ["check_prunable", "pruned"]


def check_prunable(named: Named, path: Path) -> None:
    """Raise UsageError unless one network of ours with weights is named."""
    if named.model or not named.ckpt:
        raise UsageError(
            "--save-pruned takes blocks out of a network of --ckpt, one whose architecture "
            "resprobe knows by name; leave it out"
        )
    if len(named.ckpt) > 1:
        raise UsageError(
            f"--save-pruned writes one network and {len(named.ckpt)} were given; prune them one "
            "after the other"
        )
    if path.is_dir():
        raise UsageError(f"--save-pruned {path} is a folder; name a file in it")
    if path.resolve() == named.ckpt[0].resolve():
        raise UsageError(f"--save-pruned {path} is the checkpoint itself; choose another file")


def pruned(subject: Subject, result: Result, asked: Asked, path: Path) -> str:
    """Save the smaller network, time it beside the whole one, and say so.

    Raises
    ------
    ResprobeError
        If no block can be dropped at the price, or the file cannot be written.
    """
    from resprobe.networks import count_parameters
    from resprobe.probes.pruning import prune, speed_up

    assert subject.checkpoint is not None, "checked before any work"
    smaller = prune(
        subject.checkpoint,
        result,
        network=subject.network,
        drop=asked.drop,
        allowed_rise=asked.allowed,
    )
    smaller.save(path)
    whole = subject.checkpoint.model
    device = subject.data.data.device
    faster = speed_up(whole.to(device), smaller.model.to(device), subject.data)
    row = smaller.row
    cost = (
        f"error {row['error']:.4f}, a rise of {row['error_rise']:+.4f} "
        f"[{row['error_rise_low']:+.4f}, {row['error_rise_high']:+.4f}]"
        if row["correct"] >= 0
        else f"agreement {row['agreement']:.4f}"
    )
    count = len(smaller.blocks)
    return (
        f"saved {path}: {smaller.architecture.spec}, {count} block{'s' * (count > 1)} fewer "
        f"({'+'.join(map(str, smaller.blocks))}); {cost} on {row['n']:,} images; "
        f"{smaller.parameters:,} of {count_parameters(whole):,} parameters; "
        f"{faster.factor:.2f}x as fast ({faster.images / faster.smaller_s:,.0f} against "
        f"{faster.images / faster.whole_s:,.0f} images/s, batch {faster.images})"
    )
