"""A network and images at hand, to try one lesion after the other."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from resprobe.chain import Chain, block_places, for_inference, left_as_found
from resprobe.datasets import Batches
from resprobe.errors import UsageError
from resprobe.probes.bench.arrangement import Arrangement
from resprobe.probes.bench.lengths import path_lengths
from resprobe.probes.bench.looking import Look, see
from resprobe.probes.bench.prefixes import Prefixes, Stored
from resprobe.probes.bench.tables import lesion_result, size_table
from resprobe.probes.bench.unchanged import Unchanged
from resprobe.probes.lesions.figures import figures_of
from resprobe.probes.lesions.tally import Groups, measure, no_sums
from resprobe.probes.study import check_fit
from resprobe.results import Result

__all__ = ["MEMORY", "Workbench"]

MEMORY = 2**28
"""Bytes of activations that are kept by default: 256 MiB."""

_LOOKS = 512
"""Looks that are remembered; each is some kilobytes."""


class Workbench:
    """Delete and swap blocks of a network one lesion at a time, each answered in little time.

    What lies before the first block that was changed is not computed again: activations are
    kept, the longest unused ones given up first. The last 512 looks are remembered whole.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`; left as it is found after every look, also after one
        that failed.
    data : Batches
        Some hundred images answer at once. Without labels there is no accuracy, and figures
        are how often the answer is still that of the intact network.
    network : str
        Its name in tables.
    seed : int
        Said in the provenance; nothing is drawn at random.
    memory : int
        Bytes of activations that are kept at most. Beside them one batch is on its way.
    about : dict, optional
        What else results should say about the network.

    Raises
    ------
    InputError
        If images and network do not fit.
    UsageError
        If the memory is less than 0.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet14", in_channels=1, width=4).build()
    >>> bench = Workbench(unravel(model, data.example()), data)
    >>> look = bench.look(delete=[5])
    >>> look.lesion.label, look.steps_run, look.steps, look.lengths.mean
    ('delete:5', 1, 6, 2.5)
    """

    def __init__(
        self,
        chain: Chain,
        data: Batches,
        *,
        network: str = "network",
        seed: int = 0,
        memory: int = MEMORY,
        about: dict[str, Any] | None = None,
    ) -> None:
        if memory < 0:
            raise UsageError(f"memory to keep activations in is 0 bytes or more; got {memory}")
        check_fit(chain, data, labels=False)
        self.chain, self.data, self.network = chain, data, network
        self._seed, self._about = seed, about
        self._weights = Unchanged(chain)
        self._fast = for_inference(chain, data.example()).chain
        with left_as_found(chain, training=False), torch.inference_mode():
            self._prefixes = Prefixes(_bytes(self._fast, data), most=memory)
        self._looks: OrderedDict[Arrangement, Look] = OrderedDict()
        self._labels: list[Tensor] = []
        self._answers: list[Tensor] = []
        self.intact = self.look()

    @property
    def held(self) -> int:
        """Bytes of activations that are kept now."""
        return self._prefixes.held

    def look(
        self, *, delete: Iterable[int] = (), swap: Iterable[tuple[int, int]] = (), keep: bool = True
    ) -> Look:
        """Delete blocks, after those in pairs of places have changed places.

        Parameters
        ----------
        delete : iterable of int
            Numbers of blocks, wherever they stand.
        swap : iterable of (int, int)
            Places, from 0, one swap after the other.
        keep : bool
            Whether activations are kept for the next look.

        Raises
        ------
        UsageError
            If a number is none of a block.
        InputError
            If a block cannot be deleted, or two are not of one shape.
        ResprobeError
            If the weights of the network have changed since the workbench was made.
        """
        blocks = len(self.chain.blocks)
        arrangement = Arrangement.intact(blocks)
        for one, other in swap:
            for place in (one, other):
                if not 0 <= place < blocks:
                    raise UsageError(
                        f"the block in place {place} was to be swapped and the network has "
                        f"places 0 to {blocks - 1}"
                    )
            arrangement = arrangement.swapped(one, other)
        return self.at(Arrangement(arrangement.order, frozenset(delete)), keep=keep)

    def at(self, arrangement: Arrangement, *, keep: bool = True) -> Look:
        """Look at an arrangement of the blocks; raises as :meth:`look`."""
        arrangement.check(self.chain)
        self._weights.check()
        if arrangement in self._looks:
            self._looks.move_to_end(arrangement)
            return self._looks[arrangement]
        with left_as_found(self.chain, training=False), torch.inference_mode():
            look = self._measured(arrangement, keep=keep)
        self._looks[arrangement] = look
        while len(self._looks) > _LOOKS:
            self._looks.popitem(last=False)
        return look

    def singles(self, *, progress: Callable[[int, int], None] | None = None) -> dict[int, Look]:
        """Delete every block alone that can be; by its number.

        From the last to the first: nothing but the intact network need be kept meanwhile.

        Parameters
        ----------
        progress : callable, optional
            Called with (deletions done, deletions in all).
        """
        numbers = [n for n, block in enumerate(self.chain.blocks) if block.deletable]
        found = {}
        for done, number in enumerate(reversed(numbers), start=1):
            found[number] = self.look(delete=[number], keep=False)
            if progress:
                progress(done, len(numbers))
        return dict(sorted(found.items()))

    def magnitudes(self, look: Look) -> pd.DataFrame:
        """Return the sizes of branch and shortcut of every block, in the order they ran.

        Returns
        -------
        DataFrame
            ``place``, then ``network, block, name, stage, kind, n`` and the columns of
            :func:`resprobe.magnitude` that :data:`SIZES` names; NaN where a branch was left
            out, and in plain blocks.
        """
        return size_table(self.chain, self.data, look, network=self.network)

    def result(self, looks: Sequence[Look]) -> Result:
        """Return looks as a result "lesion": the intact network, then each as a row.

        The study is "single" where they are single deletions, "shuffle" where blocks were only
        moved, else "by-hand".
        """
        return lesion_result(
            self.chain, self.data, self.intact, looks, network=self.network, seed=self._seed,
            about=self._about,
        )  # fmt: skip

    def _measured(self, arrangement: Arrangement, *, keep: bool) -> Look:
        begin = time.perf_counter()
        lesion = arrangement.lesion(self.chain)
        program = arrangement.program(self.chain)
        start = self._prefixes.longest(program)
        depths = self._room(start) if keep else ()
        seen = see(self._fast, program, self._images(), start=start, keep=depths)
        for stored in seen.stored:
            self._prefixes.keep(program, stored)
        self._answers = self._answers or seen.logits  # the first look is the intact network
        sums = self._sums(seen.logits)
        return Look(
            arrangement=arrangement,
            lesion=lesion,
            figures=figures_of(sums.sum(0), labelled=bool(self.data.data.classes)),
            sizes=seen.sizes[block_places(self.chain)],
            lengths=path_lengths(self.chain, arrangement),
            sums=sums,
            steps=len(program),
            steps_run=len(program) - (start.depth if start else 0),
            seconds=time.perf_counter() - begin,
        )

    def _room(self, start: Stored | None) -> tuple[int, ...]:
        """Make room for what a look will keep; return after how many calls it does."""
        begin = start.depth + 1 if start else 0
        depths = tuple(depth for depth in self._prefixes.depths if depth >= begin)
        self._prefixes.make_room(depths, beside=start)
        return depths

    def _images(self) -> Iterator[Tensor]:
        first = not self._labels
        for x, y in self.data:
            if first:
                self._labels.append(y)
            yield x

    def _sums(self, logits: Sequence[Tensor]) -> Tensor:
        """Add up over the batches what the look answers beside the intact network."""
        sums = no_sums(2, groups := Groups())
        for whole, answer, y in zip(self._answers, logits, self._labels, strict=True):
            sums = sums + measure(torch.stack([whole, answer]), y, [(), ()], groups)
        return sums[1]


def _bytes(chain: Chain, data: Batches) -> list[int]:
    """Return, by number of calls, what the activations of all images take there."""
    example = data.example()
    hidden, sizes = chain.stem(example), []
    for step in chain.steps:
        sizes.append(hidden.untyped_storage().nbytes())
        hidden = step(hidden)
    return [-(-size * data.n // len(example)) for size in sizes]
