"""How a chain and a result show themselves where a notebook's cell ends with them."""

from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Any

import pandas as pd

from resprobe.drawing import Part, draw_chain
from resprobe.errors import ResprobeError, first_line
from resprobe.notebook.markup import framed, paragraph, small, table
from resprobe.results import Result

if TYPE_CHECKING:
    from resprobe.chain import Chain

__all__ = ["chain_html", "chain_parts", "result_html"]

_ROWS = 5  # of a result
_BLOCKS = 30  # rows of a chain's table
_COUNTED = 150  # steps whose multiply-adds are counted: about 20 ms each
_LARGEST = 1_000_000  # characters of an SVG: beyond it a picture of dots takes less
_outputs = count(1)


def chain_html(chain: Chain) -> str:
    """Show a chain as a drawing and its table of blocks.

    The model is not run on any image and is left as it was found. Of a long chain the table has
    the first and the last rows; multiply-adds are left out where there are many steps, or hooks
    that counting them would call.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> import torch
    >>> from resprobe import Architecture, unravel
    >>> chain = unravel(Architecture("resnet8").build(), torch.zeros(1, 3, 32, 32))
    >>> "3 residual blocks in 3 stages" in chain_html(chain)
    True
    """
    why = _not_counted(chain)
    rows = _block_table(chain, costs=not why)
    blocks = chain.blocks
    kind, stages = "plain" if chain.is_plain else "residual", max(b.stage for b in blocks)
    parameters = sum(parameter.numel() for _, parameter in chain.model_parameters)
    text = (
        f"A chain of {_many(len(blocks), f'{kind} block')} in {_many(stages, 'stage')}: "
        f"{parameters:,} parameters"
    )
    if not why:
        text += f", {int(rows['multiply_adds'].sum()):,} multiply-adds per image"
    return framed(
        paragraph(f"{text}."),
        draw_chain(chain_parts(rows), plain=chain.is_plain),
        _table_of_blocks(rows),
        small(why),
    )


def chain_parts(rows: pd.DataFrame) -> list[Part]:
    """Return what :func:`resprobe.drawing.draw_chain` draws from a table of blocks."""
    return [
        Part(
            kind=row["kind"],
            label=f"block {row['block']}: {row['name']}" if row["block"] >= 0 else row["name"],
            stage=row["stage"],
            said=f"{row['kind']}, {row['in_shape']} to {row['out_shape']}",
        )
        for row in rows.to_dict("records")
    ]


def result_html(result: Result) -> str:
    """Show a result as its figure, its first rows and what it rests on.

    Whatever is wrong with a result is said in a sentence; nothing is raised.

    Parameters
    ----------
    result : Result
        Of any kind.

    Returns
    -------
    str
        HTML, whose ids no other output of this session has.

    Examples
    --------
    >>> import pandas as pd
    >>> html = result_html(Result("notes", pd.DataFrame({"block": [0, 1]})))
    >>> "2 rows" in html, "No figure draws" in html
    (True, True)
    """
    frame: Any = result.frame
    if not isinstance(frame, pd.DataFrame):
        return framed(paragraph(f"{result.name}: it holds no table but a {type(frame).__name__}."))
    return framed(_figure(result), paragraph(_size(result)), *_first_rows(frame))


def _not_counted(chain: Chain) -> str:
    """Say why multiply-adds are not counted; empty where they are."""
    if len(chain.steps) > _COUNTED:
        return "Multiply-adds of so many steps take a while: block_table(chain) counts them."
    if any(m._forward_hooks or m._forward_pre_hooks for m in chain.modules()):
        return "The model has hooks, which counting multiply-adds would call: they are left out."
    return ""


def _block_table(chain: Chain, *, costs: bool) -> pd.DataFrame:
    from resprobe.chain import block_table  # a result is shown without torch

    return block_table(chain, costs=costs)


def _table_of_blocks(rows: pd.DataFrame) -> str:
    headings = ("block", "name", "kind", "stage", "in_shape", "out_shape", "parameters")
    columns = [*headings, *["multiply_adds"] * ("multiply_adds" in rows), "merge"]
    if not rows["merge"].any():
        columns.remove("merge")
    shown = rows[columns].astype(object)
    shown.loc[rows["block"] < 0, ["block", "stage"]] = float("nan")
    cells: list[Any] = shown.to_numpy().tolist()
    if len(cells) > _BLOCKS:
        half = _BLOCKS // 2
        cells[half:-half] = [f"… {len(cells) - _BLOCKS:,} more of {len(cells):,} steps …"]
    named = [
        column.replace("_", " ").replace("multiply adds", "multiply-adds") for column in columns
    ]
    return table(named, cells, caption="The steps of the chain")


def _figure(result: Result) -> str:
    from resprobe.figures import figure, svg_text  # the drawing libraries take seconds to load
    from resprobe.figures.kinds import KINDS
    from resprobe.report.svg import inline_svg

    if result.name not in KINDS:
        return paragraph(f"No figure draws a result named '{result.name}'.")
    try:
        made: Any = figure(result)
        number = next(_outputs)
        text = svg_text(made, salt=f"{result.name} {number}")
        if "<image" in text or len(text) > _LARGEST:
            dots = base64.b64encode(made._repr_png_()).decode()
            return f'<img alt="Figure of the result" src="data:image/png;base64,{dots}"/>'
        label = f"Figure of the result {result.name}"
        svg = inline_svg(text, prefix=f"resprobe-{number}-", label=label)
    except ResprobeError as error:
        return paragraph(f"No figure: {error}.")
    except Exception as error:  # whatever a broken frame leads to, the rows are still shown
        return paragraph(f"No figure could be drawn of these rows ({first_line(error)}).")
    return f'<div style="max-width: {made.get_figwidth():g}in">{svg}</div>'


def _size(result: Result) -> str:
    frame = result.frame
    text = f"{result.name}: {_many(len(frame), 'row')}"
    if "network" in frame.columns and len(frame):
        text += f" of {_many(frame['network'].astype(str).nunique(), 'network')}"
    if len(frame) > _ROWS:
        text += f", the first {_ROWS} of them"
    return text


def _first_rows(frame: pd.DataFrame) -> list[str]:
    """Return the table, and which columns have nothing in it."""
    empty = [str(c) for c, gone in zip(frame.columns, _is_empty(frame), strict=True) if gone]
    kept = frame.loc[:, [not gone for gone in _is_empty(frame)]]
    if not len(frame) or not len(kept.columns):
        return [small(f"Columns: {', '.join(map(str, frame.columns)) or 'none'}.")]
    rows = table(list(kept.columns), kept.head(_ROWS).to_numpy(dtype=object).tolist(),
                 caption="First rows of the result")  # fmt: skip
    return [rows, small(f"Columns with nothing in them: {', '.join(empty)}." if empty else "")]


def _is_empty(frame: pd.DataFrame) -> list[bool]:
    """Tell which columns have neither a number nor a text in any row."""
    whole = frame.isna() | (frame.astype(str) == "")
    return [bool(gone) for gone in whole.all()]


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
