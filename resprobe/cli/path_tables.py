"""Path lengths as tables and sentences for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resprobe.cli.say import table

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.results import Result

__all__ = ["told", "told_law"]

WEIGHED = {
    "exact": "what they carry together",
    "rms": "number times rms norm",
    "sampled": "number times mean norm",
}


def told(result: Result) -> str:
    """Return a row per length with the methods side by side, and a sentence for each method."""
    import pandas as pd

    frame = result.frame
    keys = ["network", "transitions", "length", "paths_share"]
    shown = frame[keys].drop_duplicates().reset_index(drop=True)
    for method, rows in frame.groupby("method", sort=False):
        columns = pd.DataFrame({**rows[keys], **_columns(str(method), rows)})
        shown = shown.merge(columns, on=keys, how="left")
    shown["paths_share"] = shown["paths_share"].map("{:.3g}".format)
    n = int(frame["n"].iloc[0])
    end = "the images" if result.meta["at"] == "images" else "the first block's input"
    return "\n".join(
        [
            table(shown.rename(columns={"paths_share": "paths"})),
            f"paths: their share of all. L2 norms of the gradient at {end} per image, mean over "
            f"{n} image(s), ± standard error; * within the effective lengths.",
            *(line for entry in result.meta["networks"] for line in _sentences(entry)),
        ]
    )


def _columns(method: str, rows: pd.DataFrame) -> dict[str, Any]:
    marks = ["*" if effective else " " for effective in rows["effective"]]
    weights = [f"{weight:.4f}{mark}" for weight, mark in zip(rows["weight"], marks, strict=True)]
    found: dict[str, Any] = {}
    if method == "exact":
        found["together"] = _with_error(rows, "together")
        found["projection"] = rows["projection"].map("{:+.4f}".format).to_list()
    else:
        column = "rms" if method == "rms" else "norm"
        found[f"{method} norm"] = _with_error(rows, column)
    return {**found, f"{method} weight": weights}


def _with_error(rows: pd.DataFrame, column: str) -> list[str]:
    pairs = zip(rows[column], rows[f"{column}_se"], strict=True)
    return [f"{value:.3g} ± {error:.1g}" for value, error in pairs]


def _sentences(entry: dict[str, Any]) -> list[str]:
    lines = []
    for found in entry["paths"]:
        start = f"{entry['network']}, {found['method']}, transitions {found['transitions']}"
        weighed = WEIGHED[found["method"]]
        effective, asked = found["effective"], found["asked"]
        if effective is None:
            lines.append(f"{start}: the gradient is 0 along all paths.")
            continue
        lines.append(
            f"{start}: at least {found['share']:.4g} of the weight ({weighed}) is in the paths of "
            f"{effective['low']} to {effective['high']} of {found['blocks']} branches: "
            f"{_shares(effective)}."
        )
        if asked is not None:
            lines.append(f"{start}: lengths {asked['low']} to {asked['high']}: {_shares(asked)}")
            lines[-1] += f", {asked['weight']:.4f} of the weight."
    return lines


def _shares(held: dict[str, Any]) -> str:
    said = f"{held['paths_share']:.4g} of all paths"
    if held["projection"] is not None:
        said += f", {held['projection']:.4f} of the gradient"
    return said


def told_law(result: Result) -> str:
    """Return the number of paths by length, and what the lengths that were asked for have."""
    frame = result.frame
    blocks = int(frame["blocks"].iloc[0])
    shown = frame[["length", "paths"]].assign(share=frame["paths_share"].map("{:.4g}".format))
    lines = [table(shown), f"{2**blocks:,} paths through {blocks} block(s)."]
    asked = result.meta["asked"]
    if asked:
        lines.append(
            f"Lengths {asked['low']} to {asked['high']}: {asked['paths']} paths, "
            f"{asked['paths_share']:.6f} of all."
        )
    return "\n".join(lines)
