"""Lesion studies as tables of a row per lesion; fractions as in the frame."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resprobe.cli.say import table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LesionStudy", "figures_table", "row_by_row", "with_interval"]


@dataclass(frozen=True)
class LesionStudy:
    """The rows that a table shows, those beside them, and what is known of them.

    Parameters
    ----------
    main : DataFrame
        Measured on all images to report, with the statistics that came with the network.
    whole : DataFrame
        Those, the candidates, and those with recalibrated statistics.
    classes : DataFrame or None
        By class.
    meta : dict
        Of the result.
    """

    main: pd.DataFrame
    whole: pd.DataFrame
    classes: pd.DataFrame | None
    meta: dict[str, Any]

    @property
    def labelled(self) -> bool:
        """Whether there are errors, and not only changes."""
        return bool((self.main["correct"] >= 0).any())

    @property
    def level(self) -> float:
        """Of the intervals."""
        return float(self.meta.get("confidence") or 0.95)

    @property
    def recalibrated(self) -> pd.DataFrame:
        """The rows with statistics that were measured anew."""
        return self.whole[(self.whole["batch_norm"] == "recalibrated") & ~self.whole["selection"]]

    @property
    def right(self) -> str:
        """The column of the share of images that are answered as wanted."""
        return "accuracy" if self.labelled else "agreement"

    def part(self, rows: pd.Series) -> LesionStudy:
        """Return the study of some of its rows, as a mask of ``main``."""
        return replace(self, main=self.main[rows])


def row_by_row(study: LesionStudy) -> list[str]:
    """Return a table of a row per lesion."""
    main = study.main
    columns: dict[str, Any] = {"network": main["network"], "lesion": main["lesion"]}
    columns |= {"block": main["name"], "kind": main["kind"]}
    return [figures_table(study, columns)]


def figures_table(study: LesionStudy, columns: dict[str, Any]) -> str:
    """Return the figures of every row behind the columns that say what it is."""
    import pandas as pd

    main = study.main
    figures = _figures(main.to_dict("records"), labelled=study.labelled)
    shown = pd.DataFrame(columns | figures)
    shown.loc[(main["lesion"] != "intact") & ~main["deletable"], list(figures)] = "-"
    for heading, texts in _beside(study).items():
        shown.insert(len(shown.columns) - 1, heading, texts)
    return table(shown)


def _figures(rows: Sequence[dict[Hashable, Any]], *, labelled: bool) -> dict[str, list[str]]:
    if not labelled:
        return {
            "agreement": [with_interval(row, "agreement", ".4f") for row in rows],
            "KL": [with_interval(row, "kl", ".4f") for row in rows],
        }
    return {
        "correct": [f"{row['correct']}/{row['n']}" for row in rows],
        "accuracy": [with_interval(row, "accuracy", ".4f") for row in rows],
        "error rise": [with_interval(row, "error_rise", "+.4f") for row in rows],
        "loss": [f"{row['loss']:.4f}" for row in rows],
    }


def _beside(study: LesionStudy) -> dict[str, pd.Series]:
    """Return what stands beside the raw figures: recalibrated, chosen by, the class hit hardest."""
    main, beside = study.main, {}
    for heading, rows in (
        ("recalibrated", study.recalibrated),
        ("on those chosen by", study.whole[study.whole["selection"]]),
    ):
        if len(rows):
            beside[heading] = _aligned(main, rows, lambda row: f"{row[study.right]:.4f}")
    if study.classes is not None and study.labelled:
        rows = study.classes[study.classes["batch_norm"] == "running"]
        rows = rows[rows["error_rise"].notna()].sort_values("error_rise", kind="stable")
        worst = rows.drop_duplicates(["network", "lesion", "draw"], keep="last")
        hit = _aligned(main, worst, lambda row: f"{row['class_name']} {row['error_rise']:+.4f}")
        beside["hit hardest"] = hit.where(main["lesion"] != "intact", "-")
    return beside


def _aligned(
    main: pd.DataFrame, rows: pd.DataFrame, text: Callable[[dict[Hashable, Any]], str]
) -> pd.Series:
    """Return a text for each row of the table, from the row of the same lesion."""
    import pandas as pd

    keys = ["network", "lesion", "draw"]
    found = {tuple(row[key] for key in keys): text(row) for row in rows.to_dict("records")}
    wanted = [tuple(row[key] for key in keys) for row in main.to_dict("records")]
    texts = [found.get(key, "-") for key in wanted]
    return pd.Series(["-" if text == "nan" else text for text in texts], index=main.index)


def with_interval(row: dict[Hashable, Any], figure: str, form: str) -> str:
    """Write a figure with its interval."""
    low, high = row[f"{figure}_low"], row[f"{figure}_high"]
    return f"{row[figure]:{form}} [{low:{form}}, {high:{form}}]"
