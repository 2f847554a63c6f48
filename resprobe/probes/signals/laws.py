"""What theory says of the variance in random networks, block by block.

All laws here are for wide fully connected networks with ReLU, weights from N(0, 2 / fan_in), and
inputs of unit variance that have nothing to do with each other. Blocks count from 0: ``l`` blocks
lie before block ``l``. A branch is BN-ReLU-W where there is normalisation and ReLU-W where there
is none.
"""

from __future__ import annotations

import math

__all__ = [
    "RECTIFIED",
    "normalised_second_moment",
    "normalised_share",
    "unnormalised_second_moment",
]

RECTIFIED = 1 - 1 / math.pi
"""Variance over mean square of ReLU(z), z standard normal: (1/2 - 1/(2 pi)) / (1/2) = 0.682."""


def normalised_second_moment(block: int) -> float:
    """Return E[x_l^2] before block l with normalised branches: each adds 1.

    References
    ----------
    De and Smith 2020, section 2.

    Examples
    --------
    >>> [normalised_second_moment(block) for block in (0, 1, 4)]
    [1.0, 2.0, 5.0]
    """
    return 1.0 + block


def unnormalised_second_moment(block: int) -> float:
    """Return E[x_l^2] before block l without normalisation: each branch doubles it.

    References
    ----------
    De and Smith 2020, section 2; Balduzzi et al. 2017, section 3.

    Examples
    --------
    >>> unnormalised_second_moment(10)
    1024.0
    """
    return 2.0**block


def normalised_share(block: int, *, first: float = RECTIFIED) -> float:
    """Return Var(branch) / Var(shortcut) of block l with normalised branches.

    The variance over a batch of W ReLU(z) is 1 - 1/pi, since its mean is not 0; the shortcut's
    is the sum of those before. About 1/l from some blocks on.

    Parameters
    ----------
    block : int
        l.
    first : float
        The share of block 0.

    References
    ----------
    De and Smith 2020, section 2 (about 1/l).

    Examples
    --------
    >>> [round(normalised_share(block), 3) for block in (0, 1, 3, 63)]
    [0.682, 0.405, 0.224, 0.016]
    """
    return first / (1 + first * block)
