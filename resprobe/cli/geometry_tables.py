"""The geometry of branches and states as tables and sentences for people."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from resprobe.cli.say import table

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.results import Result

__all__ = ["told"]


def told(*results: Result) -> str:
    """Return a row per block, a row per stage, and how the largest value goes with the depth."""
    blocks = next(result for result in results if result.name == "geometry")
    frame, settings = blocks.frame, blocks.meta["settings"]
    n, k = int(frame["n"].iloc[0]), settings["k"]
    lines = [
        table(_blocks(frame)),
        f"Jacobian of every branch at its input, mean over {n} image(s) ± standard error, in eval "
        "mode; sigma 1 is its largest singular value, C the number of classes; effective rank: "
        "participation ratio of all squared singular values; rank: values above "
        f"{settings['tolerance']:g} of the largest, among {k}; energy: share of the {k} largest; "
        "left-right: |cosine| of left and right singular vectors; residual: how far a value may "
        "be off, over sigma 1.",
    ]
    stages = _stages(blocks.meta["networks"])
    if len(stages):
        lines += [
            "",
            table(stages),
            "Identity blocks of a stage. States: cosine of a block's step with the whole way [of "
            "steps at right angles], spread of the steps' lengths over their mean, share of the "
            "variance on one axis. M = U_j^T J_i V_j of two different blocks, mean over pairs: "
            "share of its squares on the diagonal [of random directions], of J_i's k largest in "
            "M, and both together [of random directions].",
        ]
    return "\n".join([*lines, *_depths(blocks.meta.get("depth") or [])])


def _blocks(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.to_dict("records")
    shown = frame[["network", "block", "name", "stage", "kind"]].copy()
    shown["sigma 1"] = [_with_error(row, "sigma_1", ".3g") for row in rows]
    shown["sigma C+1 / 1"] = [_with_error(row, "beyond_classes", ".2f") for row in rows]
    shown["rank"] = [f"{'>= ' if row['rank_is_bound'] else ''}{row['rank']:.3g}" for row in rows]
    shown["effective rank"] = [_with_error(row, "effective_rank", ".3g") for row in rows]
    shown["energy"] = [_number(row["energy_share"], ".3f") for row in rows]
    shown["left-right"] = [_number(row["left_right"], ".2f") for row in rows]
    shown["residual"] = frame["residual"].map("{:.1g}".format)
    return shown


def _stages(networks: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for network in networks:
        for stage in network["stages"]:
            if stage["blocks"] < 2:
                continue
            chance = stage["blocks"] ** -0.5
            rows.append(
                {
                    "network": network["network"],
                    "stage": stage["stage"],
                    "blocks": stage["blocks"],
                    "cosine": f"{_with_error(stage, 'cosine', '.2f')} [{chance:.2f}]",
                    "spread": _with_error(stage, "variation", ".2f"),
                    "one axis": _with_error(stage, "first_axis", ".2f"),
                    "diagonal": f"{_with_error(stage, 'diagonal', '.2f')} [{1 / stage['k']:.2f}]",
                    "captured": _with_error(stage, "captured", ".3g"),
                    "both": f"{_with_error(stage, 'alignment', '.2g')} [{stage['chance']:.1g}]",
                }
            )
    return pd.DataFrame(rows)


def _depths(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for law in found:
        if math.isnan(law["slope"]):
            lines.append(
                f"{law['networks']} networks: how sigma 1 goes with the number of blocks wants at "
                f"least 3 depths, and there is {law['depths']}."
                if law["depths"] == 1
                else f"{law['networks']} networks: how sigma 1 goes with the number of blocks "
                f"wants at least 3 depths, and there are {law['depths']}."
            )
            continue
        lines.append(
            f"{law['networks']} networks: sigma 1 goes as the number of blocks to the power "
            f"{law['slope']:+.2f} [{law['low']:+.2f}, {law['high']:+.2f}], {law['n']} networks."
        )
    return lines


def _with_error(row: dict[Hashable, Any] | dict[str, Any], name: str, form: str) -> str:
    value, error = row[name], row[f"{name}_se"]
    if math.isnan(value):
        return "-"
    return f"{value:{form}}" if math.isnan(error) else f"{value:{form}} ± {error:.1g}"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"
