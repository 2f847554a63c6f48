"""From an architecture and its weights to a network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from resprobe.checkpoints.heads import head_of
from resprobe.checkpoints.states import check_finite
from resprobe.networks import Architecture

__all__ = ["blank_state", "converted", "initial_head", "with_weights"]


@lru_cache(maxsize=8)  # the same few are compared, sized and built; the largest takes 0.3 s
def blank_state(architecture: Architecture) -> Mapping[str, Tensor]:
    """Return the names, shapes and dtypes of a network's state dict, without values.

    Examples
    --------
    >>> blank_state(Architecture("resnet56", shortcut="B"))["layer2.0.downsample.0.weight"].shape
    torch.Size([32, 16, 1, 1])
    """
    return MappingProxyType(architecture.build(device="meta").state_dict())


def initial_head(architecture: Architecture) -> dict[str, Tensor]:
    """Return the head of the network at its initialisation with seed 0, by its full names."""
    state = architecture.build(seed=0).state_dict()
    return {key: value for key, value in state.items() if key.startswith(f"{head_of(state)}.")}


def with_weights(architecture: Architecture, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Build the network with copies of these weights, in float32, eval mode, on the CPU.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    state : mapping
        Its weights, which are known to fit.
    path : Path
        The file, for messages.

    Raises
    ------
    InputError
        If a value is NaN or infinite.
    """
    check_finite(state, path)
    network = architecture.build(device="meta")
    network.load_state_dict(converted(state, blank_state(architecture)), assign=True)
    return network.eval()


def converted(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in the dtypes that a network wants; a count that is missing becomes 0."""
    full: dict[str, Tensor] = {}
    for key, tensor in wanted.items():
        value = state.get(key, torch.zeros(tensor.shape))
        full[key] = value.detach().to(
            tensor.dtype, copy=True, memory_format=torch.contiguous_format
        )
    return full
