"""The explorer's widgets: a button for every block, and what follows a click."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from resprobe.errors import ResprobeError, first_line
from resprobe.notebook.markup import framed, paragraph, small
from resprobe.notebook.views import (
    accuracy_chart,
    lengths_chart,
    said_of,
    sizes_chart,
    tried_table,
)

if TYPE_CHECKING:
    from resprobe.notebook.explorer import Explorer

__all__ = ["Panel"]

_KEY = (
    "Click a block to delete it or put it back. ✕ deleted, ⇄ moved, ◆ transition. The stronger "
    "the orange, the more the error rises where that block alone is deleted; blue: it falls; "
    "no colour: not known."
)


class Panel:
    """The widgets of an explorer.

    Parameters
    ----------
    explorer : Explorer
        What is done by a click; its state alone decides what is shown.

    Attributes
    ----------
    blocks : list of Button
        By place.
    swap : ToggleButton
        While it is pressed, two blocks that are clicked change places.
    undo, reset, each : Button
        Take back the last change or all, delete every block alone.
    status : HTML
        What was seen, or why something could not be done.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self._chosen: int | None = None
        self.blocks = [self._button(place) for place in range(len(explorer.arrangement.order))]
        self.swap = widgets.ToggleButton(
            description="Swap",
            tooltip="Then click two blocks of one shape",
            layout=widgets.Layout(width="auto"),
        )
        self.undo = _command("Undo", "Take back the last change", self._doing(explorer.undo))
        self.reset = _command("Reset", "Put every block back", self._doing(explorer.reset))
        self.each = _command(
            "Delete each alone", "Colour every block by what it is worth", self._doing(self._each)
        )
        self.status, self._charts, self._tried = (widgets.HTML() for _ in range(3))
        self.swap.observe(self._swap_pressed, names="value")
        self.box = widgets.VBox(
            [
                widgets.HTML(framed(paragraph(self._title()))),
                self._rows_of_blocks(),
                widgets.HTML(framed(small(_KEY))),
                widgets.HBox([self.swap, self.undo, self.reset, self.each], layout=_wrapping()),
                self.status,
                self._charts,
                self._tried,
            ]
        )
        self.refresh()

    def view(self) -> dict[str, Any]:
        """Return what a front end shows the widgets by."""
        bundle: dict[str, Any] = self.box._repr_mimebundle_()
        return {kind: data for kind, data in bundle.items() if kind != "text/plain"}

    def _title(self) -> str:
        bench = self.explorer.bench
        data = bench.data.data
        kind = "plain" if bench.chain.is_plain else "residual"
        return (
            f"{bench.network}: {len(self.blocks)} {kind} blocks; {data.name} {data.split}, "
            f"{bench.data.n:,} images"
        )

    def _button(self, place: int) -> Any:
        button = widgets.Button(layout=widgets.Layout(width="3.2em", margin="1px", padding="0"))
        button.on_click(lambda _: self._doing(partial(self._clicked, place))())
        return button

    def _rows_of_blocks(self) -> Any:
        """Put the blocks of a stage together; where they are many, rows follow each other."""
        stages = []
        numbered = enumerate(self.explorer.bench.chain.blocks)
        for stage, members in groupby(numbered, key=lambda member: member[1].stage):
            buttons = [self.blocks[place] for place, _ in members]
            stages.append(
                widgets.VBox(
                    [
                        widgets.HTML(framed(small(f"stage {stage}"))),
                        widgets.Box(buttons, layout=_wrapping()),
                    ],
                    layout=widgets.Layout(
                        border="1px solid rgba(128, 128, 128, 0.35)",
                        margin="2px",
                        padding="2px 4px",
                    ),
                )
            )
        return widgets.Box(stages, layout=_wrapping())

    def _doing(self, work: Callable[[], None]) -> Callable[..., None]:
        """Do something and show what came of it, be it an error."""

        def do(*_: object) -> None:
            self.status.value = framed(paragraph("Measuring ..."))
            problem = ""
            try:
                work()
            except ResprobeError as error:
                problem = f"{error}."
            except Exception as error:  # a widget has nowhere else to say it
                problem = f"It could not be measured ({first_line(error)})."
            self.refresh(problem)

        return do

    def _clicked(self, place: int) -> None:
        explorer = self.explorer
        if not self.swap.value:
            explorer.toggle(explorer.arrangement.order[place])
        elif self._chosen is None:
            self._chosen = place
        else:
            one, self._chosen = self._chosen, None
            if one != place:
                explorer.swap(one, place)
                self.swap.value = False

    def _swap_pressed(self, _: object) -> None:
        self._chosen = None
        self.refresh()

    def _each(self) -> None:
        def progress(done: int, all_of_them: int) -> None:
            self.status.value = framed(paragraph(f"{done} of {all_of_them} deletions measured ..."))

        self.explorer.delete_each(progress)

    def refresh(self, problem: str = "") -> None:
        """Show the explorer's state; a value that stays is not sent again."""
        explorer = self.explorer
        bench, look = explorer.bench, explorer.look
        rises = explorer.rises
        for place, button in enumerate(self.blocks):
            self._show_block(place, button, rises)
        self.undo.disabled, self.reset.disabled = not explorer.can_undo, not look.lesion.k
        said = problem or self._asked() or said_of(look)
        self.status.value = framed(paragraph(said))
        charts = (
            accuracy_chart(look, bench.intact, classes=bench.chain.classes),
            lengths_chart(look, bench.intact),
            sizes_chart(bench, look),
        )
        self._charts.value = framed(*charts, small(_CHARTS))
        self._tried.value = framed(tried_table(explorer.tried)) if explorer.tried else ""

    def _asked(self) -> str:
        if not self.swap.value:
            return ""
        if self._chosen is None:
            return "Swap: click the first of two blocks of one shape."
        block = self.explorer.arrangement.order[self._chosen]
        return f"Swap: click the block that changes places with block {block}."

    def _show_block(self, place: int, button: Any, rises: dict[int, float]) -> None:
        explorer = self.explorer
        number = explorer.arrangement.order[place]
        block = explorer.bench.chain.blocks[number]
        deleted, moved = number in explorer.arrangement.deleted, number != place
        mark = "✕" if deleted else "⇄" if moved else "◆" if block.kind == "transition" else ""
        button.description = f"{mark}{number}"
        rise = rises.get(number)
        said = [f"block {number}", block.name, block.kind]
        said += [f"in the place of block {place}"] * moved + ["deleted"] * deleted
        said += [] if rise is None else [f"deleted alone: error {100 * rise:+.1f} points"]
        button.tooltip = ", ".join(said)
        button.disabled = not self._possible(place)
        button.style.button_color = _colour(rise, rises)
        button.style.text_decoration = "line-through" if deleted else "none"
        button.style.font_weight = "bold" if moved else "normal"
        button.layout.border = _border(deleted=deleted, moved=moved, chosen=place == self._chosen)

    def _possible(self, place: int) -> bool:
        """Whether a click would do something: not where a shape forbids it."""
        blocks = self.explorer.bench.chain.blocks
        if not self.swap.value:
            return bool(blocks[self.explorer.arrangement.order[place]].deletable)
        if self._chosen is None:
            return True
        one, other = blocks[self._chosen], blocks[place]
        return (one.in_shape, one.out_shape) == (other.in_shape, other.out_shape)


_CHARTS = (
    "Outlines and rings: the intact network. Line over the path lengths: 95 % of the paths, with "
    "their mean. ✕: no branch. Bars on the accuracy: Wilson 95 % intervals; dotted: chance."
)


def _wrapping() -> Any:
    return widgets.Layout(flex_flow="row wrap")


def _command(name: str, tooltip: str, do: Callable[..., None]) -> Any:
    button = widgets.Button(description=name, tooltip=tooltip, layout=widgets.Layout(width="auto"))
    button.on_click(do)
    return button


def _colour(rise: float | None, rises: dict[int, float]) -> str | None:
    """Return orange for a rise, blue for a fall, the stronger the larger beside all others."""
    if rise is None or math.isnan(rise):
        return None
    share = 0.08 + 0.72 * abs(rise) / (max(map(abs, rises.values())) or 1)
    return f"rgba({'213, 94, 0' if rise >= 0 else '0, 114, 178'}, {share:.2f})"


def _border(*, deleted: bool, moved: bool, chosen: bool) -> str:
    if chosen:
        return "3px double currentColor"
    if deleted:
        return "2px dashed currentColor"
    return "2px solid currentColor" if moved else "1px solid rgba(128, 128, 128, 0.5)"
