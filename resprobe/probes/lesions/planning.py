"""What a lesion study would do, before it does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from resprobe.chain import (
    Call,
    Chain,
    Program,
    calls,
    for_inference,
    left_as_found,
    most_alive,
    prefix_tree,
)
from resprobe.datasets import Batches
from resprobe.probes.lesions.making import Round, Study
from resprobe.probes.lesions.measuring import with_programs
from resprobe.probes.lesions.studies import Single
from resprobe.probes.plan import Plan, held_bytes, sample, timed
from resprobe.probes.study import check_fit

__all__ = ["plan_lesion"]

_SINGLE = Single()
_ANEW = 2.0
"""What a pass with BatchNorm in training mode costs, beside one that is folded."""


def plan_lesion(
    chain: Chain,
    data: Batches,
    *,
    study: Study = _SINGLE,
    seed: int = 0,
    recalibrate: Batches | None = None,
    selection: Batches | None = None,
    processes: int = 1,
) -> Plan:
    """Return what :func:`resprobe.lesion` would do; every step is timed on a few images.

    The block evaluations are exactly those of the study. What a greedy study runs depends on
    what it finds: its figures are those of one that always drops the first block that is left.
    A tolerance can only save some of it.

    Parameters
    ----------
    chain, data, study, seed, recalibrate, selection
        As for :func:`resprobe.lesion`.
    processes : int
        That divide the images among them; the time is that of each.
    """
    check_fit(chain, data, labels=False)
    cost = _costs(chain, data)
    programs = evaluated = apart = duration_s = memory = 0.0
    for asked in _rounds(study, chain, seed):
        images = (selection or data) if asked.selection else data
        run, _ = with_programs(chain, asked.lesions)
        counts = calls(run)
        passes = float(images.n)
        if recalibrate is not None and not asked.selection:
            passes += _ANEW * (images.n + recalibrate.n * processes)
        programs += len(run)
        evaluated += counts.total()
        apart += sum(map(len, run))
        duration_s += passes / processes * cost.of(counts, len(run))
        memory = max(memory, cost.memory(run, chain.classes) * max(images.sizes))
    return Plan(
        study=f"lesion: {study.name}",
        images=data.n,
        programs=int(programs),
        block_evaluations=int(evaluated),
        block_evaluations_apart=int(apart),
        duration_s=duration_s,
        memory_bytes=held_bytes(chain, data) + cost.copied_bytes + int(memory),
    )


def _rounds(study: Study, chain: Chain, seed: int) -> Iterator[Round]:
    rounds = study.rounds(chain, np.random.default_rng(seed))
    asked = next(rounds)
    while True:
        yield asked
        try:
            asked = rounds.send([0.0] * len(asked.lesions))
        except StopIteration:
            return


@dataclass(frozen=True)
class _Costs:
    """Seconds and bytes per image, of stem, steps and head; and what weights take a second time."""

    stem_s: float
    steps_s: list[float]
    head_s: float
    stem_bytes: int
    steps_bytes: list[int]
    copied_bytes: int

    def of(self, counts: Counter[Call], programs: int) -> float:
        """Return the seconds of a walk; what deletes a branch costs next to nothing."""
        steps = sum(n * self.steps_s[c.step] for c, n in counts.items() if not c.deleted)
        return self.stem_s + steps + programs * self.head_s

    def memory(self, programs: Sequence[Program], classes: int) -> float:
        """Return the bytes alive at the worst moment."""
        alive = most_alive(prefix_tree(programs), self.steps_bytes, stem=self.stem_bytes)
        # inside a block: three more; behind the walk: logits, in float64 and as logarithms too
        inside = 3 * max(self.stem_bytes, *self.steps_bytes)
        return max(alive + inside, 28.0 * len(programs) * classes) + 4 * len(programs) * classes


def _costs(chain: Chain, data: Batches) -> _Costs:
    fast = for_inference(chain, data.example()).chain
    with left_as_found(fast, training=False), torch.inference_mode():
        x = sample(data)
        stem_s, hidden = timed(fast.stem, x)
        stem_bytes = hidden.nbytes // len(x)
        steps_s, steps_bytes = [], []
        for step in fast.steps:
            step_s, hidden = timed(step, hidden)
            steps_s.append(step_s / len(x))
            steps_bytes.append(hidden.nbytes // len(x))
        head_s, _ = timed(fast.head, hidden)
    shared = {p.data_ptr() for p in chain.parameters()}
    copied = sum(p.nbytes for p in fast.parameters() if p.data_ptr() not in shared)
    return _Costs(stem_s / len(x), steps_s, head_s / len(x), stem_bytes, steps_bytes, copied)
