"""The table of claims that scripts leave, for programs and for people."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["claims_table", "shown"]


def claims_table(results: Path, *, only: Collection[str] | None = None) -> pd.DataFrame:
    """Return the headline of each script that left claims in a folder.

    Parameters
    ----------
    results : Path
        The folder, in which each script has one of its own.
    only : collection of str
        The names of the scripts; all by default.

    Raises
    ------
    InputError
        If the table is damaged.
    """
    import pandas as pd

    from resprobe.results import Result

    if not (results / "claims.csv").exists():
        return pd.DataFrame(columns=["number", "analysis"])
    frame = Result.load(results / "claims.csv").frame
    wanted = frame["analysis"].isin(only) if only is not None else True
    return frame[frame["headline"] & wanted].reset_index(drop=True)


def shown(measured: float, low: float, high: float, *, percent: bool) -> str:
    """Return a number with its interval, for people.

    Parameters
    ----------
    measured, low, high : float
        The number, and its interval; NaN where there is none.
    percent : bool
        Whether they are fractions, which are shown in percent.

    Examples
    --------
    >>> shown(0.00454, float("nan"), float("nan"), percent=True)
    '0.45 %'
    >>> shown(1.2109, 1.204, 1.22, percent=False)
    '1.21 [1.2, 1.22]'
    """
    if math.isnan(measured):
        return "-"
    value, *ends = (_rounded(x, percent=percent) for x in (measured, low, high))
    unit = " %" if percent else ""
    return f"{value}{unit}" if math.isnan(low) else f"{value}{unit} [{', '.join(ends)}]"


def _rounded(number: float, *, percent: bool) -> str:
    if percent:
        return f"{100 * number:.2f}" if abs(number) < 0.1 else f"{100 * number:.1f}"
    return f"{number:,.0f}" if 1_000 <= abs(number) < 1e6 else f"{number:.3g}"
