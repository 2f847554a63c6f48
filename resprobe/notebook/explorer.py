"""The lesion explorer: delete and swap blocks by hand, and see what the network still answers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resprobe.chain import Chain, block_table
from resprobe.datasets import Batches
from resprobe.drawing import Part, draw_chain
from resprobe.errors import UsageError
from resprobe.notebook.display import chain_parts, result_html
from resprobe.notebook.markup import framed, paragraph, small
from resprobe.notebook.views import measure_of, said_of
from resprobe.probes import Look, Workbench
from resprobe.probes.bench.arrangement import Arrangement
from resprobe.results import Result

if TYPE_CHECKING:
    from resprobe.notebook.panel import Panel

__all__ = ["Explorer", "explore"]

_AT_ONCE = 5.0  # seconds that single deletions may take before anything is shown
_WIDGETS = "Blocks are clicked where ipywidgets is installed: pip install 'resprobe[notebooks]'."


def explore(
    chain: Chain,
    data: Batches,
    *,
    images: int = 256,
    network: str = "network",
    seed: int = 0,
    singles: bool | None = None,
) -> Explorer:
    """Open the lesion explorer on a network: the last line of a cell in JupyterLab.

    Blocks stand in a row; a click deletes one or puts it back, and "Swap" exchanges two of one
    shape. Accuracy, path lengths and the sizes of the branches follow. Without ipywidgets it
    shows the single deletions as a picture.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`; left as it is found.
    data : Batches
        Images to answer.
    images : int
        How many of them, evenly spaced; all where there are fewer. A click is answered in time
        in proportion to it.
    network : str
        Its name in tables.
    seed : int
        Said in the provenance; nothing is drawn at random.
    singles : bool, optional
        Whether every block is deleted alone at first, so that blocks are coloured by what they
        are worth. By default where this takes no more than about 5 seconds, or there are no
        widgets.

    Returns
    -------
    Explorer

    Raises
    ------
    InputError
        If images and network do not fit.
    UsageError
        If the number of images is less than 1.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> data = load_data("embedded").subset(20)
    >>> data = Batches(data, data.normalisation)
    >>> model = Architecture("resnet14", in_channels=1, width=4).build()
    >>> explorer = explore(unravel(model, data.example()), data)
    >>> explorer.toggle(5)
    >>> explorer.swap(0, 1)
    >>> explorer.result().frame["lesion"].tolist()
    ['intact', 'delete:5', 'shuffle:0-1,delete:5']
    """
    if images < 1:
        raise UsageError(f"the explorer shows 1 image or more; got {images}")
    if images < data.n:
        data = Batches(
            data.data.subset(images), data.normalisation, data.batch_size, data.image_size,
            data.channels, data.smallest,
        )  # fmt: skip
    explorer = Explorer(Workbench(chain, data, network=network, seed=seed))
    if singles is None:
        about = explorer.bench.intact.seconds * len(chain.blocks) / 2
        singles = about <= _AT_ONCE or not _has_widgets()
    if singles:
        explorer.delete_each()
    return explorer


class Explorer:
    """A network on the bench, what was done to it, and what has been tried.

    Parameters
    ----------
    bench : Workbench
        The network and the images.

    Attributes
    ----------
    arrangement : Arrangement
        Which block stands where now, and which are deleted.
    look : Look
        What the network answers now.
    tried : list of Look
        Every lesion that was tried by hand, once, in order.
    alone : dict
        By block: what the network answers without that block alone, where it was looked at.
    """

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.arrangement, self.look = bench.intact.arrangement, bench.intact
        self.tried: list[Look] = []
        self.alone: dict[int, Look] = {}
        self._before: list[Arrangement] = []
        self._panel: Panel | None = None

    def toggle(self, block: int) -> None:
        """Delete a block, or put it back; raises as :meth:`resprobe.Workbench.look`."""
        self._go(self.arrangement.toggled(block))

    def swap(self, one: int, other: int) -> None:
        """Let the blocks in two places change places; raises as :meth:`resprobe.Workbench.look`."""
        places = range(len(self.arrangement.order))
        for place in (one, other):
            if place not in places:
                raise UsageError(
                    f"the block in place {place} was to be swapped and the network has places 0 "
                    f"to {len(places) - 1}"
                )
        self._go(self.arrangement.swapped(one, other))

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._before)

    def undo(self) -> None:
        """Take back the last change; does nothing where there is none."""
        if self._before:
            look = self.bench.at(self._before[-1])
            self._before.pop()
            self._show(look)

    def reset(self) -> None:
        """Put everything back; "undo" takes that back as well."""
        self._go(self.bench.intact.arrangement)

    def delete_each(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Delete every block alone, one after another, so that all are coloured."""
        self.alone |= self.bench.singles(progress=progress)

    def result(self) -> Result:
        """Return what was tried as a result "lesion", the intact network first."""
        return self.bench.result(self.tried)

    def _go(self, arrangement: Arrangement) -> None:
        look = self.bench.at(arrangement)  # first: what cannot be done changes nothing
        if arrangement != self.arrangement:
            self._before.append(self.arrangement)
        if look.lesion.k and look not in self.tried:
            self.tried.append(look)
        self._show(look)

    def _show(self, look: Look) -> None:
        self.arrangement, self.look = look.arrangement, look
        if look.lesion.k == 1 and look.arrangement.deleted:
            self.alone[look.lesion.blocks[0]] = look
        if self._panel:
            self._panel.refresh()

    @property
    def rises(self) -> dict[int, float]:
        """By block: how much the error rises where it is deleted alone, in [-1, 1].

        How many answers change, where there are no labels.
        """
        return {block: _rise(self.alone[block]) for block in sorted(self.alone)}

    def __repr__(self) -> str:
        return f"<Explorer of {self.bench.network}: {said_of(self.look)}>"

    def _repr_html_(self) -> str:
        """Show what is known, where no widget can be shown."""
        parts = [
            paragraph(f"{self.bench.network}. {said_of(self.look)}"),
            draw_chain(self._parts(), plain=self.bench.chain.is_plain, worth=self.worth),
        ]
        if self.alone:
            alone = [self.alone[block] for block in sorted(self.alone)]
            parts.append(result_html(self.bench.result(alone)))
        return framed(*parts, small("" if _has_widgets() else _WIDGETS))

    @property
    def worth(self) -> str:
        """What blocks are coloured by, with its unit."""
        labelled = measure_of(self.bench.intact) == "accuracy"
        what = "error rise" if labelled else "answers that change"
        return f"{what} where the block is deleted alone, points"

    def _parts(self) -> list[Part]:
        parts, number, rises = [], 0, self.rises
        for part in chain_parts(block_table(self.bench.chain, costs=False)):
            if part.is_block:
                rise = rises.get(number)
                said = "" if rise is None else f"\n{100 * rise:+.1f} points"
                value = None if rise is None else 100 * rise
                part = Part(part.kind, part.label, part.stage, value, part.said + said)
                number += 1
            parts.append(part)
        return parts

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Show the widget where there are widgets, and elsewhere the picture."""
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if _has_widgets():
            bundle |= self.panel.view()
        return bundle

    @property
    def panel(self) -> Panel:
        """The widgets; made when first asked for."""
        if self._panel is None:
            from resprobe.notebook.panel import Panel  # needs ipywidgets

            self._panel = Panel(self)
        return self._panel


def _rise(look: Look) -> float:
    labelled = measure_of(look) == "accuracy"
    return look.figures["error_rise"] if labelled else 1 - look.figures["agreement"]


def _has_widgets() -> bool:
    return importlib.util.find_spec("ipywidgets") is not None
