"""A figure that a notebook shows by itself."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["Sheet"]

DOTS_PER_INCH = 90  # of a picture in a notebook


class Sheet(Figure):
    """A figure that pyplot does not know and that JupyterLab shows where a cell ends with it.

    Examples
    --------
    >>> Sheet(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=DOTS_PER_INCH)
        return picture.getvalue()
