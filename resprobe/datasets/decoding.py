"""From one image file to RGB pixels, or to a sentence that says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from resprobe.errors import InputError, ResprobeError

__all__ = ["FORMATS", "opened", "rgb"]

FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")  # decoders that start no other program
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
WIDE = re.compile(r";16[BLN]")  # Pillow's names for 16 bits per channel, which it halves in RGB


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """Open an image file and close it again; nothing is decoded yet.

    Raises
    ------
    InputError
        If it does not open, or does not decode within the ``with``; the file is named.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            yield image
    except ResprobeError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InputError(
            f"{file}: does not decode as an image ({error}); known are {', '.join(FORMATS)}"
        ) from error


def rgb(image: Image.Image, file: Path) -> Image.Image:
    """Decode an opened image and convert it to RGB; grey, palettes and CMYK are converted.

    Raises
    ------
    InputError
        If it has more than 8 bits per channel, or more pixels than Pillow's limit.
    """
    stored = {mode for tile in getattr(image, "tile", []) for mode in WIDE.findall(str(tile[3]))}
    if image.mode not in MODES or stored:
        depth = image.mode + "".join(stored if image.mode in MODES else ())
        raise InputError(
            f"{file}: pixels of mode {depth} (more than 8 bits) would be clipped; "
            "save it with 8 bits"
        )
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise InputError(
            f"{file}: {image.width}x{image.height} pixels may be a decompression bomb; "
            "save it smaller"
        )
    return image.convert("RGB")
