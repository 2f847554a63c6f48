"""A figure that a notebook shows by itself, and that keeps the look it was made with."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from resprobe.figures.look import overrides, styled
from resprobe.figures.theme import theme

__all__ = ["Sheet", "look_of"]

DOTS_PER_INCH = 90  # of a picture in a notebook


class Sheet(Figure):
    """A figure that pyplot does not know and that JupyterLab shows where a cell ends with it.

    Examples
    --------
    >>> Sheet(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.look = dict(overrides())

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        with styled(self.look), theme():
            self.savefig(picture, format="png", dpi=DOTS_PER_INCH)
        return picture.getvalue()


def look_of(figure: Figure) -> Mapping[str, Any]:
    """Return the settings that a figure of ours was made with over the usual ones."""
    return figure.look if isinstance(figure, Sheet) else overrides()
