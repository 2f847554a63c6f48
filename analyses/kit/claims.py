"""Published claims beside what is measured here: one row each.

How a script uses it::

    from kit.analysis import Analysis
    from kit.claims import Claim, signed

    def claims(results):
        row = results["ratio"].frame.iloc[0]
        yield Claim(
            claim="the branch is smaller than the shortcut: mean of ||F|| / ||s||",
            source="He et al. 2015, Fig. 7", published="below 1",
            measured=row["ratio"], low=row["ratio_low"], high=row["ratio_high"],
            n=row["n"], of="images", setting="ResNet-20; CIFAR-10, JPEG copies",
            verdict=signed(row["ratio"] - 1, row["ratio_low"] - 1, row["ratio_high"] - 1, -1),
        )

    ANALYSIS = Analysis(file=__file__, kinds=("ratio",), measure=measure, claims=claims,
                        captions={"ratio": "Size of the branches."})

    if __name__ == "__main__":
        ANALYSIS.run()

The verdict follows from the numbers by a rule that is written before they are known: ``near``
for a published number, ``signed`` for a published direction; what neither fits says its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import pandas as pd

from resprobe.reproduction import shown
from resprobe.results import Result

__all__ = [
    "Claim",
    "Verdict",
    "between",
    "claims_of",
    "markdown",
    "near",
    "row",
    "signed",
    "tabulated",
]


class Verdict(StrEnum):
    """What a measurement says of a claim."""

    REPRODUCED = "reproduced"
    SAME_DIRECTION = "same direction"
    NOT_REPRODUCED = "not reproduced"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim, and what is found of it.

    Attributes
    ----------
    claim : str
        In words, with the quantity that is measured.
    source : str
        Paper with section, figure, table or equation.
    published : str
        The published number or direction, in words.
    measured : float
        The same quantity here; NaN where it is not testable. Fractions in [0, 1].
    n : int
        How many of what ``of`` names stand behind it.
    of : str
        "images", "draws", "blocks", ...
    low, high : float
        95 % interval; NaN where there is none.
    setting : str
        Networks, images and training, where they differ from the paper's.
    verdict : Verdict
        What follows.
    percent : bool
        Whether the table for people shows percent.
    """

    claim: str
    source: str
    published: str
    measured: float = math.nan
    n: int = 0
    of: str = ""
    low: float = math.nan
    high: float = math.nan
    setting: str
    verdict: Verdict
    percent: bool = field(default=False)

    def __post_init__(self) -> None:
        for name in ("measured", "low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "n", int(self.n))
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        if math.isnan(self.measured) != (self.verdict is Verdict.NOT_TESTABLE):
            raise ValueError(f"{self.claim}: a verdict wants a number, and a number a verdict")

    @property
    def found(self) -> str:
        """The number with its interval, for people."""
        return shown(self.measured, self.low, self.high, percent=self.percent)

    @property
    def counted(self) -> str:
        """What stands behind the number, for people."""
        return f"{self.n:,} {self.of}".strip() if self.n else "-"


def near(
    measured: float,
    published: float,
    *,
    low: float = math.nan,
    high: float = math.nan,
    tolerance: float = 0.0,
    away_from: float | None = None,
) -> Verdict:
    """Judge a number by a published one.

    Parameters
    ----------
    measured, low, high : float
        What is found, with its 95 % interval.
    published : float
        What was found before, or follows from theory.
    tolerance : float
        How far off it may be, as a fraction of what is published: say why where it is not 0.
    away_from : float, optional
        The value that would speak against the claim. A number on the published side of it has
        the same direction; to be reproduced, its whole interval must lie there.

    Examples
    --------
    >>> near(1.2, 1.21, low=1.18, high=1.22).value, near(1.1, 1.21, away_from=1.0).value
    ('reproduced', 'same direction')
    """
    hit = low <= published <= high or abs(measured - published) <= tolerance * abs(published)
    if away_from is None:
        return Verdict.REPRODUCED if hit else Verdict.NOT_REPRODUCED
    side = math.copysign(1.0, published - away_from)
    if not side * (measured - away_from) > 0:
        return Verdict.NOT_REPRODUCED
    clear = all(side * (end - away_from) > 0 for end in (low, high) if not math.isnan(end))
    return Verdict.REPRODUCED if hit and clear else Verdict.SAME_DIRECTION


def signed(measured: float, low: float, high: float, sign: int) -> Verdict:
    """Judge a number by a published direction: 1 for above 0, -1 for below.

    Reproduced where the whole interval lies on that side, of the same direction where only the
    number does. Without an interval (NaN) a number has the same direction at best.

    Examples
    --------
    >>> signed(-0.2, -0.3, -0.1, -1).value, signed(-0.2, -0.5, 0.1, -1).value
    ('reproduced', 'same direction')
    """
    if sign * measured <= 0 or math.isnan(measured):
        return Verdict.NOT_REPRODUCED
    whole = min(sign * low, sign * high) > 0
    return Verdict.REPRODUCED if whole else Verdict.SAME_DIRECTION


def between(found: Mapping[str, Any], low: float, high: float) -> Verdict:
    """Judge that a number lies between two: with its whole interval, or alone."""
    if not low < found["measured"] < high:
        return Verdict.NOT_REPRODUCED
    whole = low < found["low"] and found["high"] < high
    return Verdict.REPRODUCED if whole else Verdict.SAME_DIRECTION


def tabulated(claims: Iterable[Claim], meta: dict[str, Any]) -> Result:
    """Return the claims as the Result "claims", one row each; ``meta`` says how it was run."""
    rows = [{**asdict(claim), "verdict": claim.verdict.value} for claim in claims]
    return Result("claims", pd.DataFrame(rows), meta)


def claims_of(result: Result) -> list[Claim]:
    """Return the claims that a saved table holds."""
    return [
        Claim(**{str(name): value for name, value in row.items()})
        for row in result.frame.to_dict("records")
    ]


def markdown(claims: Sequence[Claim]) -> str:
    """Return the table for people; a setting that all share stands above it, once."""
    settings = list(dict.fromkeys(claim.setting for claim in claims))
    lines = [f"{settings[0]}", ""] if len(settings) == 1 else []
    more = ["setting"] if len(settings) > 1 else []
    heads = ["claim", "source", "published", "here [95 % interval]", "n", *more, "verdict"]
    lines += [row(heads), row(["---"] * len(heads))]
    for claim in claims:
        setting = [claim.setting] if more else []
        lines.append(
            row([claim.claim, claim.source, claim.published, claim.found, claim.counted,
                 *setting, f"**{claim.verdict.value}**"])
        )  # fmt: skip
    return "\n".join(lines)


def row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    inside = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {inside} |"
