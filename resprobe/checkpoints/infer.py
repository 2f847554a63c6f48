"""Which architecture the entries of a file belong to: named, called so in the file, or inferred."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from resprobe.checkpoints.building import blank_state
from resprobe.checkpoints.candidates import anchors, candidates, stage_sizes
from resprobe.checkpoints.fit import Fit, fit, matching
from resprobe.checkpoints.heads import find_head
from resprobe.checkpoints.prefixes import Split, split_off
from resprobe.checkpoints.wording import printable
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture, Shortcut

__all__ = ["Recognised", "claimed_architecture", "infer_architecture", "named_architecture"]


@dataclass(frozen=True)
class Recognised:
    """An architecture that fits, and how its weights were taken from the file."""

    architecture: Architecture
    fit: Fit


def named_architecture(
    spec: str, entries: Mapping[str, Any], path: Path, *, prefix: str | None
) -> Recognised:
    """Return the architecture that ``spec`` says, in the sizes that the entries have.

    Parameters
    ----------
    spec : str
        As :meth:`resprobe.networks.Architecture.parse` reads it.
    entries : mapping
        What the file holds, by torchvision's names without wrappers.
    path : Path
        The file, for messages.
    prefix : str or None
        Where the network lies in it; None to find it.

    Raises
    ------
    UsageError
        If there is no such architecture.
    InputError
        If names or shapes do not fit it; the first that does not is named.
    """
    recognised = _named(spec, entries, path, prefix=prefix)
    mismatch = recognised.fit.mismatch
    if mismatch is not None:
        raise InputError(f"{path}: does not fit {spec} ({mismatch.text}); name another with --arch")
    return recognised


def claimed_architecture(
    claim: str, entries: Mapping[str, Any], path: Path, *, prefix: str | None
) -> tuple[Recognised | None, str]:
    """Return the architecture that a file says it holds, if the weights bear it out.

    Returns
    -------
    recognised : Recognised or None
        None where there is no such network here, or the weights are of another.
    note : str
        What was made of the claim.
    """
    said = f"the file calls its network '{printable(claim)}'"
    try:
        Architecture.parse(claim)
    except UsageError:
        return None, f"{said}, a name not known here; went by names and shapes"
    recognised = _named(claim, entries, path, prefix=prefix)
    mismatch = recognised.fit.mismatch
    if mismatch is not None:
        return None, f"{said}, which its weights contradict ({mismatch.text}); went by the weights"
    return recognised, f"{said}, which its weights fit"


def infer_architecture(entries: Mapping[str, Any], path: Path, *, prefix: str | None) -> Recognised:
    """Recognise a network by its names and shapes.

    Networks that differ in no name and no shape cannot be told apart: the residual one is
    taken, not the plain one; for ImageNet the layout with the stride in the 3x3 convolution.

    Raises
    ------
    InputError
        If none fits; the first entry by which the nearest one differs is named. Also if two
        kinds of gate are possible.
    """
    split = _network_in(entries, path, prefix=prefix)
    tried = []
    for candidate in candidates(split.inside):
        recognised = _held_against(_sized(candidate, split, path), split, path)
        if recognised.fit.mismatch is None:
            return _unless_gated(recognised, path)
        tried.append(recognised)
    if not tried:
        raise _fits_none(path, _blocks(split.inside))
    nearest = max(tried, key=lambda one: matching(one.fit.state, blank_state(one.architecture)))
    assert nearest.fit.mismatch is not None, "else it would fit"
    raise _fits_none(path, f"nearest is {nearest.architecture.spec}: {nearest.fit.mismatch.text}")


def _named(spec: str, entries: Mapping[str, Any], path: Path, *, prefix: str | None) -> Recognised:
    usual = Architecture.parse(spec)
    split = split_off(entries, list(blank_state(usual)), path, prefix=prefix)
    architecture = _sized(usual, split, path, own_width="width=" in spec)
    return _held_against(architecture, split, path)


def _network_in(entries: Mapping[str, Any], path: Path, *, prefix: str | None) -> Split:
    """Divide the entries at the prefix of a network of any kind known here."""
    firsts = []
    for names in anchors():
        split = split_off(entries, names, path, prefix=prefix)
        firsts.append(names[0])
        if names[0] in split.inside:
            return split
    found = printable(next(iter(entries)))
    raise _fits_none(path, f"no {' or '.join(firsts)} of a network; first key: {found}")


def _sized(
    architecture: Architecture, split: Split, path: Path, *, own_width: bool = False
) -> Architecture:
    """Read width and channels off the first convolution, the classes off the head."""
    stem = split.inside.get(next(iter(blank_state(architecture))))
    if isinstance(stem, Tensor) and stem.ndim == 4 and all(stem.shape):
        width = architecture.width if own_width else stem.shape[0]
        architecture = dataclasses.replace(architecture, width=width, in_channels=stem.shape[1])
    head = find_head(split, blank_state(architecture), path)
    if head is not None and head.classes:
        return dataclasses.replace(architecture, num_classes=head.classes)
    return architecture


def _held_against(architecture: Architecture, split: Split, path: Path) -> Recognised:
    wanted = blank_state(architecture)
    return Recognised(architecture, fit(split, wanted, path, head_may_lack=True))


def _unless_gated(recognised: Recognised, path: Path) -> Recognised:
    """Refuse to choose between the gates, which have the same weights and do different things."""
    shortcut = recognised.architecture.shortcut
    if shortcut is None or not shortcut.is_gated:
        return recognised
    kinds = " and ".join(
        dataclasses.replace(recognised.architecture, shortcut=kind).spec
        for kind in Shortcut
        if kind.is_gated
    )
    raise InputError(f"{path}: fits {kinds}, whose weights look the same; name one with --arch")


def _blocks(found: Mapping[str, Any]) -> str:
    sizes = stage_sizes(found)
    stages = ", ".join(f"layer{i + 1}" for i in range(len(sizes)))
    return f"{stages} hold {', '.join(map(str, sizes))} blocks"


def _fits_none(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: no architecture inside and the keys fit no network known here ({reason}); name "
        "it with --arch, or fill its own model with --model"
    )
