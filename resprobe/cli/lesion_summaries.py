"""Lesion studies of many lesions, brought down to what fits a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resprobe.cli.lesion_rows import LesionStudy, row_by_row, with_interval
from resprobe.cli.say import counted, table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_factor", "by_number", "pairs"]

SHOWN_PAIRS = 10


def by_factor(study: LesionStudy) -> list[str]:
    """Return a table of a row per block and a column per factor of its branch."""
    import pandas as pd

    column = "error" if study.labelled else "agreement"
    main = study.main[study.main["lesion"] != "intact"]
    lines = []
    for _, rows in main.groupby(["network", "blocks"], sort=False):
        line = {key: rows[key].iloc[0] for key in ("network", "blocks", "name", "kind")}
        found = zip(rows["alpha"], rows[column], strict=True)
        lines.append(line | {f"x {alpha:g}": f"{value:.4f}" for alpha, value in found})
    heading = f"{column.capitalize()} by the factor of the branch (0: deleted, 1: intact):"
    width = (study.main[f"{study.right}_high"] - study.main[f"{study.right}_low"]).max() / 2
    return [
        heading,
        table(pd.DataFrame(lines).replace("nan", "-")),
        f"{100 * study.level:.4g} % intervals are in --json and --out; the widest is ±{width:.4f}.",
    ]


def by_number(study: LesionStudy) -> list[str]:
    """Return a table of a row per number of deletions or swaps: means over the draws."""
    import pandas as pd

    column = "error" if study.labelled else "agreement"
    again, lines = study.recalibrated, []
    for (network, k), rows in study.main.groupby(["network", "k"], sort=False):
        with_transition = rows["transitions"] > 0
        line = {"network": network, "k": k, "draws": len(rows)}
        if rows["kendall_tau"].notna().any():
            line["tau"] = f"{rows['kendall_tau'].mean():.3f}"
        line[f"mean {column}"] = _mean(rows[column])
        line["least"], line["most"] = f"{rows[column].min():.4f}", f"{rows[column].max():.4f}"
        line["without transition"] = _mean_of_part(rows[column], ~with_transition)
        line["with transition"] = _mean_of_part(rows[column], with_transition)
        if len(again):
            same = (again["network"] == network) & (again["k"] == k)
            line["recalibrated"] = _mean(again[same][column])
        lines.append(line)
    return [
        table(pd.DataFrame(lines)),
        "In brackets: 95 % intervals of the mean over draws (Student's t, which may leave 0 to 1 "
        "with few draws); behind them, how many draws.",
    ]


def _mean(values: pd.Series) -> str:
    from resprobe.statistics import spread

    if values.empty:
        return "-"
    found = spread(values.to_list())
    if found.n == 1:
        return f"{found.mean:.4f}"
    return f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _mean_of_part(values: pd.Series, chosen: pd.Series) -> str:
    part = values[chosen]
    return f"{_mean(part)} ({len(part)})" if len(part) else "-"


def pairs(study: LesionStudy) -> list[str]:
    """Return the single deletions, and the pairs that interact most."""
    lines = row_by_row(study.part(study.main["k"] < 2))
    for network, rows in study.main[study.main["k"] == 2].groupby("network", sort=False):
        sure = (rows["interaction_low"] > 0) | (rows["interaction_high"] < 0)
        chance = (1 - study.level) * len(rows)
        which, shown = _most(rows)
        lines += [
            "",
            f"Interactions in {network} (rise of the pair minus the rises of its blocks), {which}:",
            _interactions(shown, labelled=study.labelled),
            f"The interval excludes 0 in {int(sure.sum())} of {counted(len(rows), 'pair')}; "
            f"by chance about {chance:.0f} would.",
        ]
    return lines


def _most(rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the pairs with the largest and the smallest interactions, and which they are."""
    import pandas as pd

    ordered = rows.sort_values("interaction", kind="stable", ascending=False)
    if len(ordered) <= 2 * SHOWN_PAIRS:
        return "all pairs", ordered
    which = f"the {SHOWN_PAIRS} largest and the {SHOWN_PAIRS} smallest of {len(rows)}"
    return which, pd.concat([ordered[:SHOWN_PAIRS], ordered[-SHOWN_PAIRS:]])


def _interactions(rows: pd.DataFrame, *, labelled: bool) -> str:
    import pandas as pd

    column = "error" if labelled else "agreement"
    shown = rows[["network", "lesion", "kind"]].copy()
    shown[column] = rows[column].map("{:.4f}".format)
    records = rows.to_dict("records")
    shown["interaction"] = [with_interval(row, "interaction", "+.4f") for row in records]
    return table(pd.DataFrame(shown))
