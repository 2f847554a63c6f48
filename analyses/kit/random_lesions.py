"""Lesions that are drawn at random, of every network alike."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from kit.networks import Own
from kit.subjects import Subject
from kit.tables import measured_once

from resprobe import lesion, studies
from resprobe.chain import Chain
from resprobe.results import Result

__all__ = ["OWN", "SMOKE", "add_options", "random_lesions"]

OWN = tuple(
    Own(arch=arch) for arch in ("preresnet110", "resnet110", "preresnet56", "plain56", "plain20")
)
"""Networks of one training, residual and plain."""

SMOKE = {"images": 50, "draws": 3, "most": 3}


def add_options(parser: argparse.ArgumentParser, what: str, steps: str) -> None:
    """Add how much is drawn; ``what`` is made in so many ``steps``."""
    parser.add_argument("--images", type=int, default=200, help=f"to test each {what} on")
    parser.add_argument("--draws", type=int, default=5, help=f"for each number of {steps}")
    parser.add_argument("--most", type=int, default=20, help=f"{steps} at most")


def random_lesions(
    asked: argparse.Namespace,
    kind: str,
    study: Callable[..., studies.Random | studies.Shuffle],
    steps: Callable[[Chain], int],
) -> Result:
    """Measure every network's lesions, each network once.

    Parameters
    ----------
    asked : Namespace
        With the options of :func:`add_options`.
    kind : str
        What the parts that are kept are called.
    study : callable
        Makes the study, of ``most`` and ``draws``.
    steps : callable
        How many a chain allows.
    """

    def of(subject: Subject) -> Result:
        most = min(asked.most, steps(subject.chain))
        return lesion(
            subject.chain, subject.shown(asked.images), study=study(most=most, draws=asked.draws),
            network=subject.name, seed=0, about=subject.about,
        )  # fmt: skip

    return measured_once(asked, kind, of)
