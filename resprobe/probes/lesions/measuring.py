"""Measure the lesions of a round: over processes, at looks, with statistics measured anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import torch
from torch import Tensor

from resprobe.chain import Chain, Program, intact, prefix_tree, run_by_level, walk
from resprobe.datasets import Batches
from resprobe.probes.lesions.figures import figures_of
from resprobe.probes.lesions.looks import confidence_of, looks, needed, shuffled
from resprobe.probes.lesions.making import Lesion
from resprobe.probes.lesions.recalibration import Recalibrated
from resprobe.probes.lesions.sweep import Runner, Sweep, part_of
from resprobe.probes.lesions.tally import no_sums
from resprobe.training.distributed.world import World

__all__ = ["Measuring", "with_programs"]

STACKED = 4096
"""Images that go through a step at once on a GPU: beyond it a call takes longer, not less."""


def with_programs(
    chain: Chain, lesions: Sequence[Lesion]
) -> tuple[list[Program], list[tuple[int, ...]]]:
    """Return the intact network's program and those of the lesions that can be run.

    And, for each of them, the places of those that it is made of and without, or nothing.
    """
    programs, parts = [intact(chain)], [tuple[int, ...]()]
    place: dict[str, int] = {}
    for lesion in lesions:
        if lesion.program is not None:
            place[lesion.label] = len(programs)
            programs.append(lesion.program)
            parts.append((*(place[label] for label in lesion.parts), 0) if lesion.parts else ())
    return programs, parts


@dataclass
class Measuring:
    """How the lesions of a study are measured.

    Parameters
    ----------
    chain : Chain
        In eval mode, inside :func:`resprobe.chain.left_as_found`.
    fast : Chain
        The same network, as it is computed fastest.
    sweep : Sweep
        Shows images to programs.
    world : World
        The processes, each of which sees its share of the images.
    seed : int
        Of the order in which images come where one may stop early.
    tolerance : float, optional
        Half the width of an interval at which a lesion is measured narrowly enough.
    by_level : bool
        Whether the prefix tree is walked level by level, and not in depth.
    """

    chain: Chain
    fast: Chain
    sweep: Sweep
    world: World
    seed: int
    tolerance: float | None = None
    by_level: bool = False

    def confidence(self, images: int) -> float:
        """Return the level of the intervals over so many images."""
        return confidence_of(1 if self.tolerance is None else len(looks(images)))

    def plain(self, lesions: Sequence[Lesion], data: Batches, *, key: str) -> Tensor:
        """Measure the intact network and the lesions on all images; return the sums."""
        return self._measured(lesions, data, key=key, ends=[data.n], order=torch.arange(data.n))

    def at_looks(self, lesions: Sequence[Lesion], data: Batches, *, key: str) -> Tensor:
        """Measure each until its interval is narrow enough, or on all images."""
        if self.tolerance is None:
            return self.plain(lesions, data, key=key)
        order = shuffled(data.n, self.seed)
        return self._measured(lesions, data, key=key, ends=looks(data.n), order=order)

    def recalibrated(
        self, lesions: Sequence[Lesion], data: Batches, training: Batches, *, key: str
    ) -> Tensor:
        """Measure on all images, with BatchNorm statistics from training images.

        Returns
        -------
        Tensor of shape (1 + programs, groups, sums)
            First the intact network's, with statistics measured anew as well; all are
            compared with the intact network as it is, but for interactions, which are those
            of networks with statistics measured anew.
        """
        programs, parts = with_programs(self.chain, lesions)

        @cache  # measured when images are to be seen, not where all was kept
        def anew() -> Recalibrated:
            return Recalibrated(self.chain, programs, training)

        def runner(x: Tensor) -> Sequence[tuple[int, Tensor]]:
            return [(0, self.chain(x)), *((number + 1, out) for number, out in anew().run(x))]

        moved = [(), *(tuple(place + 1 for place in of) for of in parts)]
        share = self.world.share(torch.arange(data.n))
        return self._shown(runner, moved, data, share, key=key)[1:]

    def _measured(
        self,
        lesions: Sequence[Lesion],
        data: Batches,
        *,
        key: str,
        ends: Sequence[int],
        order: Tensor,
    ) -> Tensor:
        programs, parts = with_programs(self.chain, lesions)
        total = no_sums(len(programs), self.sweep.groups)
        going = list(range(len(programs)))
        for look, (begin, end) in enumerate(pairwise([0, *ends])):
            place = {number: at for at, number in enumerate(going)}
            runner = self._runner([programs[number] for number in going])
            of = [tuple(place[part] for part in parts[number]) for number in going]
            share = self.world.share(order[begin:end])
            total[going] += self._shown(runner, of, data, share, key=f"{key} look {look}")
            wide = [self._is_wide(total[number], data) for number in range(len(programs))]
            going = needed([w and n in going for n, w in enumerate(wide)], parts)
            if going == [0]:
                break
        return total

    def _shown(
        self,
        runner: Runner,
        parts: Sequence[Sequence[int]],
        data: Batches,
        share: Tensor,
        *,
        key: str,
    ) -> Tensor:
        if len(share):
            sums = self.sweep.run(runner, parts, part_of(data, share), key=key)
        else:
            sums = no_sums(len(parts), self.sweep.groups)
        return self.world.sum_over_ranks(sums)

    def _runner(self, programs: Sequence[Program]) -> Runner:
        """Walk in depth, or level by level, where equal calls on many images pay."""
        if self.by_level:
            return partial(_by_level, self.fast, programs)
        return partial(walk, self.fast, prefix_tree(programs))

    def _is_wide(self, sums: Tensor, data: Batches) -> bool:
        if self.tolerance is None:
            return True
        labelled = bool(data.data.classes)
        confidence = self.confidence(data.n)
        found = figures_of(sums.sum(0), labelled=labelled, confidence=confidence)
        name = "error_rise" if labelled else "agreement"
        return not found[f"{name}_high"] - found[f"{name}_low"] <= 2 * self.tolerance


def _by_level(chain: Chain, programs: Sequence[Program], x: Tensor) -> Iterator[tuple[int, Tensor]]:
    return run_by_level(chain, programs, x, most=STACKED)
