"""A frame as the cells of a table that people read."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import pandas as pd

__all__ = ["cells"]


def cells(frame: pd.DataFrame) -> dict[str, Any]:
    """Return ``columns``, ``rows`` of text, and which columns are ``numeric``.

    Examples
    --------
    >>> cells(pd.DataFrame({"a": [1.5, float("nan")]}))["rows"]
    [['1.5'], ['–']]
    """
    numeric = [
        pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        for dtype in frame.dtypes
    ]
    columns = [_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": [str(column) for column in frame.columns], "numeric": numeric, "rows": rows}


def _column(values: pd.Series) -> list[str]:
    """Write floats with as many decimals each, so that their points align.

    The largest has four digits; where the smallest would then keep fewer than two, or a
    number needs an exponent, each stands for itself.
    """
    cells = [_cell(value) for value in values]
    if not pd.api.types.is_float_dtype(values.dtype) or any("e" in cell for cell in cells):
        return cells
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return cells
    natural = max(len(cell.partition(".")[2]) for cell in cells)
    decimals = min(natural, max(0, 3 - math.floor(math.log10(max(sizes)))))
    if min(sizes) < 10.0 ** (1 - decimals) and decimals < natural:
        return cells
    return [
        f"{value:.{decimals}f}".replace("-", "−") if math.isfinite(value) else cell
        for value, cell in zip(values, cells, strict=True)
    ]


def _cell(value: Any) -> str:
    """Write one value as a reader wants it: four digits, a dash for what is missing."""
    if value is None or value is pd.NA or (isinstance(value, Real) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        whole = int(value)
        return (f"{whole:,}" if abs(whole) >= 10_000 else str(whole)).replace("-", "−")
    return f"{float(value):.4g}".replace("-", "−") if isinstance(value, Real) else str(value)
