"""From the options of ``resprobe lesion`` to the study that they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.lesion_options import STUDIES
from resprobe.cli.values import numbers, share, whole_numbers
from resprobe.errors import UsageError, one_of

if TYPE_CHECKING:
    from resprobe.probes.lesions import Study

__all__ = ["ALLOWED_RISE", "Asked"]

ALLOWED_RISE = 0.01

_BELONG = {
    "most": ("random", "shuffle", "greedy"),
    "draws": ("random", "shuffle"),
    "no_transitions": ("random",),
    "times": ("repeat",),
    "alphas": ("scale",),
    "selection_images": ("greedy",),
    "allowed_rise": ("greedy",),
    "drop": ("greedy",),
    "save_pruned": ("greedy",),
}
"""The studies that each option is for."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a study, as given; what was not given is empty.

    Raises
    ------
    UsageError
        If there is no such study, an option does not belong to it, or two contradict each other.
    """

    study: str
    most: int | None = None
    draws: int | None = None
    no_transitions: bool = False
    times: str = ""
    alphas: str = ""
    selection_images: int | None = None
    allowed_rise: str = ""
    drop: int | None = None
    save_pruned: Path | None = None

    def __post_init__(self) -> None:
        if self.study not in STUDIES:
            raise one_of("study", self.study, STUDIES)
        for name, belongs in _BELONG.items():
            if getattr(self, name) and self.study not in belongs:
                raise UsageError(
                    f"--{name.replace('_', '-')} is for --study {' or '.join(belongs)}, and this "
                    f"is --study {self.study}; leave it out"
                )
        if self.drop and self.allowed_rise:
            raise UsageError("--drop and --allowed-rise both say how many to drop; give one")
        for name in ("drop", "allowed_rise"):
            if getattr(self, name) and self.save_pruned is None:
                raise UsageError(
                    f"--{name.replace('_', '-')} says which network to save; give --save-pruned "
                    "FILE too"
                )
        _ = self.allowed  # what cannot be read is said before any work
        if self.drop and self.most and self.drop > self.most:
            raise UsageError(f"--drop {self.drop} is more than --most {self.most}")

    @property
    def allowed(self) -> float:
        """How far the error may rise."""
        if not self.allowed_rise:
            return ALLOWED_RISE
        return share(self.allowed_rise, option="--allowed-rise")

    def made(self) -> Study:
        """Return the study.

        Raises
        ------
        UsageError
            If a value is out of range.
        """
        from resprobe.probes.lesions.studies import STUDIES as MADE

        given: dict[str, Any] = {"most": self.most or self.drop, "draws": self.draws}
        if self.no_transitions:
            given["transitions"] = False
        if self.times:
            given["times"] = whole_numbers(self.times, option="--times")
        if self.alphas:
            given["alphas"] = numbers(self.alphas, option="--alphas")
        return MADE[self.study](**{key: value for key, value in given.items() if value is not None})
