"""One network's lesion study: planned, run, and gone on with where it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.parts import part_file
from resprobe.cli.say import note, progress
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.cli.lesion_study import Asked
    from resprobe.cli.subjects import Subject
    from resprobe.datasets import Batches
    from resprobe.probes import Plan
    from resprobe.results import Result

__all__ = ["Work", "in_files"]


@dataclass(frozen=True)
class Work:
    """The study of one network.

    Parameters
    ----------
    subject : Subject
        The network and its images.
    asked : Asked
        The study.
    options : dict
        Of :func:`resprobe.lesion`.
    recalibrate : int or None
        Training images to measure BatchNorm's statistics on anew.
    out : Path or None
        The folder for results; what is done is kept there until they are saved.
    """

    subject: Subject
    asked: Asked
    options: dict[str, Any]
    recalibrate: int | None
    out: Path | None

    def __post_init__(self) -> None:
        """Raise UsageError where the images have no labels to go by."""
        if self.options["per_class"] and not self.subject.data.data.classes:
            raise UsageError(
                f"--per-class goes by the labels, and {self.subject.data.data.name} has none"
            )

    @cached_property
    def calibration(self) -> Batches | None:
        """Training images to measure BatchNorm's statistics on."""
        if self.recalibrate is None:
            return None
        return self.subject.training(self.recalibrate, what="--recalibrate")

    @cached_property
    def selection(self) -> Batches | None:
        """Images that the greedy study chooses by."""
        if self.asked.study != "greedy":
            return None
        subject, wanted = self.subject, self.asked.selection_images
        apart = subject.request.split != "train" and subject.data.data.classes
        if wanted is None and not apart:
            note(
                f"{subject.network}: chosen by and measured on the same images, which flatters "
                "the figures",
                quiet=subject.request.quiet,
            )
            return None
        return subject.training(wanted, what="--selection-images")

    @staticmethod
    def part(out: Path, network: str, study: str) -> Path:
        """Return where the study of a network keeps what it has done."""
        return part_file(out, "lesion", network, study)

    @property
    def _kept(self) -> Path | None:
        return self.out and self.part(self.out, self.subject.network, self.asked.study)

    def check(self) -> None:
        """Raise an error that names the network where its study cannot be done."""
        from resprobe.errors import ResprobeError
        from resprobe.probes.lesions import check_lesion

        options = {name: value for name, value in self.options.items() if name != "world"}
        try:
            check_lesion(
                self.subject.chain,
                self.subject.data,
                recalibrate=self.calibration,
                selection=self.selection,
                **options,
            )
        except ResprobeError as error:
            raise type(error)(f"{self.subject.network}: {error}") from error

    def plan(self) -> Plan:
        """Say what would run."""
        from resprobe.probes import plan_lesion

        return plan_lesion(
            self.subject.chain,
            self.subject.data,
            study=self.options["study"],
            seed=self.options["seed"],
            recalibrate=self.calibration,
            selection=self.selection,
            processes=self.options["world"].size,
        )

    def result(self) -> Result:
        """Run the study, or the rest of it."""
        from resprobe import probes

        subject, quiet = self.subject, self.subject.request.quiet
        title = f"lesion {subject.network} {self.asked.study}"
        with progress(title, quiet=quiet) as step:
            return probes.lesion(
                subject.chain,
                subject.data,
                network=subject.network,
                resume=self._kept,
                about=subject.about,
                progress=step,
                say=partial(note, quiet=quiet),
                recalibrate=self.calibration,
                selection=self.selection,
                **self.options,
            )

    def finish(self) -> None:
        """Take away what was kept, once the results are saved."""
        from resprobe.probes.kept import forget

        if self._kept is not None:
            forget(self._kept, self.options["world"])


def in_files(parts: Sequence[Result]) -> list[Result]:
    """Return the networks' results as one table, and class by class as another beside it."""
    from resprobe.results import Result, combined

    whole = combined(parts)
    by_class = whole.frame["class_name"] != ""
    if not by_class.any():
        return [whole]
    return [
        Result(name, whole.frame[rows].reset_index(drop=True), whole.meta)
        for name, rows in (("lesion", ~by_class), ("lesion-classes", by_class))
    ]
