"""The page with everything: a table of all claims, and each with its numbers and figures.

It is made from the docstrings of the scripts and the tables that they left, and from nothing else,
so that making it again changes nothing. What is to be said of the numbers in words stands in
``reading.md`` beside them, where somebody wrote one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from kit.claims import Claim, Verdict, claims_of, markdown, row, tabulated

from resprobe.errors import InputError
from resprobe.files import write_atomically
from resprobe.reproduction import Script, find_scripts
from resprobe.results import Result

__all__ = ["RESULTS", "write_page"]

HERE = Path(__file__).parents[1]
RESULTS = HERE / "results"
INTRODUCTION = Path(__file__).with_name("introduction.md")
MADE = ("command", "time", "resprobe", "torch", "python")
HEADS = ("", "claim", "verdict", "here [95 % interval]", "published", "n", "source", "all rows")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a script left."""

    script: Script
    claims: list[Claim]
    meta: dict[str, Any]
    folder: Path


def write_page(results: Path) -> Path:
    """Write the page of all results in a folder, and ``claims.csv`` beside them.

    The page of the results that are kept with the scripts is ``analyses/README.md``; any other
    folder has its own.
    """
    found = list(_found(results))
    if not found:
        raise InputError(f"{results}: no results of any script; run one, such as sizes.py")
    claims_table(found).save_as(results / "claims")
    page = HERE / "README.md" if results.resolve() == RESULTS else results / "README.md"
    folder = "results/" if page.parent == HERE else ""
    parts = [INTRODUCTION.read_text(encoding="utf-8").strip(), "## All claims", summary(found)]
    parts += [section(one, folder) for one in found]
    return write_atomically(page, "\n\n".join(parts) + "\n")


def _found(results: Path) -> Iterator[Found]:
    for script in find_scripts(HERE):
        folder = results / script.name
        if (folder / "claims.json").exists():
            table = Result.load(folder / "claims.csv")
            yield Found(script=script, claims=claims_of(table), meta=table.meta, folder=folder)


def claims_table(found: list[Found]) -> Result:
    """Return the claims of all scripts as one table; the first of a script is its headline."""
    frames = []
    for one in found:
        frame = tabulated(one.claims, {}).frame
        frame.insert(0, "number", one.script.number)
        frame.insert(1, "analysis", one.script.name)
        frame.insert(2, "headline", [i == 0 for i in range(len(frame))])
        frames.append(frame)
    made = {one.script.name: {fact: one.meta.get(fact) for fact in MADE} for one in found}
    return Result("claims", pd.concat(frames, ignore_index=True), {"analyses": made})


def summary(found: list[Found]) -> str:
    """Return the table that has one row for each script."""
    lines = [row(HEADS), row(["---"] * len(HEADS))]
    for one in found:
        first, script = one.claims[0], one.script
        lines.append(
            row([
                f"[{script.number}](#{anchor(script)})", first.claim,
                f"**{first.verdict.value}**", first.found, first.published, first.counted,
                first.source, counted(one.claims),
            ])
        )  # fmt: skip
    return "\n".join(lines)


def counted(claims: list[Claim]) -> str:
    """Say how many rows have each verdict."""
    verdicts = [claim.verdict for claim in claims]
    numbers = [(verdicts.count(v), v.value) for v in Verdict if v in verdicts]
    return ", ".join(f"{number} {verdict}" for number, verdict in numbers)


def heading(script: Script) -> str:
    """Return the heading of a script's section."""
    return f"{script.number} {script.title.rstrip('.')}"


def anchor(script: Script) -> str:
    """Return the anchor that Markdown makes of the heading.

    Lower case; letters, digits, spaces and hyphens are kept, spaces turned to hyphens.
    """
    kept = [c for c in heading(script).lower() if c.isalnum() or c in " -_"]
    return "".join(kept).replace(" ", "-")


def section(one: Found, folder: str) -> str:
    """Return what the page says of one script."""
    script = one.script
    parts = [f"## {heading(script)}", f"> {script.question}", _how(script), _notes(script)]
    parts.append(markdown(one.claims))
    reading = one.folder / "reading.md"
    if reading.exists():
        parts.append(reading.read_text(encoding="utf-8").strip())
    for shown in one.meta["figures"]:
        parts.append(f"![{shown['caption']}]({folder}{script.name}/{shown['file']})")
        parts.append(f"*{shown['caption']}*")
    return "\n\n".join(part for part in parts if part)


def _how(script: Script) -> str:
    lines = list(script.commands)
    if script.full:
        lines += ["# in the published setting:", *script.full]
    return "\n".join(["```sh", *lines, "```"])


def _notes(script: Script) -> str:
    said = [f"*Cost:* {script.cost}", f"*Source:* {script.source}"]
    if script.setting:
        said.insert(0, f"*Setting:* {script.setting}")
    return "  \n".join(said)
