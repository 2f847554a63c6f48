"""Whether images have labels, and whether these are such as a network can learn or be held to."""

from __future__ import annotations

from torch import Tensor

from resprobe.datasets.protocol import Images
from resprobe.errors import InputError

__all__ = ["NO_LABEL", "check_labels", "check_range"]

NO_LABEL = -1
"""The label of every image of a set without labels."""


def check_labels(data: Images, *, wanted_for: str) -> None:
    """Raise InputError where images have no labels.

    Parameters
    ----------
    data : Images
        Of any kind.
    wanted_for : str
        What the labels are for: "training".
    """
    if not data.classes:
        raise InputError(
            f"{data.name} has no labels, and {wanted_for} wants them; give images in class folders"
        )


def check_range(labels: Tensor, outputs: int, *, name: str) -> None:
    """Raise InputError where labels are none of a network's outputs.

    Parameters
    ----------
    labels : Tensor
        (N,), integers.
    outputs : int
        Labels are in ``range(outputs)``.
    name : str
        Of the data set.
    """
    if not len(labels):
        return
    low, high = (int(end) for end in labels.aminmax())
    if low < 0 or high >= outputs:
        raise InputError(
            f"{name} has labels from {low} to {high} and the network's head {outputs} outputs, "
            f"which are for labels from 0 to {outputs - 1}; give images of its classes"
        )
