"""A folder that keeps the results of a survey, and tells which of them are still of use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resprobe.datasets import Batches
from resprobe.errors import ResprobeError
from resprobe.probes.kept import fingerprint, network_digest
from resprobe.results import Result, plain_json, versions
from resprobe.surveys.studies import Sitter, Study

__all__ = ["Folder"]

IDENTITY = "identity"
"""Where a kept result's meta says what it is of."""


@dataclass(frozen=True)
class Folder:
    """Where the results of one network are kept.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    sitter : Sitter
        The network.
    shared : dict
        What else results depend on: the network's name, the seed, what is said about it.
    tell : callable
        Told what a user should know.
    """

    path: Path | None
    sitter: Sitter
    shared: dict[str, Any]
    tell: Callable[[str], None]

    def part(self, study: Study) -> Path | None:
        """Return where an analysis that can go on half-way keeps what it has done."""
        return None if self.path is None else self.path / f"{study.name}.part"

    def load(self, study: Study, shown: Batches) -> list[Result]:
        """Return an analysis that is complete and of the same network and images, or nothing."""
        if self.path is None:
            return []
        files = [self.path / f"{kind}.json" for kind in study.kinds]
        if not all(file.exists() for file in files):
            return []
        try:
            found = [Result.load(file) for file in files]
        except ResprobeError as error:
            self.tell(f"{error}; measured anew")
            self.take_away(study.kinds)
            return []
        wanted = self._identity(study, shown)
        if any(result.meta.get(IDENTITY) != wanted for result in found):
            self.tell(f"{self.path / study.name}: of another network, data, seed or version; "
                      "measured anew")  # fmt: skip
            self.take_away(study.kinds)
            return []
        return found

    def take_away(self, kinds: Iterable[str]) -> None:
        """Remove results that a survey left here and that are not of this one."""
        if self.path is None:
            return
        for kind in kinds:
            notes = self.path / f"{kind}.json"
            if _is_of_a_survey(notes):
                for file in (notes, notes.with_suffix(".csv")):
                    file.unlink(missing_ok=True)

    def keep(self, study: Study, shown: Batches, results: Sequence[Result]) -> list[Result]:
        """Save what an analysis gave, marked with what it is of."""
        if self.path is None:
            return list(results)
        identity = self._identity(study, shown)
        marked = [Result(r.name, r.frame, {**r.meta, IDENTITY: identity}) for r in results]
        for result in marked:
            self.save(result)
        part = self.part(study)
        if part is not None:
            part.unlink(missing_ok=True)
        return marked

    def save(self, result: Result) -> None:
        """Save one result."""
        if self.path is not None:
            result.save_as(self.path / result.name)

    def known(self, result: Result) -> Result:
        """Save a result that takes no time to make, and return it or the same from before."""
        if self.path is None:
            return result
        result = Result(result.name, result.frame, {**result.meta, IDENTITY: self._weights})
        try:
            before = Result.load(self.path / f"{result.name}.json")
        except ResprobeError:
            before = None
        if before and before.frame.equals(result.frame) and _said(before) == _said(result):
            return before
        self.save(result)
        return result

    @cached_property
    def _weights(self) -> str:
        return network_digest(self.sitter.chain)

    def _identity(self, study: Study, shown: Batches) -> str:
        images = {
            name: None if given is None else [given.data.digest, given.describe()]
            for name, given in (("shown", shown), ("fit", self.sitter.fit))
            if name == "shown" or study.name == "readout"
        }
        return fingerprint(
            {
                **self.shared,
                **images,
                "study": study.name,
                "batch_norm": self.sitter.batch_norm,
                "weights": self._weights,
                "version": versions()["resprobe"],
            }
        )


def _is_of_a_survey(notes: Path) -> bool:
    try:
        return IDENTITY in json.loads(notes.read_text(encoding="utf-8"))["meta"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _said(result: Result) -> str:
    """Return what a result says of itself, but for when and how it was asked for."""
    return plain_json({k: v for k, v in result.meta.items() if k not in ("time", "command")})
