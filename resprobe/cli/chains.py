"""From a network and images to its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resprobe.cli.say import others_on_stderr
from resprobe.errors import ChainError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resprobe.chain import Chain

__all__ = ["chain_of"]


def chain_of(
    model: nn.Module, example: torch.Tensor, *, channels: int | None = None, layers: bool = False
) -> Chain:
    """Find the chain of a network.

    Parameters
    ----------
    model : nn.Module
        On the example's device.
    example : Tensor
        (N, C, H, W): the images as the network is shown them.
    channels : int, optional
        Of the network's first convolution, where that is known.
    layers : bool
        Whether the layers of plain networks are its blocks.

    Raises
    ------
    ChainError
        If it is no chain; where it does not run on the images, what they could lack is said.
    """
    from resprobe.chain import unravel

    try:
        with others_on_stderr():
            return unravel(model, example, layers=layers)
    except ChainError as error:
        if "does not run on an example" not in str(error):
            raise
        raise ChainError(f"{error}; {_hint(example, channels)}") from error


def _hint(example: torch.Tensor, channels: int | None) -> str:
    shown, height, width = example.shape[1:]
    if channels is not None and channels != shown:
        return (
            f"its first convolution takes {channels} channel(s) and the images have {shown}, so "
            "show it others, or make it for these; if it is their size, --image-size resizes them"
        )
    return f"--image-size shows it another size than {height}x{width}"
