"""What theory says of gradients in random networks: their length, and how alike they are.

For the networks of :mod:`resprobe.probes.signals.laws`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from resprobe.probes.signals.laws import RECTIFIED

__all__ = [
    "block_growth",
    "correlation_of_shares",
    "gradient_growth",
    "normalised_correlation",
    "plain_correlation",
    "residual_correlation",
    "scaled_shortcut",
    "sent_back",
]


def gradient_growth() -> float:
    """Return the factor by which a plain network with BN lengthens the gradient, layer by layer.

    sqrt(pi / (pi - 1)): BN divides by the standard deviation of W ReLU(z).

    References
    ----------
    Yang et al. 2019, "A Mean Field Theory of Batch Normalization", section 3.

    Examples
    --------
    >>> round(gradient_growth(), 3)
    1.211
    """
    return 1 / math.sqrt(RECTIFIED)


def plain_correlation(blocks: int, *, layers: int = 1) -> float:
    """Return the correlation of two inputs' gradients below so many plain blocks with BN.

    A ReLU is on for half of the inputs and for both of two in a quarter of the cases: half of
    the correlation is left after each.

    Parameters
    ----------
    blocks : int
        Between where the gradient is looked at and the output.
    layers : int
        Of each.

    References
    ----------
    Balduzzi et al. 2017, theorem 1.

    Examples
    --------
    >>> [plain_correlation(blocks) for blocks in (0, 1, 2, 4)]
    [1.0, 0.5, 0.25, 0.0625]
    """
    return float(2.0 ** (-layers * blocks))


def residual_correlation(blocks: int, *, layers: int = 1) -> float:
    """Return the same for residual blocks without normalisation: (3/4)^blocks.

    A block carries half of the gradient's variance unchanged and half through its branch. It
    takes two units to be on together no more often than by chance, which holds for the first
    blocks only.

    References
    ----------
    Balduzzi et al. 2017, theorem 2.

    Examples
    --------
    >>> residual_correlation(1), residual_correlation(2), residual_correlation(1, layers=2)
    (0.75, 0.5625, 0.625)
    """
    return float(((1 + 2.0**-layers) / 2) ** blocks)


def normalised_correlation(
    blocks: int, *, before: int = 0, layers: int = 1, scale: float = 1.0
) -> float:
    """Return the same for residual blocks with BN in the branch.

    Block l has a shortcut of variance 1 + c scale^2 l, c = 1 - 1/pi, which its BN divides by:
    the branch sends back the share r = scale^2 c^(1 - layers) / (1 + c scale^2 l) of what the
    shortcut sends, and of its correlation 2^-layers: the product of (1 + r 2^-layers) / (1 + r).
    For deep networks about blocks^-0.73 (scale 1, one layer), between 1/sqrt(blocks), which is
    published, and 1/blocks.

    Parameters
    ----------
    blocks : int
        Between where the gradient is looked at and the output.
    before : int
        Blocks before that place.
    layers : int
        Of each branch.
    scale : float
        Factor of each branch, Balduzzi's beta.

    References
    ----------
    Balduzzi et al. 2017, theorem 3, gives the order 1/(scale sqrt(blocks)).

    Examples
    --------
    >>> [round(normalised_correlation(blocks), 3) for blocks in (1, 2, 8, 32)]
    [0.75, 0.61, 0.314, 0.128]
    >>> round(normalised_correlation(32, scale=0.1), 3)
    0.866
    """
    found = 1.0
    for block in range(before, before + blocks):
        share = scale**2 * RECTIFIED ** (1 - layers) / (1 + RECTIFIED * scale**2 * block)
        found *= (1 + share * 2.0**-layers) / (1 + share)
    return found


def sent_back(share: float, *, layers: int, normalised: bool) -> float:
    """Return the variance of the gradient through a branch over that through its shortcut.

    A branch that adds ``share`` of the shortcut's variance sends back as much of the gradient's,
    and with BN, which divides by what ReLU takes off at each layer, share c^-layers, c = 1 - 1/pi.

    Parameters
    ----------
    share : float
        Var(branch) / Var(shortcut).
    layers, normalised
        Weighted layers of the branch, and whether it has BN.

    Examples
    --------
    >>> sent_back(1.0, layers=2, normalised=False)
    1.0
    >>> round(sent_back(RECTIFIED, layers=1, normalised=True), 6)
    1.0
    """
    return share * RECTIFIED**-layers if normalised else share


def correlation_of_shares(
    shares: Sequence[float], *, layers: Sequence[int], normalised: Sequence[bool]
) -> float:
    """Return the same from what the branches add to the variance forward, block by block.

    With r what a branch sends back (:func:`sent_back`) the product of (1 + r 2^-layers) / (1 + r).
    Shares of 1 without normalisation, and those of ``normalised_share`` with it, give the two laws
    above; shares of 0, identities, give 1.

    Parameters
    ----------
    shares : sequence of float
        Var(branch) / Var(shortcut) of the blocks between where the gradient is looked at and the
        output.
    layers, normalised : sequence
        Of each branch, as in :func:`sent_back`.

    Examples
    --------
    >>> from resprobe.probes.signals.laws import normalised_share
    >>> ideal = [normalised_share(block) for block in range(8)]
    >>> round(correlation_of_shares(ideal, layers=[1] * 8, normalised=[True] * 8), 3)
    0.314
    >>> correlation_of_shares([1.0, 0.0], layers=[1, 1], normalised=[False, False])
    0.75
    """
    found = 1.0
    for share, count, norm in zip(shares, layers, normalised, strict=True):
        back = sent_back(share, layers=count, normalised=norm)
        found *= 2.0**-count if math.isinf(back) else (1 + back * 2.0**-count) / (1 + back)
    return found


def block_growth(share: float, *, layers: int, normalised: bool) -> float:
    """Return the factor by which a block lengthens the gradient on its way back.

    sqrt(1 + r), r what its branch sends back; of a plain block (a share of NaN),
    :func:`gradient_growth` for each layer with BN, and 1 without any, He's initialisation.

    Examples
    --------
    >>> block_growth(3.0, layers=1, normalised=False), block_growth(0, layers=1, normalised=True)
    (2.0, 1.0)
    >>> round(block_growth(math.nan, layers=2, normalised=True), 3)
    1.467
    """
    if math.isnan(share):
        return gradient_growth() ** layers if normalised else 1.0
    return math.sqrt(1 + sent_back(share, layers=layers, normalised=normalised))


def scaled_shortcut(factor: float, blocks: int) -> float:
    """Return what is left of the gradient on the path through all shortcuts: factor^blocks.

    References
    ----------
    He et al. 2016, equation 7.

    Examples
    --------
    >>> f"{scaled_shortcut(0.5, 54):.1e}"
    '5.6e-17'
    """
    return float(factor**blocks)
