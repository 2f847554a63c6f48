"""Load any common checkpoint, ours or foreign."""

from __future__ import annotations

import hashlib
from pathlib import Path

from resprobe.checkpoints.checkpoint import Checkpoint
from resprobe.checkpoints.content import decode, read_bytes
from resprobe.checkpoints.infer import (
    canonical,
    infer_architecture,
    named_architecture,
    with_weights,
)
from resprobe.checkpoints.ours import from_payload, is_ours
from resprobe.checkpoints.seal import broken, is_sealed
from resprobe.checkpoints.states import Found, find_state
from resprobe.datasets import Normalisation
from resprobe.errors import UsageError
from resprobe.networks import Architecture, count_parameters

__all__ = ["load"]


def load(path: str | Path, *, arch: str | None = None) -> Checkpoint:
    """Read a checkpoint: ours, or a state dict of a CIFAR network from anywhere.

    Foreign files are torch archives, old torch pickles or safetensors, told apart by their
    content; the weights may lie under ``state_dict_ema``, ``model_ema``, ``state_dict`` or
    ``model``, their names may begin with ``module.`` or ``_orig_mod.``. Nothing in a file is
    ever run.

    Parameters
    ----------
    path : str or Path
        The file.
    arch : str, optional
        The architecture of a foreign file; needed only where keys and shapes cannot tell,
        as for a plain network, which has those of the residual one.

    Returns
    -------
    Checkpoint
        With the network in float32, eval mode, on the CPU; ``notes`` says what was recognised
        and assumed.

    Raises
    ------
    InputError
        If the file is missing, no checkpoint, fits no architecture, holds NaN, or holds
        Python objects that would run code.
    IntegrityError
        If it is one of ours and not what was written, or a torch archive without its end.
    UsageError
        If ``arch`` is unknown, or contradicts what the file says.
    """
    path = Path(path)
    data = read_bytes(path)
    sealed = is_sealed(data, path)
    content = decode(data, path)
    if not is_ours(content):
        return _foreign(find_state(content, path), data, path, arch)
    if not sealed:
        raise broken(path)
    checkpoint = from_payload(content, data, path)
    if arch not in (None, checkpoint.architecture.name):
        raise UsageError(
            f"{path}: holds {checkpoint.architecture.name}, as it says itself, not {arch}; "
            "leave out --arch"
        )
    return checkpoint


def _foreign(found: Found, data: bytes, path: Path, arch: str | None) -> Checkpoint:
    state, akamaster = canonical(found.state)
    if arch is None:
        architecture = infer_architecture(state, path)
    else:
        architecture = named_architecture(arch, state, path)
    model = with_weights(architecture, state, path)
    summary = _summary(
        architecture, count_parameters(model), akamaster=akamaster, named=arch is not None
    )
    return Checkpoint(
        model=model,
        architecture=architecture,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        normalisation=_imagenet() if akamaster and architecture.in_channels == 3 else None,
        figures=found.figures,
        notes=(summary, *found.notes),
    )


def _imagenet() -> Normalisation:
    """Return what akamaster's training script normalises CIFAR images with."""
    return Normalisation.parse("imagenet")


def _summary(architecture: Architecture, parameters: int, *, akamaster: bool, named: bool) -> str:
    layout = "akamaster's" if akamaster else "torchvision's"
    shortcut = "no shortcuts" if architecture.is_plain else "option A"
    assumed = [] if named else ["residual, not plain (the same keys)"]
    if akamaster and architecture.in_channels == 3:
        assumed.append("ImageNet normalisation")
    else:
        assumed.append("the data set's own normalisation")
    named_so = " as named" if named else ""
    channels = (
        "1 channel" if architecture.in_channels == 1 else f"{architecture.in_channels} channels"
    )
    return (
        f"recognised {layout} layout: {architecture.name}{named_so}, "
        f"{architecture.num_classes} classes, {channels}, {shortcut} "
        f"({parameters:,} parameters); assumed: {', and '.join(assumed)}"
    )
