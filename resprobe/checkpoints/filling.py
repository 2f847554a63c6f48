"""Fill any network, whoever's class it is, from any checkpoint of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resprobe.checkpoints.building import converted
from resprobe.checkpoints.fit import Fit, fit
from resprobe.checkpoints.heads import HeadMismatch
from resprobe.checkpoints.opening import open_checkpoint
from resprobe.checkpoints.ours import check_payload
from resprobe.checkpoints.prefixes import split_off, stripped, without_wrappers
from resprobe.checkpoints.states import check_finite, find_state
from resprobe.errors import InputError, UsageError

__all__ = ["LoadedWeights", "load_weights"]


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """Where a network's weights came from, and what was done to make them fit.

    Parameters
    ----------
    path : Path
        Where they were read.
    sha256 : str
        Of the whole file, in hexadecimal.
    figures : dict
        The plain values that the file holds beside the weights, under the names it gives them.
    notes : tuple of str
        What was taken, changed and left out, one line each.
    """

    path: Path
    sha256: str
    figures: dict[str, float | int | str]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name without its suffix: a short label for tables and figures."""
        return self.path.stem


def load_weights(
    model: nn.Module,
    path: str | Path,
    *,
    prefix: str | None = None,
    head_may_lack: bool = False,
) -> LoadedWeights:
    """Fill a network in place from a checkpoint, by the names of its parameters and buffers.

    Files are of any kind that :func:`resprobe.checkpoints.load` reads, its own among them.
    Values are converted to the dtype and device of the network's, whose mode and gradients
    stay as they are. Entries that belong to no part of the network are left out, and
    ``notes`` says so; everything else must fit exactly. A missing ``num_batches_tracked``
    becomes 0.

    Parameters
    ----------
    model : nn.Module
        Any network: torchvision's, timm's, a class of one's own.
    path : str or Path
        The file.
    prefix : str, optional
        Where the network lies in the file, such as ``"teacher.backbone"``; needed only where
        there are several.
    head_may_lack : bool
        Whether a file without the linear layer that ends the network is taken as well; that
        layer is then left as it is, and ``notes`` warns of it.

    Returns
    -------
    LoadedWeights
        Where they came from, and what was done.

    Raises
    ------
    InputError
        If the file is missing or no checkpoint, or a parameter is missing in it or has another
        shape: the first one is named (HeadMismatch where that is a head of another number of
        classes). The network is as it was.
    IntegrityError
        If the file is one of ours and not what was written.
    UsageError
        If the network has no values to fill yet, or nothing lies under ``prefix``.

    Examples
    --------
    >>> import tempfile, torch
    >>> linear = nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     content = {"net.weight": torch.ones(1, 2), "net.bias": torch.ones(1)}
    ...     torch.save({"state_dict": {**content, "loss.scale": torch.ones(1)}}, f"{folder}/a.ckpt")
    ...     loaded = load_weights(linear, f"{folder}/a.ckpt")
    >>> linear.weight.tolist(), linear.bias.tolist()
    ([[1.0, 1.0]], [1.0])
    >>> for note in loaded.notes:
    ...     print(note)
    filled 2 parameters and buffers by name
    took the prefix 'net.' off the names
    left out what is no part of the network: 'loss' (1 entry)
    """
    opened = open_checkpoint(path)
    if opened.is_ours:
        check_payload(opened.content, opened.path)
    found = find_state(opened.content, opened.metadata, opened.path)
    wanted, _ = stripped(model.state_dict(), opened.path)
    _check_fillable(wanted)
    split = split_off(found.entries, list(wanted), opened.path, prefix=prefix)
    kept = fit(
        split,
        wanted,
        opened.path,
        head_may_lack=head_may_lack,
        computed=_computed(model, wanted),
    )
    if kept.mismatch is not None:
        raise _refusal(kept, model, wanted, opened.path)
    check_finite(kept.state, opened.path)
    head = _own_head(kept, wanted)
    _fill(model, converted({**kept.state, **head}, wanted))
    filled = f"filled {len(kept.state)} parameters and buffers by name"
    return LoadedWeights(
        path=opened.path,
        sha256=opened.sha256,
        figures=dict(opened.content["figures"]) if opened.is_ours else found.figures,
        notes=(filled, *_warning(kept), *found.notes, *kept.notes),
    )


def _check_fillable(wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if not isinstance(value, Tensor):
            raise UsageError(
                f"'{key}' of the model is a {type(value).__name__}, not a tensor; load such a "
                "model with the library that it comes from"
            )
        if is_lazy(value) or value.is_meta:
            raise UsageError(
                f"'{key}' of the model has no values yet; build it on a device, and run lazy "
                "layers once, before it is filled"
            )
    if not wanted:
        raise UsageError("the model has no parameters and no buffers; there is nothing to fill")


def _computed(model: nn.Module, wanted: Mapping[str, Any]) -> set[str]:
    """Return the buffers that are in no state dict, which older versions of a model may keep."""
    return {without_wrappers(name) for name, _ in model.named_buffers()} - set(wanted)


def _refusal(kept: Fit, model: nn.Module, wanted: Mapping[str, Tensor], path: Path) -> InputError:
    """Name the first entry that does not fit, and say what to do about it."""
    head, mismatch = kept.head, kept.mismatch
    assert mismatch is not None, "else it fits"
    said = f"{path}: does not fit the model, a {type(model).__name__} ({mismatch.text})"
    if head is None or not mismatch.key.startswith(f"{head.name}."):
        return InputError(f"{said}; build the model that the weights are of")
    if head.classes is None:
        return InputError(
            f"{said}; the file holds the network without its head; give it the one that it was "
            "left with"
        )
    advice = f"build the model with {head.classes} outputs, as in num_classes={head.classes}"
    outputs = wanted[f"{head.name}.weight"].shape[0]
    return HeadMismatch(f"{said}; {advice}", path=path, classes=head.classes, wanted=outputs)


def _own_head(kept: Fit, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's own head where the file has none."""
    if not kept.lacks_head or kept.head is None:
        return {}
    return {key: value for key, value in wanted.items() if key.startswith(f"{kept.head.name}.")}


def _warning(kept: Fit) -> tuple[str, ...]:
    if not kept.lacks_head or kept.head is None:
        return ()
    return (
        f"warning: the file has no head: '{kept.head.name}' is as the model came with it, and "
        "accuracies and losses mean nothing",
    )


def _fill(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy the values in; nothing is copied before everything is known to fit."""
    own = {without_wrappers(name): name for name in model.state_dict()}
    model.load_state_dict({own[name]: value for name, value in state.items()})
