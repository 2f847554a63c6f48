"""What is kept of Jacobians and states: means over images, never an image's own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from resprobe.chain import Chain
from resprobe.probes.jacobians.alignment import Aligned, left_right
from resprobe.probes.jacobians.decomposition import Decomposition
from resprobe.probes.jacobians.setting import Setting, groups_of
from resprobe.probes.jacobians.trajectory import Trajectory
from resprobe.streams import Moments

__all__ = ["FIGURES", "OF_STAGE", "StageSums", "Sums"]

FIGURES = (
    "sigma_1", "frobenius", "energy_share", "effective_rank", "rank", "beyond_classes",
    "left_right",
)  # fmt: skip
"""What is measured of every block."""

OF_STAGE = (
    "variation", "straightness", "first_axis", "cosine", "alignment", "diagonal", "captured",
    "chance",
)  # fmt: skip
"""What is measured of every stage; the last four are means over pairs of different blocks."""


class StageSums:
    """Sums over images for the identity blocks of one stage.

    Parameters
    ----------
    blocks : list of int
        Their numbers.
    k : int
        Directions that are compared.
    """

    def __init__(self, blocks: Sequence[int], k: int) -> None:
        self.blocks, self.k, many = list(blocks), k, len(blocks)
        self.cosines, self.lengths = Moments(many), Moments(many)
        self.pairs = Moments(many * many * 4)
        self.matrices = Moments(k * k)
        self.whole = Moments(len(OF_STAGE))

    def add(
        self,
        way: Trajectory,
        scores: Sequence[Sequence[Aligned]],
        chances: Sequence[float],
        matrix: np.ndarray,
    ) -> None:
        """Take one image: its trajectory, and the scores of every pair, ``scores[i][j]``."""
        self.cosines.add(way.cosines[:, None])
        self.lengths.add(way.lengths[:, None])
        many = len(self.blocks)
        table = np.array(
            [[(*scores[i][j], chances[i]) for j in range(many)] for i in range(many)]
        ).reshape(many, many, 4)
        self.pairs.add(table.reshape(-1, 1))
        self.matrices.add(matrix.reshape(-1, 1))
        apart = table[~np.eye(many, dtype=bool)]
        pairs = apart.mean(0) if len(apart) else np.full(4, math.nan)
        of_way = (way.variation, way.straightness, way.first_axis, way.cosines.mean())
        self.whole.add(np.array([*of_way, *pairs])[:, None])


class Sums:
    """Sums over images of all blocks and stages of a network."""

    def __init__(self, chain: Chain, setting: Setting) -> None:
        blocks = chain.blocks
        self._setting, self._classes = setting, chain.classes
        self.held = [min(setting.k, math.prod(b.in_shape), math.prod(b.out_shape)) for b in blocks]
        self.figures = [Moments(len(FIGURES)) for _ in blocks]
        self.values = [Moments(held) for held in self.held]
        self.residuals = [0.0 for _ in blocks]
        self.bounded = [False for _ in blocks]
        self.stages = {
            stage: StageSums(numbers, self.held[numbers[0]])
            for stage, numbers in groups_of(chain).items()
        }

    def add(self, number: int, found: Decomposition) -> None:
        """Take the Jacobian of one block at one image."""
        values = found.values.numpy()
        self.values[number].add(values[:, None])
        self.residuals[number] = max(self.residuals[number], found.residual)
        large = values > self._setting.tolerance * values[0]
        rank = int(large.sum())
        more = len(values) < min(len(found.left), len(found.right))
        self.bounded[number] |= bool(more and rank == len(values))
        squares = float((values**2).sum())
        figures = {
            "sigma_1": values[0],
            "frobenius": math.sqrt(found.energy),
            "energy_share": squares / found.energy if found.energy else math.nan,
            "effective_rank": found.rank_of_energy,
            "rank": rank,
            "beyond_classes": self._beyond(values),
            "left_right": left_right(found),
        }
        self.figures[number].add([[figures[name]] for name in FIGURES])

    def _beyond(self, values: np.ndarray) -> float:
        """Return the first singular value beyond the classes, over the largest."""
        here = len(values) > self._classes and values[0] > 0
        return float(values[self._classes] / values[0]) if here else math.nan
