"""Which architecture a state dict belongs to, by its keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from resprobe.checkpoints.states import check_finite, printable
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture

__all__ = ["canonical", "infer_architecture", "named_architecture", "with_weights"]

_BN = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"
_KEY = re.compile(
    rf"conv1\.weight|bn1\.{_BN}|fc\.(?:weight|bias)"
    rf"|layer(?P<stage>[123])\.(?P<block>0|[1-9]\d*)\.(?:conv[12]\.weight|bn[12]\.{_BN})"
)


def canonical(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Return the state with torchvision's names, and whether it had akamaster's.

    Akamaster's networks call the head ``linear``, torchvision's and ours ``fc``.
    """
    akamaster = "linear.weight" in state and "fc.weight" not in state
    if not akamaster:
        return dict(state), False
    return {re.sub(r"^linear\.", "fc.", key): value for key, value in state.items()}, True


def infer_architecture(state: Mapping[str, Tensor], path: Path) -> Architecture:
    """Recognise a network of the CIFAR family (6n+2 layers, option A) by keys and shapes.

    Plain and residual networks of that family have the same keys and shapes: the residual
    one is returned.

    Parameters
    ----------
    state : mapping
        Weights under torchvision's names, from :func:`canonical`.
    path : Path
        The file, for messages.

    Raises
    ------
    InputError
        If a key is unknown (a projection shortcut, a third convolution), a stage differs in
        its number of blocks, or a shape does not fit.
    """
    unknown = next((key for key in state if _KEY.fullmatch(key) is None), None)
    if unknown is not None:
        raise _fits_none(path, f"first unknown key: {printable(unknown)}")
    blocks = [_blocks(state, stage) for stage in "123"]
    n = len(blocks[0])
    if not n or any(indices != set(range(n)) for indices in blocks):
        counts = ", ".join(str(len(indices)) for indices in blocks)
        raise _fits_none(path, f"layer1, layer2 and layer3 hold {counts} blocks")
    architecture = _sized(f"resnet{6 * n + 2}", state, path)
    mismatch = _first_mismatch(state, architecture)
    if mismatch is not None:
        raise _fits_none(path, mismatch)
    return architecture


def named_architecture(name: str, state: Mapping[str, Tensor], path: Path) -> Architecture:
    """Return the architecture ``name`` with the sizes that the state has.

    Raises
    ------
    UsageError
        If there is no such architecture.
    InputError
        If keys or shapes do not fit it; the first that does not is named.
    """
    Architecture(name)
    architecture = _sized(name, state, path)
    mismatch = _first_mismatch(state, architecture)
    if mismatch is not None:
        raise InputError(f"{path}: does not fit {name} ({mismatch}); name another with --arch")
    return architecture


def with_weights(architecture: Architecture, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Build the network with copies of these weights, in float32, eval mode, on the CPU.

    A missing ``num_batches_tracked`` becomes 0: networks from before torch 0.4.1 lack it.

    Raises
    ------
    InputError
        If keys or shapes do not fit, or a value is NaN or infinite.
    """
    mismatch = _first_mismatch(state, architecture)
    if mismatch is not None:
        raise InputError(f"{path}: its weights do not fit {architecture.name} ({mismatch})")
    check_finite(state, path)
    network = architecture.build(device="meta")
    full: dict[str, Tensor] = {}
    for key, wanted in network.state_dict().items():
        value = state.get(key, torch.zeros(wanted.shape))
        full[key] = value.detach().to(
            wanted.dtype, copy=True, memory_format=torch.contiguous_format
        )
    network.load_state_dict(full, assign=True)
    return network.eval()


def _blocks(state: Mapping[str, Tensor], stage: str) -> set[int]:
    matches = (_KEY.fullmatch(key) for key in state)
    return {int(match["block"]) for match in matches if match and match["stage"] == stage}


def _sized(name: str, state: Mapping[str, Tensor], path: Path) -> Architecture:
    """Read width and channels off the first convolution, the classes off the head."""
    for key, dimensions in (("conv1.weight", 4), ("fc.weight", 2)):
        if key not in state:
            raise _fits_none(path, f"missing key: {key}")
        if state[key].ndim != dimensions:
            raise _fits_none(path, f"{key} has shape {_shape(state[key])}")
    width, in_channels = state["conv1.weight"].shape[:2]
    classes = state["fc.weight"].shape[0]
    try:
        return Architecture(name, num_classes=classes, in_channels=in_channels, width=width)
    except UsageError as error:
        raise _fits_none(path, str(error)) from error


def _first_mismatch(state: Mapping[str, Tensor], architecture: Architecture) -> str | None:
    wanted = architecture.build(device="meta").state_dict()
    for key, tensor in wanted.items():
        if key not in state:
            if key.endswith("num_batches_tracked"):
                continue
            return f"missing key: {key}"
        if state[key].shape != tensor.shape:
            return f"{key} is {_shape(state[key])}, wanted {_shape(tensor)}"
        if tensor.is_floating_point() and not state[key].is_floating_point():
            return f"{key} holds {state[key].dtype}, wanted floating point"
    unknown = next((key for key in state if key not in wanted), None)
    return None if unknown is None else f"unknown key: {printable(unknown)}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _fits_none(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: no architecture inside and the keys fit none of resnet20..1202 ({reason}); "
        "name it with --arch"
    )
