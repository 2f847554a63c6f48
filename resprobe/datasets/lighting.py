"""Changes of an image's colours along the principal components of ImageNet's."""

from __future__ import annotations

from resprobe.datasets.splitmix import ImageDraws

__all__ = ["COMPONENTS", "SPREAD", "lighting"]

COMPONENTS = (
    (0.2175, (-0.5675, -0.5808, -0.5836)),
    (0.0188, (0.7192, -0.0045, -0.6948)),
    (0.0045, (0.4009, -0.8140, 0.4203)),
)
"""Eigenvalues and eigenvectors (red, green, blue) of pixels in [0, 1], as in fb.resnet.torch."""
SPREAD = 0.1


def lighting(draws: ImageDraws) -> tuple[float, float, float]:
    """Return what is added to red, green and blue, for pixels in [0, 1]: p a l summed.

    Each component p has its eigenvalue l and a draw a of mean 0 and standard deviation 0.1.

    References
    ----------
    Krizhevsky et al. 2012, section 4.1; used by He et al. 2015, section 3.4. The numbers are
    those of the training code that Facebook published with its ResNets.
    """
    red = green = blue = 0.0
    for value, (of_red, of_green, of_blue) in COMPONENTS:
        amount = SPREAD * draws.normal() * value
        red, green, blue = red + amount * of_red, green + amount * of_green, blue + amount * of_blue
    return red, green, blue
