"""Names and shapes from a file as messages show them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

__all__ = ["listed", "printable", "shape_of"]

SHOWN = 6
"""How many names a message lists; how many more there are is said."""


def printable(text: str) -> str:
    r"""Return text from a file with control characters escaped, fit for a message.

    Examples
    --------
    >>> printable("layer1" + chr(27) + "[2J")
    'layer1\\x1b[2J'
    """
    return text if text.isprintable() else ascii(text)[1:-1]


def listed(names: Iterable[str]) -> str:
    """Return names in quotation marks, joined for a sentence.

    Examples
    --------
    >>> listed(["student.", "teacher."])
    "'student.' and 'teacher.'"
    >>> listed("abcdefgh")
    "'a', 'b', 'c', 'd', 'e', 'f' and 2 more"
    """
    quoted = [f"'{printable(name)}'" for name in names]
    if len(quoted) > SHOWN:
        return f"{', '.join(quoted[:SHOWN])} and {len(quoted) - SHOWN} more"
    return " and ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


def shape_of(tensor: Tensor) -> str:
    """Return the shape as it is written by hand.

    Examples
    --------
    >>> import torch
    >>> shape_of(torch.empty(64, 3, 7, 7)), shape_of(torch.tensor(0))
    ('64x3x7x7', 'a single number')
    """
    return "x".join(map(str, tensor.shape)) or "a single number"
