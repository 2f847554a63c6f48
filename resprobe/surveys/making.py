"""Every analysis of one network, one after the other, each kept as soon as it is complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resprobe.chain import Chain, block_table
from resprobe.checkpoints import Checkpoint
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError
from resprobe.probes import Plan, Statistics
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result
from resprobe.surveys.keeping import Folder
from resprobe.surveys.studies import STUDIES, Counts, Sitter, Study
from resprobe.surveys.training import TRAINING, training_of

__all__ = ["blocks_of", "plan_survey", "survey"]

Progress = Callable[[int, int], None]


def survey(
    chain: Chain,
    data: Batches,
    *,
    fit: Batches | None = None,
    network: str = "network",
    trained: bool = True,
    checkpoint: Checkpoint | None = None,
    counts: Counts | None = None,
    batch_norm: Statistics | None = None,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    keep: str | Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Result]:
    """Make every analysis that applies to a network: lesions, paths, sizes, gradients, read-outs.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images, normalised as the network wants them.
    fit : Batches, optional
        Training images with labels that linear probes are fitted on; none without them.
    network : str
        Its name in the tables.
    trained : bool
        Whether its weights were learnt: lesions and read-outs of a network at initialisation
        are left out.
    checkpoint : Checkpoint, optional
        Where the weights came from; its recipe, and the log beside it, say how it was trained.
    counts : Counts, optional
        How many of the images each analysis looks at.
    batch_norm : str, optional
        Whose statistics BatchNorm uses for sizes and gradients: "running" (a trained network's
        by default) or "batch".
    seed : int
        Of what is drawn.
    about : dict, optional
        What else the results should say about the network.
    keep : str or Path, optional
        A folder for the network's results, as CSV and JSON. What is complete there, of the same
        network, images, seed and version, is read and not measured again.
    progress : callable, optional
        Called with (done, in all) of the analysis under way.
    say : callable, optional
        Told in a line what begins, what is left out, and what a user should know.

    Returns
    -------
    list of Result
        "blocks" (as :func:`resprobe.chain.block_table`, with ``network``); "recipe"
        (``network, setting, value``) and "train" where they are known; the results of each
        analysis; at last "survey": ``network, study, done, n, results, reason``, a row for
        each analysis, with the reason where it is left out.

    Raises
    ------
    InputError
        If network and images do not fit.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(8)
    >>> data = Batches(images, images.normalisation)
    >>> chain = unravel(Architecture("plain8", in_channels=1, width=2).build(), data.example())
    >>> found = survey(chain, data, trained=False)
    >>> [result.name for result in found if result.name.startswith("gradflow")]
    ['gradflow', 'gradflow-weights']
    >>> found[-1].frame.set_index("study")["done"].to_dict()["paths"]
    False
    """
    check_fit(chain, data, labels=False)
    sitter = _sitter(chain, data, fit, trained, batch_norm, counts)
    tell = say or (lambda _: None)
    shared = {"network": network, "seed": seed, "about": about}
    meta = provenance(chain, data, **shared)  # type: ignore[arg-type]
    folder = Folder(None if keep is None else Path(keep), sitter, shared, tell)
    told = training_of(checkpoint, network, meta)
    facts = [
        folder.known(one) for one in (blocks_of(chain, network=network, meta=meta), *told.results)
    ]
    folder.take_away({*TRAINING} - {one.name for one in facts})
    # before anything is measured, so that an interrupted survey leaves nothing of another
    begun = [_begun(study, folder, sitter) for study in STUDIES]
    made = [_made(one, folder, sitter, progress=progress, **shared) for one in begun]
    if not any(one.results for one in made):
        raise InputError(f"{network}: no analysis applies: {made[0].reason}")
    rows = [told.row, *(one.row(network) for one in made)]
    index = Result("survey", pd.DataFrame(rows), meta)
    return [*facts, *(r for one in made for r in one.results), index]


def plan_survey(
    chain: Chain,
    data: Batches,
    *,
    fit: Batches | None = None,
    trained: bool = True,
    counts: Counts | None = None,
    batch_norm: Statistics | None = None,
    seed: int = 0,
) -> list[Plan]:
    """Return what each analysis of :func:`survey` would do, those left out not among them."""
    sitter = _sitter(chain, data, fit, trained, batch_norm, counts)
    return [
        study.plan(sitter, sitter.shown(study), seed)
        for study in STUDIES
        if not study.why_not(sitter)
    ]


def _sitter(
    chain: Chain,
    data: Batches,
    fit: Batches | None,
    trained: bool,
    batch_norm: Statistics | None,
    counts: Counts | None,
) -> Sitter:
    return Sitter(
        chain=chain,
        data=data,
        fit=fit,
        trained=trained,
        batch_norm=batch_norm or ("running" if trained else "batch"),
        counts=counts or Counts(),
    )


@dataclass(frozen=True)
class _Made:
    """What became of an analysis."""

    study: Study
    n: int
    results: Sequence[Result] = ()
    reason: str = ""

    def row(self, network: str) -> dict[str, Any]:
        return {
            "network": network,
            "study": self.study.name,
            "done": bool(self.results),
            "n": self.n if self.results else 0,
            "results": " ".join(result.name for result in self.results),
            "reason": self.reason,
        }


def _begun(study: Study, folder: Folder, sitter: Sitter) -> _Made:
    """Return what is known of an analysis: its results from before, or why it does not apply."""
    shown, reason = sitter.shown(study), study.why_not(sitter)
    if reason:
        folder.take_away(study.kinds)
    return _Made(study, shown.n, () if reason else folder.load(study, shown), reason)


def _made(begun: _Made, folder: Folder, sitter: Sitter, **named: Any) -> _Made:
    """Make and keep an analysis that is not known; one that does not apply says why."""
    network, study, reason = named["network"], begun.study, begun.reason
    if begun.results:
        folder.tell(f"{network}: {study.name} is there already")
        return begun
    shown = sitter.shown(study)
    if not reason:
        folder.tell(f"{network}: {study.name} on {shown.n:,} images")
        try:
            results = study.measure(
                sitter, shown, sitter.chain, part=folder.part(study), say=folder.tell, **named
            )
        except (InputError, UsageError) as error:
            reason = str(error).removeprefix(f"{network}: ")
        else:
            return _Made(study, shown.n, folder.keep(study, shown, results))
    folder.tell(f"{network}: {study.name} is left out: {reason}")
    return _Made(study, shown.n, reason=reason)


def blocks_of(chain: Chain, *, network: str, meta: dict[str, Any]) -> Result:
    """Return the block table of a network as a result."""
    frame = block_table(chain)
    frame.insert(0, "network", network)
    return Result("blocks", frame, meta)
