"""What is drawn: paths of every length, and signs. A draw depends on its seed alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["DrawnPaths", "draw_paths", "draw_signs"]


class DrawnPaths(NamedTuple):
    """Paths, each once, in an order in which neighbours share the most.

    Attributes
    ----------
    branches : bool array of shape (paths, blocks)
        In which blocks a path takes the branch; the last block's column is the first.
    which : int array of shape (blocks + 1, draws)
        The path that was drawn, by length.
    """

    branches: np.ndarray
    which: np.ndarray

    @property
    def nodes(self) -> np.ndarray:
        """Steps to take, block by block from the last: shape (blocks, 2), shortcuts and branches.

        Paths that agree down to a block have taken one step there.
        """
        fresh = np.ones(self.branches.shape, dtype=bool)
        differs = self.branches[1:] != self.branches[:-1]
        fresh[1:] = np.logical_or.accumulate(differs, axis=1)
        taken = (fresh & self.branches).sum(0)
        return np.stack([fresh.sum(0) - taken, taken], axis=1)


def draw_paths(blocks: int, draws: int, seed: int) -> DrawnPaths:
    """Draw, for every length k, so many times k of the blocks uniformly.

    Examples
    --------
    >>> drawn = draw_paths(3, 2, seed=0)
    >>> drawn.branches[drawn.which].sum(2).tolist()
    [[0, 0], [1, 1], [2, 2], [3, 3]]
    """
    generator = np.random.default_rng((seed, 0))
    order = generator.random((blocks + 1, draws, blocks)).argsort(2)
    taken = order < np.arange(blocks + 1)[:, None, None]
    branches, which = np.unique(taken.reshape(-1, blocks), axis=0, return_inverse=True)
    return DrawnPaths(branches, which.reshape(blocks + 1, draws))


def draw_signs(blocks: int, images: int, seed: int, draw: int) -> Tensor:
    """Draw -1 or 1 for every block and image; float32 of shape (blocks, images).

    Examples
    --------
    >>> sorted(set(draw_signs(5, 9, seed=0, draw=0).flatten().tolist()))
    [-1.0, 1.0]
    """
    generator = np.random.default_rng((seed, 1, draw))
    heads = generator.integers(0, 2, size=(images, blocks), dtype=np.int8)
    return torch.from_numpy(2.0 * heads.T - 1.0).float()
