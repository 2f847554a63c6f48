"""The one kind of pickle that is read: a dictionary of plain values and numpy arrays."""

from __future__ import annotations

import _codecs
import io
import pickle
from typing import Any

import numpy as np

from resprobe.errors import InputError

__all__ = ["unpickle"]

_RECONSTRUCT = np.zeros(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}


class _Restricted(pickle.Unpickler):
    """Finds what an array needs, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def unpickle(data: bytes, *, name: str) -> dict[str, Any]:
    """Read a pickled dictionary without running anything that the pickle names.

    Only what rebuilds a numpy array can be called; every other name ends the reading
    before it is imported. What comes out may still hold anything that such a pickle can
    (object arrays too): a caller checks types, shapes and ranges.

    Parameters
    ----------
    data : bytes
        The pickle; text in pickles of Python 2 is read as Latin-1.
    name : str
        What an error calls it.

    Raises
    ------
    InputError
        If the pickle is damaged, asks for anything else, or is no dictionary.

    Examples
    --------
    >>> unpickle(pickle.dumps({"labels": [3]}), name="batch")
    {'labels': [3]}
    """
    try:
        value = _Restricted(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # a malformed pickle can raise nearly anything from within numpy
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{name}: not a pickle of plain arrays, so nothing of it was run or kept ({reason})"
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            f"{name}: holds a {type(value).__name__}, not the dictionary of a CIFAR batch"
        )
    return value
