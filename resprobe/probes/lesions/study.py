"""Lesion study: what tampering with the blocks of a trained network does to it.

Conventions
-----------
Block *l* computes ``after(shortcut(x) + branch(x))``; deleted, it computes
``after(shortcut(x))``: the shortcut of a transition stays. A plain block is bypassed where it
keeps the shape; what the shape forbids is listed with ``deletable`` False and no figures.
BatchNorm keeps its running statistics, unless they are measured anew, in rows of their own.
Fractions lie in [0, 1]; losses and divergences are in nats per image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from resprobe.chain import Chain, for_inference, images_first, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.kept import Kept, fingerprint, network_digest, own_file
from resprobe.probes.lesions.asking import check_lesion
from resprobe.probes.lesions.looks import looks
from resprobe.probes.lesions.making import Round, Study
from resprobe.probes.lesions.measuring import Measuring
from resprobe.probes.lesions.rows import COLUMNS, Rows
from resprobe.probes.lesions.studies import Single
from resprobe.probes.lesions.sweep import Progress, Sweep
from resprobe.probes.lesions.tally import Groups, Sum
from resprobe.probes.study import provenance
from resprobe.results import Result, versions
from resprobe.training.distributed.world import World

__all__ = ["lesion"]

_SINGLE = Single()
_ALONE = World()


def lesion(
    chain: Chain,
    data: Batches,
    *,
    study: Study = _SINGLE,
    network: str = "network",
    seed: int = 0,
    tolerance: float | None = None,
    per_class: bool = False,
    recalibrate: Batches | None = None,
    selection: Batches | None = None,
    resume: Path | None = None,
    world: World = _ALONE,
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Tamper with the blocks of a network and measure what it does, on the same images.

    All lesions are evaluated together: what they share is computed once. The network is
    measured in eval mode and left as it was found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images, normalised as the network wants them. Without labels, the intact network's
        answers are what lesions are compared with.
    study : Study
        What is done, from ``resprobe.studies``: every block deleted in turn by default.
    network : str
        Its name in the tables.
    seed : int
        Of what a study draws, and of the order of the images where it may stop early.
    tolerance : float, optional
        Half the width of an interval, of the rise of the error (without labels: of the
        agreement), at which a lesion is not measured further. Images come in random order
        then, and intervals hold at all looks together.
    per_class : bool
        Whether rows for the images of each class follow those for all.
    recalibrate : Batches, optional
        Training images to measure BatchNorm statistics on behind each lesion; those rows are
        put beside the raw ones, over all images, also where a tolerance is given.
    selection : Batches, optional
        Images that the greedy study chooses by; ``data`` if not given, which flatters.
    resume : Path, optional
        A file to keep what is done in; a study that was interrupted goes on from it. It stays
        when the study is done: :func:`resprobe.probes.kept.forget` takes it away.
    world : World
        Processes that divide the images among them; each returns the whole result.
    about : dict, optional
        What else the result should say about the network (checkpoint, sum, architecture).
    progress : callable, optional
        Called with (batches done, batches in all), for each round of the study anew.
    say : callable, optional
        Told what a user should know, in words.

    Returns
    -------
    Result
        Named "lesion"; the first row is ``lesion="intact"``. ``network, study, lesion, kind,
        blocks, name, stage, k, draw, transitions, times, alpha, kendall_tau, class_name,
        batch_norm`` ("running" or "recalibrated"), ``selection, n, correct, accuracy, error,
        error_rise`` (lesioned minus intact, paired), ``loss`` (mean cross entropy),
        ``loss_rise, agreement`` (share of images with the intact network's answer), ``kl``
        (mean KL(intact || lesioned)), ``interaction`` (of a pair: wrong answers beyond those
        of its two blocks), each with ``_low`` and ``_high`` (95 %: Wilson for fractions,
        Newcombe's paired interval for the rise, normal for means), ``deletable``. What does
        not apply is NaN, ``correct`` then -1.

    Raises
    ------
    InputError
        If images and network, or study and network, do not fit.
    UsageError
        If the tolerance is none, or classes are to be told apart and there are no labels.

    References
    ----------
    Veit, Wilber, Belongie 2016, "Residual Networks Behave Like Ensembles of Relatively
    Shallow Networks", section 4.1, figures 3 to 5.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, studies, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> chain = unravel(Architecture("resnet8", in_channels=1, width=4).build(), data.example())
    >>> lesion(chain, data).frame["lesion"].tolist()
    ['intact', 'delete:0', 'delete:1', 'delete:2']
    >>> lesion(chain, data, study=studies.Pairs()).frame["lesion"].tolist()[-3:]
    ['delete:0+1', 'delete:0+2', 'delete:1+2']
    """
    check_lesion(
        chain, data, study=study, seed=seed, tolerance=tolerance, per_class=per_class,
        recalibrate=recalibrate, selection=selection,
    )  # fmt: skip
    kept = Kept()
    if resume is not None:
        facts = _facts(
            chain, study, world, data=data, recalibrate=recalibrate, selection=selection,
            seed=seed, tolerance=tolerance, per_class=per_class, about=about,
        )  # fmt: skip
        kept = Kept(own_file(resume, world), fingerprint(facts), say=say)
    fast = for_inference(chain, data.example())
    if fast.note and say:
        say(f"{network}: {fast.note}")
    groups = Groups(len(data.data.classes) if per_class else 0)
    sweep = Sweep(chain.classes, groups, kept, progress, say)
    rows = Rows(chain, groups)
    with left_as_found(chain, training=False), torch.inference_mode():
        by_level = chain.device.type == "cuda" and images_first(fast.chain, data.example())
        measuring = Measuring(chain, fast.chain, sweep, world, seed, tolerance, by_level)
        level = measuring.confidence(data.n)
        rounds = study.rounds(chain, np.random.default_rng(seed))
        asked, number, chose = next(rounds), 0, False
        while True:
            images = (selection or data) if asked.selection else data
            chose = chose or asked.selection
            costs = _measured(
                measuring, rows, asked, images, recalibrate, key=f"round {number}", level=level
            )
            try:
                asked, number = rounds.send(costs), number + 1
            except StopIteration:
                break
    frame = pd.DataFrame(rows.all).assign(network=network, study=study.name)
    meta = {
        "study": study.name,
        "settings": study.settings,
        "confidence": level,
        "tolerance": tolerance,
        "looks": None if tolerance is None else looks(data.n),
        "recalibrated_on": None if recalibrate is None else recalibrate.describe(),
        "selected_on": (selection or data).describe() if chose else None,
        "processes": world.size,
        "inference": {
            "folded": fast.folded,
            "memory_format": str(fast.memory_format).removeprefix("torch."),
            "largest_difference": fast.difference,
        },
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return Result("lesion", frame[list(COLUMNS)], meta)


def _measured(
    measuring: Measuring,
    rows: Rows,
    asked: Round,
    images: Batches,
    recalibrate: Batches | None,
    *,
    key: str,
    level: float,
) -> list[float]:
    """Measure a round, add its rows, and return what each lesion cost."""
    measure = measuring.plain if asked.selection else measuring.at_looks
    sums = measure(asked.lesions, images, key=key)
    rows.add(asked.lesions, sums, images, confidence=level, selection=asked.selection)
    if recalibrate is not None and not asked.selection:
        again = measuring.recalibrated(asked.lesions, images, recalibrate, key=f"{key} anew")
        rows.add(asked.lesions, again, images, confidence=level, batch_norm="recalibrated")
    whole = sums.sum(1)
    lost = int(whole[0, Sum.IMAGES] - whole[0, Sum.AGREE])
    if lost and measuring.sweep.say:
        measuring.sweep.say(f"the intact network's answers to {lost} images are not finite")
    measured = iter(whole[1:])
    cost = Sum.LOSS if images.data.classes else Sum.KL
    return [
        float("nan") if lesion.program is None else float((own := next(measured))[cost] / own[0])
        for lesion in asked.lesions
    ]


def _facts(chain: Chain, study: Study, world: World, **more: Any) -> dict[str, Any]:
    """Return all that the sums of a study depend on."""
    images = {
        name: None if given is None else [given.data.digest, given.describe()]
        for name, given in more.items()
        if given is None or isinstance(given, Batches)
    }
    return {
        **more,
        **images,
        "study": [study.name, study.settings],
        "weights": network_digest(chain),
        "processes": [world.rank, world.size],
        "version": versions()["resprobe"],
    }
