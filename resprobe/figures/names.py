"""What networks are called in a legend: unique, short, and different where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resprobe.figures.theme import short_text

__all__ = ["labels_of"]

_LABEL = 32  # letters: what a legend has room for beside its line in one column


def labels_of(networks: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Two runs of one architecture are told apart by their weights, else by a number."""
    names = _shortened([network for network, _ in networks])
    labels: list[str] = []
    for name, (_, facts) in zip(names, networks, strict=True):
        weights = facts.get("checkpoint_sha256")
        if names.count(name) > 1 and weights:
            short = short_text(weights, limit=64)[:8]
            name = f"{short_text(name, limit=_LABEL - len(short) - 3)} ({short})"
        label, run = name, 1
        while label in labels:
            run += 1
            label = f"{short_text(name, limit=_LABEL - 8)} (no. {run})"
        labels.append(label)
    return labels


def _shortened(networks: Sequence[str]) -> list[str]:
    """Shorten names to a legend's length so that different ones still look different.

    Where one is too long, the options that all of them share go first.

    Examples
    --------
    >>> _shortened([f"resnet110:order=full-pre:survival=0.5:init={i}" for i in ("he", "zero-bn")])
    ['resnet110:init=he', 'resnet110:init=zero-bn']
    """
    names = _without_shared_options(networks) if _too_long(networks) else list(networks)
    labels = [short_text(name, limit=_LABEL) for name in names]
    for label in {label for label in labels if labels.count(label) > 1}:
        alike = [name for name, other in zip(names, labels, strict=True) if other == label]
        if len(set(alike)) > 1:
            start = _first_difference(alike)
            for place, name in enumerate(names):
                if labels[place] == label:
                    labels[place] = short_text(_from(name, start), limit=_LABEL)
    return labels


def _too_long(names: Sequence[str]) -> bool:
    return any(len(name) > _LABEL for name in names)


def _without_shared_options(names: Sequence[str]) -> list[str]:
    parts = [name.split(":") for name in names]
    shared = set.intersection(*({p for p in one if "=" in p} for one in parts))
    if len(set(names)) == 1:  # of one network alone, options are what there is to say
        return list(names)
    return [":".join(part for part in one if part not in shared) for one in parts]


def _first_difference(names: Sequence[str]) -> int:
    letters = enumerate(zip(*names, strict=False))
    return next((i for i, some in letters if len(set(some)) > 1), min(map(len, names)))


def _from(name: str, start: int) -> str:
    """Keep the beginning of a name, and what stands from the place where it differs on."""
    head, tail = name[: _LABEL // 3], name[max(0, start - 4) :]
    return f"{head}…{tail[: _LABEL - len(head) - 1]}"
