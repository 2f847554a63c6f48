"""How tables are written: percent, intervals, the columns that a reader wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from resprobe.figures.theme import short_text
from resprobe.report.compare import LONGEST
from resprobe.results import Result

__all__ = ["headed", "interval", "percent", "together"]


def together(results: Sequence[Result]) -> pd.DataFrame:
    """Return the rows of all results, networks as text that a column has room for."""
    frame = pd.concat([result.frame for result in results], ignore_index=True)
    names = frame["network"].astype(str)
    short = {name: short_text(name, limit=LONGEST) for name in names.unique()}
    unique = len(set(short.values())) == len(short)
    return frame.assign(network=names.map(short) if unique else names)


def percent(fractions: pd.Series) -> pd.Series:
    """Return fractions as percent with two decimals."""
    return (100 * fractions).round(2)


def interval(frame: pd.DataFrame, column: str) -> pd.Series:
    """Write the interval of a column of fractions in percent."""
    low, high = 100 * frame[f"{column}_low"], 100 * frame[f"{column}_high"]
    written = [
        f"{a:.1f} to {b:.1f}".replace(" ", "\u00a0").replace("-", "−")
        for a, b in zip(low, high, strict=True)
    ]
    return pd.Series(written, index=frame.index).where(low.notna(), "–")


def headed(results: Sequence[Result], headings: Mapping[str, str]) -> pd.DataFrame:
    """Return some columns under headings for people; those that say (%) become percent.

    What no row has is left out. A heading that says "interval" is that of a column's ``_low``
    and ``_high``.
    """
    frame, table = together(results), pd.DataFrame()
    for column, heading in headings.items():
        if heading.endswith("interval (%)"):
            ends = {f"{column.removesuffix('_interval')}_{end}" for end in ("low", "high")}
            if ends <= set(frame.columns) and frame[[*ends]].notna().any(axis=None):
                table[heading] = interval(frame, column.removesuffix("_interval"))
        elif column in frame and (frame[column].notna().any() or frame.empty):
            values = frame[column]
            if column == "block" and (values < 0).any():
                values = values.where(values >= 0)  # what stands in no block
            table[heading] = percent(values) if heading.endswith("(%)") else values
    return table
