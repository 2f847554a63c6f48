"""Measure one image after the other: its states, the Jacobians there, and how they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from resprobe.chain import Chain, Passage, left_as_found, pass_through
from resprobe.datasets import Batches
from resprobe.errors import ResprobeError
from resprobe.probes.jacobians.alignment import Aligned, aligned, chance_of_alignment
from resprobe.probes.jacobians.decomposition import Decomposition, decomposed
from resprobe.probes.jacobians.products import Jacobian, differentiable
from resprobe.probes.jacobians.setting import Setting, branch_of, groups_of
from resprobe.probes.jacobians.sums import StageSums, Sums
from resprobe.probes.jacobians.trajectory import gram_of, trajectory
from resprobe.probes.portions import Portions

__all__ = ["measured", "pairs_of"]


def pairs_of(chain: Chain) -> int:
    """Return how many pairs of blocks are compared, each block with itself among them."""
    return sum(len(numbers) ** 2 for numbers in groups_of(chain).values())


@dataclass
class _States:
    """Inputs and outputs of the blocks at one image."""

    starts: list[Tensor] = field(default_factory=list)
    ends: list[Tensor] = field(default_factory=list)

    def see(self, passed: Passage) -> None:
        if passed.number is not None:
            self.starts.append(passed.start)
            self.ends.append(passed.end)


def measured(
    chain: Chain,
    data: Batches,
    setting: Setting,
    progress: Callable[[int, int], None] | None = None,
) -> Sums:
    """Measure all images, one at a time; progress is counted in products with a Jacobian.

    Raises
    ------
    ResprobeError
        If a state or a Jacobian is not finite; it names the block.
    """
    sums, portions = Sums(chain, setting), Portions()
    each = len(chain.blocks) * setting.products + pairs_of(chain) * setting.k
    done, total = 0, data.n * each

    def tick(products: int) -> None:
        nonlocal done
        done += products
        if progress:
            progress(done, total)

    image = 0
    with left_as_found(chain, training=False, requires_grad=False), differentiable():
        for x, _ in data:
            for at in range(len(x)):
                _measure(chain, x[at : at + 1], image, sums, setting, portions, tick)
                image += 1
    return sums


def _measure(
    chain: Chain, x: Tensor, image: int, sums: Sums, setting: Setting, portions: Portions,
    tick: Callable[[int], None],
) -> None:  # fmt: skip
    states = _States()
    with torch.no_grad():
        pass_through(chain, x, states.see)
    groups = groups_of(chain)
    compared = {number: stage for stage, numbers in groups.items() for number in numbers}
    kept: dict[int, list[tuple[Jacobian, Decomposition]]] = {stage: [] for stage in groups}
    for number, (block, start) in enumerate(zip(chain.blocks, states.starts, strict=True)):
        if not start.isfinite().all():
            raise ResprobeError(
                f"the input of {block.name} is not finite; check the weights (a network at "
                "initialisation may overflow in eval mode: train it first)"
            )
        jacobian = Jacobian(branch_of(block), start, portions)
        try:
            found = decomposed(
                jacobian, k=setting.k, oversampling=setting.oversampling,
                iterations=setting.iterations, generator=setting.generator(image, number),
            )  # fmt: skip
        except ResprobeError as error:
            raise type(error)(f"{block.name}: {error}") from error
        jacobian.forget()
        sums.add(number, found)
        tick(setting.products)
        stage = compared.get(number)
        if stage is None:
            continue
        kept[stage].append((jacobian, found))
        if len(kept[stage]) == len(groups[stage]):  # the last block of its stage
            ways = [states.starts[i] for i in groups[stage]] + [states.ends[number]]
            _compare(kept.pop(stage), ways, sums.stages[stage], tick)


def _compare(
    stage: Sequence[tuple[Jacobian, Decomposition]],
    states: Sequence[Tensor],
    sums: StageSums,
    tick: Callable[[int], None],
) -> None:
    """Take every block's Jacobian between every block's directions."""
    scores: list[list[Aligned]] = []
    matrices, pairs = np.zeros((sums.k, sums.k)), 0
    for i, (jacobian, found) in enumerate(stage):
        row = []
        for j, (_, other) in enumerate(stage):
            matrix = other.left.T @ jacobian.times(other.right)
            row.append(aligned(matrix, found.values))
            if i != j and found.values[0] > 0:
                matrices += (matrix / found.values[0]).abs().numpy()
                pairs += 1
            tick(sums.k)
        jacobian.forget()
        scores.append(row)
    chances = [chance_of_alignment(found) for _, found in stage]
    mean = matrices / pairs if pairs else np.full_like(matrices, np.nan)
    sums.add(trajectory(gram_of(states)), scores, chances, mean)
