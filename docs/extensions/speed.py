"""Tables of speed and memory, from what ``make bench`` saved."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extensions.places import GENERATED, ROOT, write_one

if TYPE_CHECKING:
    import pandas as pd
    from sphinx.application import Sphinx

TABLES = ROOT / "benchmarks" / "results"
Row = dict[str, Any]

TITLES = {
    "peers": "Beside other packages",
    "training": "Training and reading images",
    "growth": "How cost grows",
    "exponents": "Beside the law",
    "memory": "Memory of the deepest networks",
}


def page(folder: Path = TABLES) -> str:
    """Return the Markdown of all tables that are there."""
    return "\n\n".join(_parts(folder)) + "\n"


def _parts(folder: Path) -> Iterator[str]:
    import pandas as pd

    found = [name for name in TITLES if (folder / f"{name}.csv").exists()]
    if not found:
        yield "*There are no tables here yet: `make bench` measures them.*"
    said = ""
    for name in found:
        meta = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["meta"]
        frame = pd.read_csv(folder / f"{name}.csv", keep_default_na=True)
        yield f"## {TITLES[name]}"
        if (where := machine(meta)) != said:
            yield f"*{where}*"
            said = where
        if command := meta.get("command"):
            yield f"Measured by `{command}`."
        yield "\n\n".join(SHOWN[name](frame))


def machine(meta: dict[str, Any]) -> str:
    """Say what the numbers depend on.

    Examples
    --------
    >>> machine({"cpu": "Z80", "cores": 1, "threads": 1, "versions": {"torch": "2.1", "b": ""},
    ...          "python": "3.11", "date": "1976-07-01", "clock": "CPU seconds"})
    'Z80, 1 core, 1 thread; Python 3.11, torch 2.1; CPU seconds; 1976-07-01.'
    """
    counted = [
        f"{meta[what]} {what.removesuffix('s') if meta[what] == 1 else what}"
        for what in ("cores", "threads")
        if what in meta
    ]
    versions = [f"{name} {one}" for name, one in meta.get("versions", {}).items() if one]
    parts = [
        ", ".join([str(meta.get("cpu", "unknown processor")), *counted]),
        ", ".join([f"Python {meta['python']}"] * ("python" in meta) + versions),
        meta.get("clock", ""),
        meta.get("date", ""),
    ]
    return "; ".join(part for part in parts if part) + "."


def _beside(frame: pd.DataFrame) -> Iterator[str]:
    heads = ["work", "network", "beside", "theirs / resprobe's", "pairs", "images", "resprobe",
             "theirs", "numbers differ by", "note"]  # fmt: skip
    rows = [
        [*(words(row[name]) for name in ("work", "network", "against")),
         ranged(row["ratio"], row["ratio_low"], row["ratio_high"]), whole(row["rounds"]),
         whole(row["images"]), time(row["ours_s"]), time(row["theirs_s"]),
         agreement(row["agreement"]), words(row.get("note"))]
        for row in _rows(frame)
    ]  # fmt: skip
    yield table(heads, rows)


def _growth(frame: pd.DataFrame) -> Iterator[str]:
    for axis, part in frame.groupby("axis", sort=False):
        sizes = sorted(part["size"].unique())
        rows = []
        for probe, one in part.groupby("probe", sort=False):
            by_size = {row["size"]: row for row in _rows(one)}
            images = "" if axis == "images" else whole(one["images"].iloc[0])
            rows.append([str(probe), images] + [
                f"{time(by_size[size]['seconds'])} ({whole(by_size[size]['evaluations'])})"
                if size in by_size else "-" for size in sizes
            ])  # fmt: skip
        yield f"Time, and block evaluations in brackets, by {words(axis)}:"
        yield table(["probe", "images", *(whole(size) for size in sizes)], rows)
    yield collected(frame)


def collected(frame: pd.DataFrame) -> str:
    """Say what the garbage collector took of the times, in the deepest and at most."""
    share = frame["collector_s"] / frame["seconds"]
    if not share.notna().any():
        return "What Python's garbage collector took of these times was not measured."
    most = frame.loc[share.idxmax()]
    return (
        f"Of these times Python's garbage collector took {share.median():.0%} in the median, and "
        f"{share.max():.0%} at most ({most['probe']}, {whole(most['size'])} {most['axis']}): a "
        "collection of all that the process holds comes once in a while, whoever made it. The "
        "exponents below are of the times without it, where it was measured."
    )


def _exponents(frame: pd.DataFrame) -> Iterator[str]:
    heads = ["probe", "over", "exponent [95 % interval]", "its law", "the law's exponent",
             "between the two largest", "held to at most"]  # fmt: skip
    rows = [
        [row["probe"], words(row["axis"]), ranged(row["exponent"], row["low"], row["high"]),
         words(row["law"]), rounded(row.get("law_exponent")), rounded(row.get("last_exponent")),
         rounded(row.get("last_bound"))]
        for row in _rows(frame)
    ]  # fmt: skip
    yield (
        "Between the two largest sizes a cost is held to growing no faster than its law, with 0.15 "
        "to spare; where it stands above that bound, it departs from its law there. How much "
        "slower it may grow is not held to anything."
    )
    yield table(heads, rows)


def _memory(frame: pd.DataFrame) -> Iterator[str]:
    heads = ["command", "images", "peak", "said by --dry-run", "bound", "time"]
    rows = [
        [f"`{row['command']}`", whole(row["images"]), size(row["peak_bytes"]),
         size(row["estimate_bytes"]), size(row.get("bound_bytes")), time(row["seconds"])]
        for row in _rows(frame)
    ]  # fmt: skip
    yield table(heads, rows)


SHOWN: dict[str, Callable[[pd.DataFrame], Iterator[str]]] = {
    "peers": _beside, "training": _beside, "growth": _growth, "exponents": _exponents,
    "memory": _memory,
}  # fmt: skip


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; columns that say nothing are left out."""
    kept = [i for i in range(len(heads)) if any(row[i] not in ("", "-") for row in rows)]
    lines = [[heads[i] for i in kept], ["---"] * len(kept)]
    lines += [[row[i].replace("|", r"\|") for i in kept] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def words(value: Any) -> str:
    """Return a word of a table, or nothing where it is missing."""
    return "" if _missing(value) else str(value)


def whole(value: Any) -> str:
    """Return a count.

    Examples
    --------
    >>> whole(10_000.0), whole(float("nan"))
    ('10,000', '-')
    """
    return "-" if _missing(value) else f"{value:,.0f}"


def rounded(value: Any) -> str:
    """Return a number to three digits."""
    return "-" if _missing(value) else f"{value:.3g}"


def agreement(value: Any) -> str:
    """Return how far numbers are apart, or in words."""
    return words(value) if isinstance(value, str) else rounded(value)


def ranged(value: Any, low: Any, high: Any) -> str:
    """Return a number with its interval.

    Examples
    --------
    >>> ranged(2.345, 2.0, 2.5), ranged(2.345, float("nan"), float("nan"))
    ('2.35 [2, 2.5]', '2.35')
    """
    interval = "" if _missing(low) or _missing(high) else f" [{rounded(low)}, {rounded(high)}]"
    return rounded(value) + interval


def time(seconds: Any) -> str:
    """Return a time.

    Examples
    --------
    >>> time(0.0123), time(2.5), time(150)
    ('12.3 ms', '2.5 s', '150 s')
    """
    if _missing(seconds):
        return "-"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def size(number: Any) -> str:
    """Return a size in memory.

    Examples
    --------
    >>> size(3 * 2**30), size(300 * 2**20)
    ('3.00 GiB', '300 MiB')
    """
    if _missing(number):
        return "-"
    return f"{number / 2**30:.2f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _generate(_: Sphinx) -> None:
    write_one(GENERATED / "speed" / "tables.inc", page())


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the tables before the site is read."""
    app.connect("builder-inited", _generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
