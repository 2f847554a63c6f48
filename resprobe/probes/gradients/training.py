"""The gradient's flow over the course of a training: from checkpoints, or from a watch's log."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from resprobe.errors import InputError, UsageError
from resprobe.monitor.rows import COLUMNS
from resprobe.results import Result, versions

__all__ = ["check_steps", "flow_of_watch", "flow_over_training", "read_watch"]

LABELS = ["network", "step", "block", "name", "stage", "kind", "n"]
FIGURES = [
    "output", "identity", "residual", "input", "cosine", "residual_share", "identity_path",
    "identity_gain",
]  # fmt: skip


def flow_over_training(parts: Sequence[tuple[int, Result]], *, network: str) -> Result:
    """Put the gradient flows of one network at several points of its training together.

    Parameters
    ----------
    parts : sequence of (epoch, Result)
        ``gradflow(...).blocks`` of each checkpoint, all on the same images, in any order.
    network : str
        What the network is called in the table.

    Returns
    -------
    Result
        "gradflow-training": ``network, step, block, name, stage, kind, n`` and those of
        :func:`resprobe.gradflow` that follow the gradient, one row per step and block, in
        ascending order of both; ``meta["unit"]`` is "epoch".

    Raises
    ------
    UsageError
        If there are fewer than two, two of the same epoch, or their blocks differ.

    Examples
    --------
    >>> blocks = pd.DataFrame({"block": [0, 1], "name": ["a", "b"], "input": [1.0, 2.0]})
    >>> parts = [(epoch, Result("gradflow", blocks)) for epoch in (5, 1)]
    >>> flow_over_training(parts, network="net").frame["step"].tolist()
    [1, 1, 5, 5]
    """
    check_steps([step for step, _ in parts])
    ordered = sorted(parts, key=lambda part: part[0])
    names = [part.frame["name"].tolist() for _, part in ordered]
    if any(found != names[0] for found in names):
        raise UsageError(
            f"the checkpoints of one training have the same blocks; got {len(names[0])} in the "
            "first, and others in another"
        )
    frame = pd.concat(
        [part.frame.assign(step=step, network=network) for step, part in ordered],
        ignore_index=True,
    )
    last = ordered[-1][1].meta
    entries = [
        {"step": step, **entry} for step, part in ordered for entry in part.meta.get("networks", [])
    ]
    plain = any(entry.get("plain") is True for entry in entries)
    meta = {
        **last,
        "unit": "epoch",
        "networks": [{"network": network, "plain": plain}],
        "checkpoints": entries,
    }
    return Result("gradflow-training", _laid_out(frame), meta)


def check_steps(steps: Sequence[int]) -> None:
    """Raise UsageError unless there are two steps or more, no two of them the same."""
    if len(steps) < 2 or len(set(steps)) < len(steps):
        raise UsageError(
            "a training is followed through two checkpoints or more, each of an epoch of its own; "
            f"got epochs {', '.join(map(str, sorted(steps))) or 'none'}"
        )


def flow_of_watch(watch: Result, *, network: str) -> Result:
    """Take the gradient's flow from what a watch has seen of a training.

    Parameters
    ----------
    watch : Result
        "watch", of :func:`resprobe.watch`, or of :func:`read_watch`.
    network : str
        What the network is called in the table.

    Returns
    -------
    Result
        "gradflow-training", as of :func:`flow_over_training`; ``meta["unit"]`` is "step". The
        gradient is that of the loss as it was differentiated: of a mean over a batch each norm
        is smaller by the batch size than one of a sum. What a watch does not see is NaN.

    Raises
    ------
    InputError
        If it is no watch's, or holds no row.
    """
    missing = [column for column in COLUMNS if column not in watch.frame.columns]
    if missing or watch.frame.empty:
        what = f"lacks the column {', '.join(missing)}" if missing else "has no rows"
        raise InputError(f"what a watch has seen is wanted; this {what}")
    frame = watch.frame.assign(network=network, n=watch.frame["images"])
    plain = bool(frame["identity"].isna().all())
    networks = [{"network": network, "plain": plain}]
    meta = {**versions(), **watch.meta, "unit": "step", "networks": networks}
    return Result("gradflow-training", _laid_out(frame), meta)


def read_watch(path: str | Path) -> Result:
    """Read the file that a watch has written, also while it is being written.

    Parameters
    ----------
    path : str or Path
        Ending in ``.csv`` or ``.jsonl``; a last line that is not whole is left out.

    Raises
    ------
    InputError
        If it cannot be read, or is not such a file.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    whole = text[: text.rfind("\n") + 1]
    try:
        if path.suffix == ".jsonl":
            frame = pd.DataFrame(json.loads(line) for line in whole.splitlines())
        else:  # as text, which becomes the float that was written, to the last digit
            frame = pd.read_csv(io.StringIO(whole), dtype=str, keep_default_na=False)
            frame = frame.replace({"": "nan"}).assign(overflow=frame["overflow"] == "True")
        return Result("watch", frame[list(COLUMNS)].astype(COLUMNS), {"watch": path.name})
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not what a watch writes ({error})") from error


def _laid_out(frame: pd.DataFrame) -> pd.DataFrame:
    table = frame.reindex(columns=[*LABELS, *FIGURES])
    return table.sort_values(["step", "block"], kind="stable").reset_index(drop=True)
