"""Load any common checkpoint, ours or foreign, as a network of our own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resprobe.checkpoints.building import initial_head, with_weights
from resprobe.checkpoints.checkpoint import Checkpoint
from resprobe.checkpoints.infer import (
    Recognised,
    claimed_architecture,
    infer_architecture,
    named_architecture,
)
from resprobe.checkpoints.opening import Opened, open_checkpoint
from resprobe.checkpoints.ours import from_payload
from resprobe.checkpoints.states import Found, find_state
from resprobe.checkpoints.summary import Recognition
from resprobe.errors import UsageError
from resprobe.networks import Architecture, count_parameters

__all__ = ["load"]


def load(
    path: str | Path,
    *,
    arch: str | None = None,
    prefix: str | None = None,
    num_classes: int | None = None,
) -> Checkpoint:
    """Read a checkpoint: ours, or one of a network of the residual family from anywhere.

    Foreign files are torch archives, old torch pickles or safetensors, told apart by their
    content. The weights may lie under ``state_dict_ema``, ``model_ema``, ``state_dict``,
    ``model`` or any other name, behind any one prefix (``model.`` in a Lightning file), within
    DataParallel and compiled modules, beside a loss or a second head, without a head or with
    one of another name. Nothing in a file is ever run.

    Parameters
    ----------
    path : str or Path
        The file.
    arch : str, optional
        The architecture of a foreign file, as :meth:`~resprobe.networks.Architecture.parse`
        reads it; needed only where names and shapes cannot tell, as for a plain network, which
        has those of the residual one.
    prefix : str, optional
        Where the network lies in a foreign file, such as ``"teacher.backbone"``; needed only
        where there are several.
    num_classes : int, optional
        Outputs of the head that a foreign file lacks; the architecture's own if not given. A
        head that the file has keeps its own.

    Returns
    -------
    Checkpoint
        With the network in float32, eval mode, on the CPU; ``notes`` says what was recognised,
        assumed and changed.

    Raises
    ------
    InputError
        If the file is missing, no checkpoint, fits no architecture, holds two networks, NaN,
        or Python objects that would run code.
    IntegrityError
        If it is one of ours and not what was written, or a torch archive without its end.
    UsageError
        If ``arch`` is unknown, or contradicts what the file says, or nothing lies under
        ``prefix``.

    Examples
    --------
    >>> import tempfile, torch
    >>> weights = Architecture("preresnet20", num_classes=5, width=4).build().state_dict()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({f"net.{key}": value for key, value in weights.items()}, f"{folder}/a.pt")
    ...     checkpoint = load(f"{folder}/a.pt")
    >>> checkpoint.architecture.spec, checkpoint.architecture.num_classes
    ('preresnet20:width=4', 5)
    """
    opened = open_checkpoint(path)
    if not opened.is_ours:
        return _foreign(opened, arch, prefix, num_classes)
    if prefix is not None:
        raise UsageError(f"{opened.path}: holds one network, without a prefix; leave out prefix")
    checkpoint = from_payload(opened.content, opened.sha256, opened.path)
    _check_agreement(arch, checkpoint)
    return checkpoint


def _check_agreement(arch: str | None, checkpoint: Checkpoint) -> None:
    inside = checkpoint.architecture
    if arch is None or arch == inside.name:
        return
    given = dataclasses.replace(
        Architecture.parse(arch), num_classes=inside.num_classes, in_channels=inside.in_channels
    )
    if "width=" not in arch:
        given = dataclasses.replace(given, width=inside.width)
    if given != inside:
        held = inside.spec if given.name == inside.name else inside.name
        raise UsageError(
            f"{checkpoint.path}: holds {held}, as it says itself, not {arch}; leave out --arch"
        )


def _foreign(
    opened: Opened, arch: str | None, prefix: str | None, num_classes: int | None
) -> Checkpoint:
    path = opened.path
    found = find_state(opened.content, opened.metadata, path)
    entries, shortcut_renamed = _with_torchvisions_names(found.entries)
    named = arch
    claim: tuple[str, ...] = ()
    if arch is not None:
        recognised = named_architecture(arch, entries, path, prefix=prefix)
    else:
        recognised, named, claim = _recognised(found, entries, path, prefix)
    architecture, fit = recognised.architecture, recognised.fit
    if fit.lacks_head and num_classes is not None:
        architecture = dataclasses.replace(architecture, num_classes=num_classes)
    head = initial_head(architecture) if fit.lacks_head else {}
    model = with_weights(architecture, {**fit.state, **head}, path)
    recognition = Recognition(
        architecture=architecture,
        fit=fit,
        parameters=count_parameters(model),
        named=named,
        shortcut_renamed=shortcut_renamed,
    )
    return Checkpoint(
        model=model,
        architecture=architecture,
        path=path,
        sha256=opened.sha256,
        normalisation=recognition.normalisation,
        figures=found.figures,
        lacks_head=fit.lacks_head,
        notes=(recognition.notes[0], *claim, *found.notes, *recognition.notes[1:]),
    )


def _recognised(
    found: Found, entries: Mapping[str, Any], path: Path, prefix: str | None
) -> tuple[Recognised, str | None, tuple[str, ...]]:
    """Go by what the file calls its network where the weights bear it out, else by them alone."""
    if found.hint is None:
        return infer_architecture(entries, path, prefix=prefix), None, ()
    recognised, note = claimed_architecture(found.hint, entries, path, prefix=prefix)
    if recognised is not None:
        return recognised, found.hint, (note,)
    return infer_architecture(entries, path, prefix=prefix), None, (note,)


def _with_torchvisions_names(entries: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the entries with the blocks' ``shortcut`` called ``downsample``, and whether any was.

    So akamaster's networks and many that descend from them call what torchvision and ours
    call ``downsample``.
    """
    renamed = {key: ".".join(_as_torchvisions(part) for part in key.split(".")) for key in entries}
    changed = {key: name for key, name in renamed.items() if name != key}
    if not changed or not set(changed.values()).isdisjoint(entries):
        return dict(entries), False
    return {renamed[key]: value for key, value in entries.items()}, True


def _as_torchvisions(part: str) -> str:
    return "downsample" if part == "shortcut" else part
