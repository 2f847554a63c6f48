"""The analyses of a survey: on how many images, whether they apply, and what runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resprobe import probes
from resprobe.chain import Chain, has_batch_norm
from resprobe.datasets import Batches
from resprobe.probes import Plan, Statistics
from resprobe.results import Result

__all__ = ["STUDIES", "Counts", "Sitter", "Study"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many images each analysis looks at, evenly spaced over those that are given.

    None for all of them, as where fewer are given than are wanted. The defaults are those of
    the analyses' own commands.

    Examples
    --------
    >>> Counts(lesion=200).gradflow
    256
    """

    lesion: int | None = None
    paths: int | None = 64
    magnitude: int | None = 1_000
    gradflow: int | None = 256
    readout: int | None = 1_000


@dataclass(frozen=True, kw_only=True)
class Sitter:
    """A network that is surveyed, and the images that it is shown.

    Attributes
    ----------
    chain : Chain
        The network.
    data : Batches
        The images.
    fit : Batches or None
        Training images for linear probes.
    trained : bool
        Whether its weights were learnt, and not drawn.
    batch_norm : str
        Whose statistics BatchNorm uses for sizes and gradients: "running" or "batch".
    counts : Counts
        How many of the images each analysis looks at.
    """

    chain: Chain
    data: Batches
    fit: Batches | None
    trained: bool
    batch_norm: Statistics
    counts: Counts

    def shown(self, study: Study) -> Batches:
        """Return the images that an analysis looks at."""
        wanted: int | None = getattr(self.counts, study.name)
        if wanted is None or wanted >= self.data.n:
            return self.data
        return replace(self.data, data=self.data.data.subset(wanted))

    @property
    def unlabelled(self) -> str:
        """Why an analysis that goes by the labels does not apply; "" where there are any."""
        if self.data.data.classes:
            return ""
        return f"it goes by the labels of the images, and {self.data.data.name} has none"


@dataclass(frozen=True)
class Study:
    """One analysis of a survey.

    Attributes
    ----------
    name : str
        Its command.
    kinds : tuple of str
        The results that it gives.
    why_not : callable
        Takes a Sitter and returns why it does not apply; "" where it does.
    measure : callable
        Takes a Sitter, its images and the probe's shared keywords, and returns the results.
    plan : callable
        Takes a Sitter, its images and the seed.
    """

    name: str
    kinds: tuple[str, ...]
    why_not: Callable[[Sitter], str]
    measure: Callable[..., Sequence[Result]]
    plan: Callable[[Sitter, Batches, int], Plan]


def _no_lesions(sitter: Sitter) -> str:
    return "" if sitter.trained else "at initialisation there is no answer that a deletion can cost"


def _lesions(
    _: Sitter, data: Batches, chain: Chain, part: Path | None, **named: Any
) -> list[Result]:
    return [probes.lesion(chain, data, resume=part, **named)]


def _no_paths(sitter: Sitter) -> str:
    if sitter.chain.is_plain:
        return "a plain network has no shortcuts, so all its paths have one length"
    if not sitter.trained and has_batch_norm(sitter.chain):
        return (
            "paths are measured with BatchNorm's running statistics, which mean nothing at "
            "initialisation"
        )
    return sitter.unlabelled


def _paths(_: Sitter, data: Batches, chain: Chain, **named: Any) -> list[Result]:
    return [probes.paths(chain, data, **_without_say(named))]


def _magnitudes(sitter: Sitter, data: Batches, chain: Chain, **named: Any) -> list[Result]:
    return [
        *probes.magnitude(chain, data, batch_norm=sitter.batch_norm, **_without_say(named))
    ]  # fmt: skip


def _gradients(sitter: Sitter, data: Batches, chain: Chain, **named: Any) -> list[Result]:
    flow = probes.gradflow(chain, data, batch_norm=sitter.batch_norm, **_without_say(named))
    return [flow.blocks, flow.weights]


def _no_readouts(sitter: Sitter) -> str:
    if not sitter.trained:
        return "at initialisation nothing has been learnt that could be read out"
    return sitter.unlabelled


def _readouts(sitter: Sitter, data: Batches, chain: Chain, **named: Any) -> list[Result]:
    return [*probes.readout(chain, data, fit=sitter.fit, **_without_say(named))]


def _without_say(named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if name not in ("say", "part")}


STUDIES = (
    Study(
        "lesion",
        ("lesion",),
        _no_lesions,
        _lesions,
        lambda s, data, seed: probes.plan_lesion(s.chain, data, seed=seed),
    ),
    Study(
        "paths",
        ("paths",),
        _no_paths,
        _paths,
        lambda s, data, seed: probes.plan_paths(s.chain, data, seed=seed),
    ),
    Study(
        "magnitude",
        ("magnitude", "magnitude-responses"),
        lambda _: "",
        _magnitudes,
        lambda s, data, _: probes.plan_magnitude(s.chain, data, batch_norm=s.batch_norm),
    ),
    Study(
        "gradflow",
        ("gradflow", "gradflow-weights"),
        lambda sitter: sitter.unlabelled,
        _gradients,
        lambda s, data, _: probes.plan_gradflow(s.chain, data, batch_norm=s.batch_norm),
    ),
    Study(
        "readout",
        ("readout", "readout-decisions", "readout-borderline"),
        _no_readouts,
        _readouts,
        lambda s, data, _: probes.plan_readout(s.chain, data, fit=s.fit),
    ),
)
