"""What stands before the names of a network's weights: wrappers, and the module it lies in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from resprobe.checkpoints.wording import listed, printable
from resprobe.errors import InputError, UsageError

__all__ = ["Split", "first_part", "split_off", "stripped", "without_wrappers"]

DATA_PARALLEL = "module"
COMPILED = "_orig_mod"

T = TypeVar("T")


def without_wrappers(name: str) -> str:
    """Return a name without what DataParallel and ``torch.compile`` put into it.

    A compiled module can be any part of a network, so ``_orig_mod`` goes wherever it stands;
    ``module`` can be a part's own name and goes only at the front, where more than one
    wrapper may have put it.

    Examples
    --------
    >>> without_wrappers("module._orig_mod.module.layer1._orig_mod.0.conv1.weight")
    'layer1.0.conv1.weight'
    >>> without_wrappers("gate.module.weight")
    'gate.module.weight'
    """
    parts = [part for part in name.split(".") if part != COMPILED]
    while len(parts) > 1 and parts[0] == DATA_PARALLEL:
        parts = parts[1:]
    return ".".join(parts)


def stripped(state: Mapping[str, T], path: Path) -> tuple[dict[str, T], tuple[str, ...]]:
    """Return the state under names without wrappers, and which wrappers there were.

    Raises
    ------
    InputError
        If two keys become one.
    """
    plain: dict[str, T] = {}
    for key, value in state.items():
        name = without_wrappers(key)
        if name in plain:
            raise InputError(
                f"{path}: two entries of the state dict are both called '{printable(name)}'"
            )
        plain[name] = value
    changed = [key for key in state if key not in plain]
    removed = tuple(
        f"'{wrapper}.'"
        for wrapper in (DATA_PARALLEL, COMPILED)
        if any(_count(key, wrapper) > _count(without_wrappers(key), wrapper) for key in changed)
    )
    return plain, removed


def _count(name: str, part: str) -> int:
    return name.split(".").count(part)


@dataclass(frozen=True)
class Split:
    """The entries of a file, divided at a prefix.

    Parameters
    ----------
    prefix : str
        With its last dot; "" where the network's names begin at the front.
    entries : dict
        All of them, by their whole names.
    """

    prefix: str
    entries: dict[str, Any]

    @cached_property
    def inside(self) -> dict[str, Any]:
        """What lies under the prefix, by the names behind it."""
        cut = len(self.prefix)
        return {n[cut:]: value for n, value in self.entries.items() if n.startswith(self.prefix)}

    @cached_property
    def outside(self) -> dict[str, Any]:
        """Everything else, by its whole name."""
        return {n: value for n, value in self.entries.items() if not n.startswith(self.prefix)}

    def part_of(self, name: str) -> str:
        """Return the first module on the way to an entry that the network does not lie in.

        Examples
        --------
        >>> split = Split("model.net.", {})
        >>> split.part_of("model.head.weight"), split.part_of("model.net.fc.weight")
        ('model.head', 'model.net.fc')
        """
        around, parts = self.prefix.split("."), name.split(".")
        shared = takewhile(lambda pair: pair[0] == pair[1], zip(around, parts, strict=False))
        return ".".join(parts[: len(list(shared)) + 1])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, one line or none."""
        return (f"took the prefix {listed([self.prefix])} off the names",) if self.prefix else ()


def split_off(
    entries: Mapping[str, Any], names: Collection[str], path: Path, *, prefix: str | None
) -> Split:
    """Find the one prefix under which a network's names lie, and divide the entries there.

    Prefixes are found where the network's first name, its anchor, ends one of the file's
    names. One is possible where at least half of the network's parts (``conv1``, ``layer1``,
    ...) lie under it, which tells a network from a block that also has a ``conv1``; of a
    prefix and a longer one that lies within it, the network is the outer one.

    Parameters
    ----------
    entries : mapping
        What the file holds, by names without wrappers.
    names : collection of str
        The network's own names, its first one first.
    path : Path
        The file, for messages.
    prefix : str or None
        The prefix to take, with or without its last dot; None to find it.

    Raises
    ------
    InputError
        If two networks lie in the file.
    UsageError
        If nothing lies under the prefix that was named.
    """
    if prefix is None:
        chosen = _only(_possible(entries, names), path)
    else:
        chosen = _named(prefix, entries, path)
    return Split(chosen, dict(entries))


def first_part(name: str) -> str:
    """Return the part of a network that an entry belongs to: its name up to the first dot."""
    return name.partition(".")[0]


def _possible(entries: Mapping[str, Any], names: Collection[str]) -> list[str]:
    anchor = next(iter(names), "")
    parts = {first_part(name) for name in names}
    under: dict[str, set[str]] = {
        name.removesuffix(anchor): set()
        for name in entries
        if name == anchor or name.endswith(f".{anchor}")
    }
    for name in entries:
        for prefix in _prefixes_of(name):
            if prefix in under:
                under[prefix].add(first_part(name[len(prefix) :]))
    whole = {prefix for prefix, found in under.items() if 2 * len(parts & found) >= len(parts)}
    return [p for p in under if p in whole and whole.isdisjoint(_prefixes_of(p[:-1]))]


def _prefixes_of(name: str) -> Iterator[str]:
    """Yield the prefixes that a name can have, with their last dot, the empty one first."""
    if name:
        yield ""
    yield from (name[: dot.end()] for dot in re.finditer(r"\.", name))


def _only(prefixes: list[str], path: Path) -> str:
    if len(prefixes) < 2:
        return prefixes[0] if prefixes else ""
    first = prefixes[0].rstrip(".")
    raise InputError(
        f"{path}: holds {len(prefixes)} networks, under {listed(prefixes)}; say which one to "
        f"take, as in --prefix {printable(first)}"
    )


def _named(prefix: str, entries: Mapping[str, Any], path: Path) -> str:
    wanted = without_wrappers(prefix.rstrip("."))
    chosen = "" if wanted in ("", DATA_PARALLEL) else f"{wanted}."
    if not any(name.startswith(chosen) for name in entries):
        parts = list(dict.fromkeys(f"{first_part(name)}." for name in entries))
        raise UsageError(
            f"{path}: holds nothing under '{chosen}'; its names begin with {listed(parts)}"
        )
    return chosen
