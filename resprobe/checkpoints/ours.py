"""Our own checkpoints: they say what they are, and notice when they were changed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resprobe.checkpoints.building import blank_state, with_weights
from resprobe.checkpoints.checkpoint import Checkpoint
from resprobe.checkpoints.fit import fit
from resprobe.checkpoints.opening import FORMAT
from resprobe.checkpoints.prefixes import Split, stripped
from resprobe.checkpoints.seal import seal
from resprobe.checkpoints.states import check_tensor
from resprobe.checkpoints.wording import printable
from resprobe.datasets import Normalisation
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.files import written_atomically
from resprobe.networks import Architecture
from resprobe.results import versions

__all__ = ["check_payload", "from_payload", "save"]

FORMAT_VERSION = 1


def save(
    path: str | Path,
    model: nn.Module,
    *,
    architecture: Architecture,
    normalisation: Normalisation | None,
    data: str | None,
    recipe: Mapping[str, Any],
    epoch: int | None,
    figures: Mapping[str, float | int | str],
    split_seed: int | None = None,
    state: Mapping[str, Any] | None = None,
) -> Path:
    """Write a network and all that is known about it, whole or not at all.

    The file is a ``torch.save`` archive of a dictionary of plain values and tensors: "format"
    ("resprobe"), "format_version", "architecture", "normalisation", "data", "split_seed",
    "recipe", "epoch", "figures", "versions", "model" (the state dict, on the CPU) and "state".

    Parameters
    ----------
    path : str or Path
        Where to; what stood there is replaced.
    model : nn.Module
        A network of ``architecture``, on any device; DataParallel and compiled wrappers are
        taken off.
    architecture, normalisation, data, recipe, epoch, figures, split_seed
        As in :class:`Checkpoint`.
    state : mapping, optional
        What a training would need to go on, as plain values and tensors.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UsageError
        If the model is no network of this architecture.
    ResprobeError
        If the file cannot be written, or a weight is NaN or infinite.

    Examples
    --------
    >>> import tempfile
    >>> from resprobe.checkpoints import load
    >>> arch = Architecture("resnet8", width=2)
    >>> facts = dict(normalisation=None, data=None, recipe={}, epoch=3, figures={"error": 0.5})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save(f"{folder}/tiny.pt", arch.build(), architecture=arch, **facts)
    ...     again = load(file)
    >>> again.name, again.architecture.name, again.epoch, again.figures
    ('tiny', 'resnet8', 3, {'error': 0.5})
    """
    payload = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "architecture": architecture.to_dict(),
        "normalisation": None if normalisation is None else normalisation.to_dict(),
        "data": data,
        "split_seed": split_seed,
        "recipe": dict(recipe),
        "epoch": epoch,
        "figures": dict(figures),
        "versions": versions(),
        "model": _weights(model, architecture, Path(path)),
        "state": state,
    }
    archive = io.BytesIO()
    torch.save(_plain(payload), archive)
    sealed = seal(archive.getvalue())
    with written_atomically(path) as file:
        file.write(sealed)
    return Path(path)


def _weights(model: nn.Module, architecture: Architecture, path: Path) -> dict[str, Tensor]:
    weights, _ = stripped(model.state_dict(), path)
    wanted = {key: value.shape for key, value in blank_state(architecture).items()}
    if {key: value.shape for key, value in weights.items()} != wanted:
        raise UsageError(f"{path}: the model to save is no {architecture.name} of these sizes")
    for key, value in weights.items():
        if not torch.isfinite(value).all():
            raise ResprobeError(
                f"{path}: not written, for '{key}' holds NaN or infinite values; the training "
                "diverged, so lower its learning rate"
            )
    return weights


def _plain(value: Any) -> Any:
    """Return the value as types that any weights-only load accepts; tensors as own copies."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if type(value) in (str, int, float, bool, type(None)):
        return value
    if hasattr(value, "item"):  # numpy's float64 is a float and still pickles as numpy's
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a checkpoint holds plain values and tensors, not a {type(value).__name__}")


def from_payload(content: Mapping[str, Any], sha256: str, path: Path) -> Checkpoint:
    """Build the checkpoint from the dictionary that :func:`save` wrote.

    Raises
    ------
    InputError
        If it was written by a later version, or not by :func:`save` at all.
    """
    check_payload(content, path)
    try:
        architecture = Architecture.from_dict(content["architecture"])
        normalisation = content["normalisation"]
        if normalisation is not None:
            normalisation = Normalisation.from_dict(normalisation)
    except (InputError, UsageError) as error:
        raise InputError(f"{path}: {error}") from error
    return Checkpoint(
        model=with_weights(architecture, _fitting(content["model"], architecture, path), path),
        architecture=architecture,
        path=path,
        sha256=sha256,
        normalisation=normalisation,
        **{name: content[name] for name in _FIELDS if name not in _BUILT},
    )


def check_payload(content: Mapping[str, Any], path: Path) -> None:
    """Raise InputError unless a dictionary is one that this version's :func:`save` could write."""
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: checkpoint format {version}; this version reads format {FORMAT_VERSION}, "
            "so update resprobe"
        )
    for name, kinds in _FIELDS.items():
        if name not in content or not isinstance(content[name], kinds):
            raise InputError(f"{path}: a resprobe checkpoint without a usable '{name}'")
    for key, value in content["model"].items():
        check_tensor(key, value, path)


def _fitting(
    weights: dict[str, Tensor], architecture: Architecture, path: Path
) -> dict[str, Tensor]:
    found = fit(Split("", weights), blank_state(architecture), path)
    if found.mismatch is None and not found.left_out:
        return found.state
    reason = found.mismatch.text if found.mismatch else f"unknown key: {found.left_out[0]}"
    raise InputError(f"{path}: its weights do not fit {architecture.spec} ({printable(reason)})")


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "architecture": dict,
    "normalisation": (dict, type(None)),
    "data": (str, type(None)),
    "split_seed": (int, type(None)),
    "recipe": dict,
    "epoch": (int, type(None)),
    "figures": dict,
    "versions": dict,
    "model": dict,
    "state": (dict, type(None)),
}
_BUILT = ("architecture", "normalisation", "model")
