"""What every analysing command has in common: networks, images, and where results go.

A command is a function of a :class:`Question` and of its own options; the decorator adds the
shared ones, so that they stand in one place and mean the same everywhere.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from resprobe.cli import options as o
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.request import Named, Request
from resprobe.cli.say import progress
from resprobe.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    from resprobe.probes import Plan
    from resprobe.results import Result

__all__ = ["Question", "listed", "probing"]

_NAMED = ("arch", "ckpt", "model", "width", "prefix")
_SHARED = (
    "data", "data_root", "split", "normalise", "image_size", "device", "seed", "images",
    "batch_size",
)  # fmt: skip
Measure = Callable[..., "Result | Sequence[Result]"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a command line asks of networks, but for the command's own options.

    Attributes
    ----------
    command : str
        The command's name, for the progress bar.
    given : dict
        The options that make a :class:`Request`, as given.
    images : int or None
        How many are looked at by default.
    out : Path or None
        Folder for tables and figures.
    json, quiet, dry_run : bool
        As given.
    """

    command: str
    given: dict[str, Any]
    images: int | None
    out: Path | None
    json: bool
    quiet: bool
    dry_run: bool

    @functools.cached_property
    def request(self) -> Request:
        """Which networks, on which images.

        Raises
        ------
        UsageError
            If no network is named, or two options contradict each other.
        """
        named = Named(**{name: self.given[name] for name in _NAMED})
        shared = {name: self.given[name] for name in _SHARED}
        return Request(named=named, images_by_default=self.images, quiet=self.quiet, **shared)

    @property
    def names_networks(self) -> bool:
        """Whether any network is named."""
        return any(self.given[name] for name in ("arch", "ckpt", "model"))

    def answer(
        self,
        measure: Measure,
        *,
        plan: Callable[[Subject], Plan],
        tell: Callable[..., str],
        combine: Callable[[Sequence[Result]], Result] | None = None,
    ) -> None:
        """Measure every network by itself, then save, draw and print.

        Parameters
        ----------
        measure : callable
            Takes a Subject, and as keywords ``network``, ``seed``, ``about`` and ``progress``
            as a probe does; gives one result, or several of different kinds.
        plan : callable
            What measuring a subject would take, for ``--dry-run``.
        tell : callable
            The text for people, from the results of all networks: one argument for each kind.
        combine : callable, optional
            Puts the results of one kind into one.
        """
        from resprobe.results import combined

        def all_of(found: list[Subject]) -> list[Result]:
            parts = [listed(self.measured(measure, subject)) for subject in found]
            return [(combine or combined)(kind) for kind in zip(*parts, strict=True)]

        self.answer_at_once(all_of, plan=plan, tell=tell)

    def answer_at_once(
        self,
        measure: Callable[[list[Subject]], Sequence[Result]],
        *,
        plan: Callable[[Subject], Plan],
        tell: Callable[..., str],
    ) -> None:
        """Measure all networks together, then save, draw and print; parameters as above."""
        with prepared(None if self.dry_run else self.out):
            found = subjects(self.request)
            if self.dry_run:
                show_plans([(s.network, plan(s)) for s in found], json=self.json)
                return
            results = measure(found)
            deliver(
                results,
                lambda _: tell(*results),
                out=self.out,
                json=self.json,
                quiet=self.quiet,
            )

    def measured(self, measure: Measure, subject: Subject) -> Result | Sequence[Result]:
        """Measure one network, with a progress bar."""
        with progress(f"{self.command} {subject.network}", quiet=self.quiet) as step:
            return measure(
                subject,
                network=subject.network,
                seed=self.request.seed,
                about=subject.about,
                progress=step,
            )


def probing(
    *, images: int | None, out: Any = o.Out
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose first argument is a :class:`Question`.

    Parameters
    ----------
    images : int or None
        How many are looked at where ``--images`` is not given; None for all.
    out
        The option ``--out``, where it is no folder for tables and figures.
    """
    wanted: Any = o.Images if images is None else Annotated[int | None, o.images_by_default(images)]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        _, *given_own = inspect.signature(command, eval_str=True).parameters.values()
        own = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in given_own]
        before, after = _shared(wanted, out)

        @functools.wraps(command)
        def run(**given: Any) -> None:
            question = _question(command.__name__, given, images)
            command(question, **{parameter.name: given[parameter.name] for parameter in own})

        parameters = [*before, *own, *after]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _shared(images: Any, out: Any) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    """Return the shared options that stand before a command's own, and those behind."""
    before = {
        "ckpt": (o.Ckpt, None),
        "arch": (o.Arch, ""),
        "model": (o.Model, None),
        "prefix": (o.Prefix, ""),
    }
    after = {
        "data": (o.Data, ""),
        "data_root": (o.DataRoot, None),
        "split": (o.Split, "test"),
        "images": (images, None),
        "normalise": (o.Normalise, ""),
        "image_size": (o.ImageSize, None),
        "device": (o.Device, "auto"),
        "seed": (o.Seed, 0),
        "batch_size": (o.BatchSize, None),
        "width": (o.Width, None),
        "out": (out, None),
        "json": (o.Json, False),
        "quiet": (o.Quiet, False),
        "dry_run": (o.DryRun, False),
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    first, last = (
        [inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in group.items()]
        for group in (before, after)
    )
    return first, last


def _question(command: str, given: dict[str, Any], images: int | None) -> Question:
    kept = {name: given[name] for name in ("out", "json", "quiet", "dry_run")}
    asked = {name: given[name] for name in (*_NAMED, *_SHARED)}
    return Question(command=command, given=asked, images=images, **kept)


def listed(results: Result | Sequence[Result]) -> list[Result]:
    """Return what a probe gave as a list, one result or several."""
    from resprobe.results import Result

    return [results] if isinstance(results, Result) else list(results)
