"""``resprobe gradflow``: how gradients divide between identity and residual path."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.batch_norm import BatchNorm, check_choice, statistics_of, together
from resprobe.cli.gradient_tables import told, told_training
from resprobe.cli.output import deliver, prepared
from resprobe.cli.probing import Question, probing
from resprobe.cli.subjects import Subject
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["gradflow"]

GRADFLOW_IMAGES = 256


@probing(images=GRADFLOW_IMAGES)
def gradflow(
    question: Question,
    batch_norm: BatchNorm = "auto",
    histograms: Annotated[
        bool,
        typer.Option("--histograms", help="Count the elements of every gradient by their size."),
    ] = False,
    over_training: Annotated[
        bool,
        typer.Option(
            "--over-training",
            help="The checkpoints are one network at several epochs, to be followed through them.",
        ),
    ] = False,
    watch: Annotated[
        list[Path] | None,
        typer.Option(
            "--watched",
            metavar="FILE",
            help="What resprobe train --watch has written: follow that training, run nothing; may "
            "be given repeatedly.",
        ),
    ] = None,
) -> None:
    """Split the gradient at every block into its identity and its residual part.

    Several networks are overlaid.

    Example: resprobe gradflow --arch plain20,plain56,resnet56
    """
    from resprobe import probes

    check_choice(batch_norm)
    if watch:
        _watched(question, watch)
        return

    def followed(subject: Subject, **named: Any) -> list[Result]:
        statistics = statistics_of(subject, batch_norm, quiet=question.quiet)
        flow = probes.gradflow(
            subject.chain, subject.data, batch_norm=statistics, histograms=histograms, **named
        )
        return [result for result in flow if result is not None]

    def plan(subject: Subject) -> probes.Plan:
        statistics = statistics_of(subject, batch_norm)
        return probes.plan_gradflow(subject.chain, subject.data, batch_norm=statistics)

    if over_training:
        question.answer_at_once(
            partial(_over_training, question, followed), plan=plan, tell=told_training
        )
        return
    question.answer(followed, plan=plan, tell=lambda blocks, *_: told(blocks), combine=together)


def _over_training(question: Question, followed: Any, found: list[Subject]) -> list[Result]:
    """Follow one network through its checkpoints."""
    from resprobe.probes import flow_over_training
    from resprobe.probes.gradients.training import check_steps

    epochs, architectures = [], set()
    for subject in found:
        epoch = subject.checkpoint.epoch if subject.checkpoint else None
        if subject.checkpoint is None or epoch is None:
            raise UsageError(
                f"{subject.network}: it does not say which epoch it is of, and --over-training "
                "puts checkpoints in their order; give checkpoints of resprobe train"
            )
        epochs.append(epoch)
        architectures.add(subject.checkpoint.architecture.spec)
    if len(architectures) > 1:
        raise UsageError(
            "--over-training follows one network through its checkpoints; got those of "
            f"{', '.join(sorted(architectures))}"
        )
    check_steps(epochs)
    parts = [question.measured(followed, subject) for subject in found]
    blocks = [part[0] if isinstance(part, list) else part for part in parts]
    pairs = list(zip(epochs, blocks, strict=True))
    return [flow_over_training(pairs, network=architectures.pop())]  # type: ignore[arg-type]


def _watched(question: Question, files: list[Path]) -> None:
    from resprobe.cli.request import told_apart
    from resprobe.probes import flow_of_watch, read_watch
    from resprobe.results import combined

    if question.names_networks or question.dry_run:
        raise UsageError("--watched runs no network: give it alone, or with --out and --json")
    names = told_apart([path.stem.removesuffix("-watch") for path in files])
    parts = [
        flow_of_watch(read_watch(path), network=name)
        for path, name in zip(files, names, strict=True)
    ]
    with prepared(question.out):
        deliver(
            [combined(parts)], told_training,
            out=question.out, json=question.json, quiet=question.quiet,
        )  # fmt: skip
