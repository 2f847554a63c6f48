"""Which networks a sentence may set side by side, and how it writes numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resprobe.errors import InputError
from resprobe.figures.lesion.reading import reported
from resprobe.figures.meta import data_of, networks_of
from resprobe.figures.series import Series, gather
from resprobe.figures.theme import short_text
from resprobe.results import Result

__all__ = [
    "LONGEST",
    "Kin",
    "chance_of",
    "data_by_label",
    "factor",
    "kin_of",
    "like_with_like",
    "percent",
    "points",
    "rounded",
    "unlike",
]

Kin = Mapping[str, tuple[bool, int]]
"""Network -> (whether it is plain, number of blocks)."""

LONGEST = 60
"""Letters of a name in a heading or a cell; longer ones lose their middle."""
_BLOCK_COLUMN = {"blocks": "block", "lesion": "blocks", "gradflow": "block"}


def kin_of(results: Sequence[Result]) -> dict[str, tuple[bool, int]]:
    """Tell which networks are plain and how many blocks they have.

    The rows of lesions, gradient flow and block tables know; else what ``meta`` says of a
    network. What cannot be read adds nothing.
    """
    kin: dict[str, tuple[bool, int]] = {}
    for result in results:
        for network, known in _known(result).items():
            if known[1]:
                kin.setdefault(network, known)
    for result in results:
        for entry in networks_of(result.meta):
            blocks = entry.get("blocks")
            if isinstance(blocks, int) and not isinstance(blocks, bool):
                kin.setdefault(str(entry["network"]), (entry.get("plain") is True, blocks))
    return kin


def _known(result: Result) -> dict[str, tuple[bool, int]]:
    """Return what the rows of a result know, network by network."""
    if result.name not in _BLOCK_COLUMN:
        return {}
    column, known = _BLOCK_COLUMN[result.name], {}
    try:
        for one in gather(result, name=result.name, numbers=(), texts=("kind", column)):
            rows = reported(one.rows) if result.name == "lesion" else one.rows
            blocks = rows[column][rows["kind"].isin(["identity", "transition"])]
            known[one.network] = (one.is_plain, int(blocks.nunique()))
    except (InputError, KeyError):
        return {}
    return known


def like_with_like(
    series: Sequence[Series], kin: Kin, results: Sequence[Result]
) -> list[tuple[Series, Series]]:
    """Pair every plain network with every residual one of as many blocks on the same images.

    ``series`` are all that :func:`resprobe.figures.series.gather` found in ``results``.
    """
    data = data_by_label(series, results)
    return [
        (plain, residual)
        for plain, residual in _of_one_depth(series, kin)
        if data[plain.label] == data[residual.label]
    ]


def unlike(series: Sequence[Series], kin: Kin, results: Sequence[Result]) -> list[str]:
    """Say once that plain and residual networks are not compared, as their images differ."""
    pairs = _of_one_depth(series, kin)
    if not pairs or like_with_like(series, kin, results):
        return []
    data = data_by_label(series, results)
    seen = [f"{one.label} ({_written(data[one.label])})" for one in pairs[0]]
    return [f"{seen[0]} and {seen[1]} were not measured on the same images: no comparison."]


def data_by_label(series: Sequence[Series], results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """Return the images that each network saw: ``data_set``, ``split`` and ``n``, where known."""
    shared = (data_of(result.meta) for result in results for _ in result.frame["network"].unique())
    return {
        one.label: {**data, **data_of(one.facts)} for one, data in zip(series, shared, strict=True)
    }


def _of_one_depth(series: Sequence[Series], kin: Kin) -> list[tuple[Series, Series]]:
    known = [one for one in series if one.network in kin]
    return [
        (plain, residual)
        for plain in known
        for residual in known
        if kin[plain.network][0]
        and not kin[residual.network][0]
        and kin[plain.network][1] == kin[residual.network][1]
    ]


def _written(data: Mapping[str, Any]) -> str:
    def parts() -> Iterator[str]:
        if "n" in data:
            yield f"{data['n']:,} images" if isinstance(data["n"], int) else str(data["n"])
        for key in ("data_set", "split"):
            if key in data:
                yield str(data[key])

    return short_text(", ".join(parts()) or "images unknown", limit=LONGEST)


def chance_of(series: Series) -> float | None:
    """Return the accuracy of guessing among the network's classes, where they are known."""
    classes = series.facts.get("classes")
    return 1 / classes if isinstance(classes, int) and classes > 1 else None


def percent(fraction: float) -> str:
    """Write a fraction as percent.

    Examples
    --------
    >>> print(percent(0.1234).replace("\u00a0", " "))
    12.3 %
    >>> print(percent(1e-7).replace("\u00a0", " "))
    under 0.1 %
    """
    if 0 < fraction < 0.0005:
        return "under 0.1\u00a0%"
    return f"{100 * fraction:.1f}\u00a0%"


def points(difference: float) -> str:
    """Write a difference of two fractions as percentage points.

    Examples
    --------
    >>> print(points(-0.0123).replace("\u00a0", " "))
    −1.2 points
    """
    return f"{round(100 * difference, 1) + 0.0:.1f}\u00a0points".replace("-", "−")


def rounded(number: float, *, digits: int = 2) -> str:
    """Write a number with so many significant digits, and exponents only where it is long.

    Examples
    --------
    >>> rounded(1723.0), rounded(0.0251), rounded(314.159, digits=3), rounded(2.51e-7)
    ('1,700', '0.025', '314', '2.5e-07')
    """
    short = f"{number:.{digits}g}"
    return f"{float(short):,.0f}" if 10**digits <= abs(number) < 1e7 else short


def factor(ratio: float) -> str:
    """Write a ratio with two digits, a large one with three.

    Examples
    --------
    >>> factor(11480.0), factor(1.25)
    ('11,500', '1.2')
    """
    return rounded(ratio, digits=3 if ratio >= 100 else 2)
