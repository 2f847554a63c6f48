"""The first part of a page: what each network is, drawn and block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from resprobe.drawing import Part, draw_chain
from resprobe.figures.lesion.reading import reported
from resprobe.figures.theme import short_text
from resprobe.report.compare import LONGEST, Kin
from resprobe.report.downloads import downloads
from resprobe.report.page import Section
from resprobe.report.sentences import network_sentences, worth_sentence
from resprobe.report.sentences.networks import OPENING
from resprobe.report.tables import blocks_table
from resprobe.results import Result

__all__ = ["opening"]

_COLUMNS = {"block", "name", "kind", "stage", "parameters", "out_shape"}
RISE = "points of error by its deletion"
CHANGE = "percent of answers changed by its deletion"


def opening(results: Sequence[Result], kin: Kin, order: Sequence[str]) -> list[Section]:
    """Return the section that names the networks, and one below it for each block table."""
    said = network_sentences(results, kin=kin)
    tables = [
        (str(network), rows.reset_index(drop=True), result)
        for result in results
        if result.name == "blocks"
        for network, rows in result.frame.groupby("network", sort=False)
    ]
    tables.sort(key=lambda table: order.index(table[0]))
    lesions = [result for result in results if result.name == "lesion"]
    return [
        Section("What is compared" if len(kin) > 1 else "What the network is", said, intro=OPENING),
        *(_one(*table, kin=kin, lesions=lesions) for table in tables),
    ]


def _one(
    network: str, frame: pd.DataFrame, result: Result, *, kin: Kin, lesions: Sequence[Result]
) -> Section:
    costs, worth = _costs(network, lesions)
    parts = [_part(row, costs) for row in frame.to_dict("records")]
    plain = kin.get(network, (False, 0))[0]
    table = frame.assign(error_rise=frame["block"].map(costs)) if worth == RISE else frame
    return Section(
        short_text(network, limit=LONGEST),
        [worth_sentence(_named(costs, frame))] if worth == RISE else [],
        figure=draw_chain(parts, plain=plain, worth=worth),
        drawing=True,
        figure_caption=_caption(plain, worth),
        table=blocks_table([Result("blocks", table, result.meta)]),
        table_caption="Shapes are channels × height × width; multiply-adds are those of one image.",
        downloads=downloads([result]),
        under=True,
    )


def _caption(plain: bool, worth: str) -> str:
    shape = "A box is a block" if plain else "A box is a branch, the arc over it its shortcut"
    diamond = "" if plain else ", with a diamond at a transition"
    colour = f"; colour: {worth}" if worth else ""
    unknown = " (a question mark: it cannot be deleted)" if worth and plain else ""
    return f"{shape}{diamond}{colour}{unknown}."


def _costs(network: str, lesions: Sequence[Result]) -> tuple[dict[int, float], str]:
    """Return what the deletion of each block costs, and what that is; empty where nobody knows."""
    for result in lesions:
        rows = reported(result.frame)
        rows = rows[(rows["network"].astype(str) == network) & (rows["k"] == 1)]
        blocks = pd.to_numeric(rows["blocks"], errors="coerce")
        rows, blocks = rows[blocks.notna()], blocks[blocks.notna()].astype(int)
        for column, sign, worth in (("error_rise", 1, RISE), ("agreement", -1, CHANGE)):
            if len(rows) and column in rows and rows[column].notna().any():
                costs = rows[column] if sign > 0 else 1 - rows[column]
                return dict(zip(blocks, costs.astype(float), strict=True)), worth
    return {}, ""


def _named(costs: dict[int, float], frame: pd.DataFrame) -> pd.Series:
    names = dict(zip(frame["block"], frame["name"], strict=True))
    known = [(f"block {b} ({names[b]})", cost) for b, cost in costs.items() if b in names]
    return pd.Series([c for _, c in known], index=[n for n, _ in known], dtype=float)


def _part(row: dict[object, object], costs: dict[int, float]) -> Part:
    number = int(str(row["block"]))
    is_block = number >= 0
    cost = costs.get(number, math.nan) if costs and is_block else None
    said = [f"block {number}, {row['kind']}" if is_block else str(row["kind"])]
    said.append(f"{row['in_shape']} to {row['out_shape']}, {row['parameters']:,} parameters")
    if cost is not None:
        known = math.isfinite(cost)
        said.append(f"deleted: {100 * cost:+.1f} points" if known else "cannot be deleted")
    return Part(
        kind=str(row["kind"]),
        label=str(row["name"]),
        stage=int(str(row["stage"])),
        value=None if cost is None else 100 * cost,
        said="\n".join(said).replace("-", "−") if cost is not None else "\n".join(said),
    )
