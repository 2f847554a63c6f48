"""What is done at random to a training image, as plain numbers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from resprobe.errors import UsageError

__all__ = ["Augmentation", "Crop"]


class Crop(enum.Enum):
    """How the part of an image that is learnt from is chosen."""

    PAD = "pad"
    """Zeros on every side, and a window of the image's own size (He et al. 2015, section 4.2)."""
    SCALE = "scale"
    """The shorter side drawn from ``short_side``, and a square window (He et al. 2015, 3.4)."""
    RESIZED = "resized"
    """A part of 8 to 100 % of the area and an aspect ratio of 3/4 to 4/3, made square."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What happens to an image before it is learnt from, each time it is seen.

    Parameters
    ----------
    crop : Crop
        Which part is shown.
    pad : int
        Zeros around an image, with :attr:`Crop.PAD`.
    flip : bool
        Mirror half of the images.
    colour : bool
        Add a random multiple of the principal components of ImageNet's colours.
    crop_size : int
        Height and width of what is shown, in pixels; not used with :attr:`Crop.PAD`.
    short_side : tuple of (int, int)
        Least and greatest length of the shorter side, in pixels, with :attr:`Crop.SCALE`.

    Raises
    ------
    UsageError
        If a number is out of range, or the crop is larger than the least short side.

    References
    ----------
    He et al. 2015, sections 3.4 and 4.2; Krizhevsky et al. 2012, section 4.1 (colour);
    Szegedy et al. 2014, section 6 (area and aspect ratio).
    """

    crop: Crop = Crop.PAD
    pad: int = 4
    flip: bool = True
    colour: bool = False
    crop_size: int = 224
    short_side: tuple[int, int] = (256, 480)

    def __post_init__(self) -> None:
        low, high = self.short_side
        if self.pad < 0 or self.crop_size < 1 or not 1 <= low <= high:
            raise UsageError(
                "an augmentation wants a pad of at least 0, a crop of at least 1 pixel and a "
                f"short side from small to large; got pad={self.pad}, crop_size={self.crop_size}, "
                f"short_side={low},{high}"
            )
        if self.crop is Crop.SCALE and self.crop_size > low:
            raise UsageError(
                f"crop=scale cuts squares of {self.crop_size} pixels from images whose short side "
                f"is {low} to {high}; choose a crop_size of at most {low}"
            )
