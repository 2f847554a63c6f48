"""Lesion studies as text for people; fractions as in the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resprobe.cli.lesion_rows import LesionStudy, figures_table, row_by_row
from resprobe.cli.lesion_summaries import by_factor, by_number, pairs
from resprobe.cli.say import counted

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.results import Result

__all__ = ["told"]

_FIXED = {
    "repeat": "Not repeatable: {n} block(s) that change the shape.",
    "scale": "Not scalable: {n} plain block(s) that change the shape and have no shortcut.",
}
_NOT_DELETABLE = "Not deletable: {n} plain block(s) that change the shape and have no shortcut."


def told(result: Result, *, classes: pd.DataFrame | None = None) -> str:
    """Return a lesion study as a table for people.

    Parameters
    ----------
    result : Result
        Of all images, of one network or several.
    classes : DataFrame, optional
        The rows by class.
    """
    frame = result.frame
    whole = frame[frame["class_name"] == ""]
    main = whole[~whole["selection"] & (whole["batch_norm"] == "running")]
    make: Callable[[LesionStudy], list[str]] = {
        "random": by_number,
        "shuffle": by_number,
        "pairs": pairs,
        "greedy": _greedy,
        "scale": by_factor,
    }.get(str(result.meta["study"]), row_by_row)
    study = LesionStudy(main, whole, classes, result.meta)
    return "\n".join([*make(study), *_fixed(study), *_small_print(study)])


def _greedy(study: LesionStudy) -> list[str]:
    """Return a table of a row per network, each with one block fewer."""
    main = study.main
    before = main["transitions"].where(main["k"] > 0, 0).groupby(main["network"]).diff()
    kind = before.gt(0).map({True: "transition", False: "identity"})
    columns: dict[str, Any] = {"network": main["network"], "dropped": main["k"]}
    columns["block"] = main["blocks"].str.rpartition("+")[2]
    columns["kind"] = kind.where(main["k"] > 0, "intact")
    return [figures_table(study, columns)]


def _fixed(study: LesionStudy) -> list[str]:
    """Say how many blocks the shapes forbid to tamper with."""
    rows = study.main[(study.main["lesion"] != "intact") & ~study.main["deletable"]]
    count = len(rows.drop_duplicates(["network", "blocks"]))
    said = _FIXED.get(str(study.meta["study"]), _NOT_DELETABLE)
    return [said.format(n=count)] if count else []


def _small_print(study: LesionStudy) -> list[str]:
    """Say what the intervals are, and on how many images things were measured."""
    meta, lines = study.meta, []
    summary = meta["study"] in ("random", "shuffle", "scale")
    if not summary:
        paired = "; paired with the intact network" if study.labelled else ""
        lines.append(f"In brackets: {100 * study.level:.4g} % intervals (Wilson{paired}).")
    if not study.labelled:
        more = "" if summary else ", KL the mean divergence from its answer in nats"
        lines.append(
            "No labels: agreement is the share of images that are answered as by the intact "
            f"network{more}."
        )
    if meta.get("tolerance") is not None:
        n = study.main[study.main["deletable"]]["n"]
        span = f"{n.min():,}" if n.min() == n.max() else f"{n.min():,} to {n.max():,}"
        lines.append(
            f"Measured until the damage was known to ±{meta['tolerance']:g} or the images were "
            f"used up: on {span} images."
        )
    for key, said in (("recalibrated_on", "Recalibrated on"), ("selected_on", "Chosen by")):
        if data := meta.get(key):
            name = f"{data['data_set']} {data['split']}"
            lines.append(f"{said} {counted(data['n'], 'image')} of {name}.")
    return lines
