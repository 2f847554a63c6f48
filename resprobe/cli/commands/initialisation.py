"""``resprobe initialisation``: variances, gradients and identities as the weights are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.batch_norm import BatchNorm, check_choice, statistics_of, together
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import note, table
from resprobe.cli.subjects import Subject, subjects

if TYPE_CHECKING:
    from resprobe.chain import Chain
    from resprobe.probes import Plan
    from resprobe.results import Result

__all__ = ["initialisation", "told"]

INITIALISATION_IMAGES = 256


@probing(images=INITIALISATION_IMAGES)
def initialisation(
    question: Question,
    draws: Annotated[
        int,
        typer.Option(
            "--draws",
            metavar="N",
            min=1,
            help="Initialisations, with seeds SEED, SEED + 1, ...; a trained network is measured "
            "once.",
        ),
    ] = 1,
    batch_norm: BatchNorm = "auto",
) -> None:
    """Follow variances forward and gradients back through networks as their weights are drawn.

    With the laws of random networks beside them. Several networks are overlaid.

    Example: resprobe initialisation --arch resnet110,plain56 --draws 3
    """
    from resprobe import probes

    check_choice(batch_norm)

    def measure(subject: Subject, **named: Any) -> Result:
        statistics = statistics_of(subject, batch_norm, quiet=question.quiet)
        return probes.initialisation(
            _drawn(subject, named["seed"]),
            subject.data,
            draws=_draws(subject, draws, quiet=question.quiet),
            batch_norm=statistics,
            **named,
        )

    def plan(subject: Subject) -> Plan:
        return probes.plan_initialisation(
            subject.chain,
            subject.data,
            draws=_draws(subject, draws, quiet=True),
            batch_norm=statistics_of(subject, batch_norm),
        )

    question.answer(measure, plan=plan, tell=told, combine=together)


def _draws(subject: Subject, draws: int, *, quiet: bool) -> int:
    if subject.trained and draws > 1:
        note(f"{subject.network}: trained, and so measured once", quiet=quiet)
    return 1 if subject.trained else draws


def _drawn(subject: Subject, first: int) -> Callable[[int], Chain]:
    """Return what gives the network of a seed: the one at hand, or one that is built."""

    def chain_of_seed(seed: int) -> Chain:
        if seed == first:
            return subject.chain
        again = subjects(replace(subject.request, seed=seed, quiet=True))
        return next(other.chain for other in again if other.network == subject.network)

    return chain_of_seed


def told(result: Result) -> str:
    """Return the signals as a table for people."""
    frame = result.frame
    columns = {
        "second_moment": "E[x^2]",
        "variance": "Var(x)",
        "branch_share": "Var(F)/Var(s)",
        "branch_share_law": "share law",
        "gradient_norm": "|dy/dx|",
        "gradient_norm_law": "norm law",
        "gradient_correlation": "correlation",
        "gradient_correlation_law": "corr. law",
        "branch_max": "max|F|",
    }
    shown = frame[["network", "block", "name", "stage", "kind"]].copy()
    for column, heading in columns.items():
        shown[heading] = frame[column].map("{:.4g}".format).replace("nan", "-")
    n, draws = int(frame["n"].iloc[0]), sorted(set(frame["draws"]))
    counted = " or ".join(f"{count} draw{'s' * (count > 1)}" for count in draws)
    return "\n".join(
        [
            table(shown),
            f"Mean over {counted} of the weights, {n} images. x is the block's input, F its "
            "branch and s its shortcut; variances over images and positions, mean over channels. "
            "correlation: of dy/dx between images, y a random combination of the logits. Laws: of "
            "random networks, for shares from the first block of each stage. max|F|: the most that "
            "the branch changes the block's output by; 0 is an identity.",
        ]
    )
