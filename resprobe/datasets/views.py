"""Which part of a photograph a network is shown, at random or in the middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import Image

from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.datasets.decoding import opened, rgb
from resprobe.datasets.splitmix import ImageDraws
from resprobe.errors import InputError, ResprobeError

__all__ = ["View", "centre_view", "picture", "random_view", "transforms"]

AREA = (0.08, 1.0)
LOG_RATIO = (math.log(3 / 4), math.log(4 / 3))
TRIES = 10
EDGE = 256 / 224
"""Short side of an image over the side of the middle that is cut out of it."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A square picture of one image.

    Parameters
    ----------
    top, left, height, width : int
        What is cut out, in pixels of the image after it is resized to ``full``.
    side : int
        Height and width that the cut is resized to.
    full : tuple of (int, int), optional
        Height and width that the whole image is resized to first.
    mirrored : bool
        Left and right are changed over at last.
    """

    top: int
    left: int
    height: int
    width: int
    side: int
    full: tuple[int, int] | None = None
    mirrored: bool = False

    def of(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return the picture, (side, side, 3), resized bilinearly with antialiasing."""
        act = transforms()
        if self.full is not None and self.full != (image.height, image.width):
            image = act.resize(image, list(self.full))
        image = act.crop(image, self.top, self.left, self.height, self.width)
        if (self.height, self.width) != (self.side, self.side):
            image = act.resize(image, [self.side, self.side])
        return np.asarray(act.horizontal_flip(image) if self.mirrored else image)


def picture(file: Path, choose: Callable[[int, int], View]) -> npt.NDArray[np.uint8]:
    """Decode a file and return its view, (side, side, 3); ``choose`` gets height and width.

    Raises
    ------
    InputError
        If it does not decode, has more than 8 bits per channel, or would grow beyond Pillow's
        limit when its short side is resized; it is named.
    """
    with opened(file) as image:
        view = choose(image.height, image.width)
        high, wide = view.full or (image.height, image.width)
        if Image.MAX_IMAGE_PIXELS is not None and high * wide > Image.MAX_IMAGE_PIXELS:
            raise InputError(
                f"{file}: {image.width}x{image.height} pixels would be {wide}x{high} with a short "
                f"side of {min(high, wide)}; cut it to a less extreme shape"
            )
        return view.of(rgb(image, file))


def transforms() -> ModuleType:
    """Import torchvision's transforms.

    Raises
    ------
    ResprobeError
        If torchvision is not installed, or does not import here.
    """
    try:
        from torchvision.transforms.v2 import functional
    except ModuleNotFoundError as error:
        raise ResprobeError(
            "photographs are cut and resized by torchvision, which is not installed; get it with "
            '`pip install "resprobe[torchvision]"`'
        ) from error
    except Exception as error:  # built for another torch, it fails in its own ways
        raise ResprobeError(
            f"torchvision does not import here ({' '.join(str(error).split())}); install it again "
            "for this torch"
        ) from error
    found: ModuleType = functional
    return found


def centre_view(height: int, width: int, *, side: int) -> View:
    """Return the middle of an image whose short side is 256/224 of what is cut out.

    Examples
    --------
    >>> centre_view(375, 500, side=224)
    View(top=16, left=58, height=224, width=224, side=224, full=(256, 341), mirrored=False)
    """
    high, wide = full = _scaled(height, width, short=round(side * EDGE))
    return View(
        top=round((high - side) / 2),
        left=round((wide - side) / 2),
        height=side,
        width=side,
        side=side,
        full=full,
    )


def random_view(height: int, width: int, augmentation: Augmentation, draws: ImageDraws) -> View:
    """Return the view of an image of this size that the draws choose.

    :attr:`Crop.SCALE` draws the short side, whole and uniform, then a place for the window;
    :attr:`Crop.RESIZED` a share of the area, uniform, and an aspect ratio, uniform in its
    logarithm, ten times if need be, until they fit; else it is the largest middle part of
    such a ratio.

    References
    ----------
    He et al. 2015, section 3.4, after Krizhevsky et al. 2012 and Simonyan and Zisserman 2014
    (SCALE); Szegedy et al. 2014, section 6 (RESIZED).
    """
    if augmentation.crop is Crop.SCALE:
        view = _scale(height, width, augmentation, draws)
    else:
        view = _resized(height, width, augmentation.crop_size, draws)
    return replace(view, mirrored=augmentation.flip and draws.uniform() < 0.5)


def _scale(height: int, width: int, augmentation: Augmentation, draws: ImageDraws) -> View:
    low, high = augmentation.short_side
    side = augmentation.crop_size
    full = _scaled(height, width, short=low + draws.below(high - low + 1))
    top, left = (draws.below(length - side + 1) for length in full)
    return View(top=top, left=left, height=side, width=side, side=side, full=full)


def _resized(height: int, width: int, side: int, draws: ImageDraws) -> View:
    for _ in range(TRIES):
        area = height * width * draws.uniform(*AREA)
        ratio = math.exp(draws.uniform(*LOG_RATIO))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            top, left = draws.below(height - high + 1), draws.below(width - wide + 1)
            return View(top=top, left=left, height=high, width=wide, side=side)
    least, most = (math.exp(end) for end in LOG_RATIO)
    wide = max(1, min(width, round(height * most)))
    high = max(1, min(height, round(width / least)))
    top, left = (height - high) // 2, (width - wide) // 2
    return View(top=top, left=left, height=high, width=wide, side=side)


def _scaled(height: int, width: int, *, short: int) -> tuple[int, int]:
    """Return the size with that short side; the long side is rounded down, as torchvision does."""
    if height <= width:
        return short, int(short * width / height)
    return int(short * height / width), short
