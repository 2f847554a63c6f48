"""What the runs of the degradation experiment say together: a table, and a verdict per claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from resprobe.statistics import Spread, spread

__all__ = ["CLAIMS", "FIGURES", "Claim", "markdown", "summary"]

FIGURES = {
    "train_error_eval": "training, eval mode",
    "train_error": "training, as learnt",
    "validation_error": "validation",
    "test_error": "test",
}
"""Errors after the last epoch, the one that the claims are about first."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the difference in training error of a deep and a shallow network should be."""

    text: str
    deep: str
    shallow: str
    published: str
    above: bool

    @property
    def difference(self) -> str:
        """Name of the difference in the table."""
        return f"{self.deep} - {self.shallow}"

    def verdict(self, differences: Sequence[float]) -> str:
        """Say whether the differences of the seeds, in [-1, 1], bear the claim out."""
        if not differences:
            return "not measured"
        found = spread(differences)
        borne_out = sum((one > 0) == self.above for one in differences)
        size = f"{100 * found.mean:+.2f} points"
        if found.n == 1:
            answer = "holds" if borne_out else "fails"
            return f"{answer} with the one seed that there is: {size}, and so without an interval"
        interval = f"{size} [{100 * found.low:+.2f}, {100 * found.high:+.2f}], n = {found.n}"
        if 0 < borne_out < found.n:
            return f"undecided: it holds with {borne_out} of {found.n} seeds; {interval}"
        answer = "holds" if borne_out else "fails"
        sure = "" if found.low > 0 or found.high < 0 else "; the interval includes 0"
        return f"{answer} with all {found.n} seeds: {interval}{sure}"


CLAIMS = (
    Claim(
        text="plain-56 is above plain-20 in *training* error",
        deep="plain56",
        shallow="plain20",
        published="above, in training and test error (He et al. 2015, Fig. 6); test 13.31 % "
        "against 8.18 % (Li et al. 2018)",
        above=True,
    ),
    Claim(
        text="resnet-56 is not above resnet-20 in training error",
        deep="resnet56",
        shallow="resnet20",
        published="below, in training and test error (He et al. 2015, Fig. 6); test 6.97 % "
        "against 8.75 % (He et al. 2015), 5.89 % against 7.37 % (Li et al. 2018)",
        above=False,
    ),
)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean, sd and 95 % t interval over the seeds, of networks and of differences.

    Parameters
    ----------
    runs : DataFrame
        A row per run: ``name``, ``seed``, and the columns of :data:`FIGURES`.

    Returns
    -------
    DataFrame
        ``network`` (a name, or "deep - shallow" over the seeds that both have), ``figure``,
        ``n``, ``mean``, ``sd``, ``low``, ``high``; errors are fractions, NaN with one seed.
    """
    rows = []
    for figure in FIGURES:
        for name in runs["name"].unique():
            rows.append(_row(name, figure, spread(list(_values(runs, name, figure).values()))))
        for claim in CLAIMS:
            differences = _differences(runs, claim, figure)
            if differences:
                rows.append(_row(claim.difference, figure, spread(differences)))
    return pd.DataFrame(rows)


def _row(network: str, figure: str, found: Spread) -> dict[str, object]:
    return {"network": network, "figure": figure, **asdict(found)}


def _values(runs: pd.DataFrame, name: str, figure: str) -> dict[int, float]:
    chosen = runs[runs["name"] == name]
    return dict(zip(chosen["seed"].astype(int), chosen[figure].astype(float), strict=True))


def _differences(runs: pd.DataFrame, claim: Claim, figure: str) -> list[float]:
    deep, shallow = (_values(runs, name, figure) for name in (claim.deep, claim.shallow))
    return [deep[seed] - shallow[seed] for seed in deep if seed in shallow]


def markdown(runs: pd.DataFrame, setting: Mapping[str, str]) -> str:
    """Return the setting, the table of errors and the verdicts, for a page."""
    table = summary(runs)
    lines = [f"{name}: {said}.  " for name, said in setting.items()]
    lines += ["", f"| error (%) | n | {' | '.join(FIGURES.values())} |"]
    lines += ["| --- " * (2 + len(FIGURES)) + "|"]
    for network, rows in table.groupby("network", sort=False):
        found = {row["figure"]: row for _, row in rows.iterrows()}
        cells = [_cell(found[figure]) for figure in FIGURES]
        n = int(found["train_error"]["n"])
        lines.append(f"| {network} | {n} | {' | '.join(cells)} |")
    lines += ["", "| claim | published | here, in training error (eval mode) | as learnt |"]
    lines += ["| --- | --- | --- | --- |"]
    for claim in CLAIMS:
        said = [
            claim.verdict(_differences(runs, claim, figure))
            for figure in ("train_error_eval", "train_error")
        ]
        lines.append(f"| {claim.text} | {claim.published} | {said[0]} | {said[1]} |")
    return "\n".join(lines)


def _cell(row: pd.Series) -> str:
    mean = f"{100 * row['mean']:.2f}"
    if row["n"] < 2:
        return mean
    return f"{mean} ± {100 * row['sd']:.2f} [{100 * row['low']:.2f}, {100 * row['high']:.2f}]"
