"""The table that a watch fills: one row per recorded step and block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from resprobe.chain import Block, PlainBlock

__all__ = ["COLUMNS", "FIGURES", "Row", "block_rows"]

FIGURES = (
    "ratio",
    "branch_norm",
    "shortcut_norm",
    "response_std",
    "identity",
    "residual",
    "input",
    "weight_gradient_norm",
    "weight_norm",
    "update_norm",
    "update_ratio",
)
"""The columns that are measured; :func:`resprobe.watch` says what they are."""

COLUMNS = {
    "step": "int64",
    "block": "int64",
    "name": "str",
    "stage": "int64",
    "kind": "str",
    "images": "int64",
    "branch_images": "int64",
    "overflow": "bool",
    **dict.fromkeys(FIGURES, "float64"),
}
"""All columns, in their order, and the type of each."""

Row = dict[str, int | float | bool | str]


def block_rows(
    step: int, blocks: Sequence[Block], figures: Mapping[str, Tensor], *, overflow: bool
) -> list[Row]:
    """Return the rows of one step, in the order of blocks."""
    values = {name: figures[name].tolist() for name in FIGURES}
    for number, block in enumerate(blocks):
        if isinstance(block, PlainBlock):
            values["branch_norm"][number] = math.nan
    images, branch_images = figures["images"].tolist(), figures["branch_images"].tolist()
    return [
        {
            "step": step,
            "block": number,
            "name": block.name,
            "stage": block.stage,
            "kind": block.kind,
            "images": int(images[number]),
            "branch_images": int(branch_images[number]),
            "overflow": overflow,
            **{name: values[name][number] for name in FIGURES},
        }
        for number, block in enumerate(blocks)
    ]
