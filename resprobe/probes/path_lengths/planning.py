"""What measuring path lengths would take, before it is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics
from resprobe.probes.path_lengths.asking import End, Methods, Question, Transitions, questions
from resprobe.probes.path_lengths.drawing import draw_paths
from resprobe.probes.path_lengths.measuring import Places, bytes_per_image, images_at_once
from resprobe.probes.path_lengths.tape import Place, Tape, record
from resprobe.probes.plan import Plan

__all__ = ["Pulls", "plan_paths", "pulls"]


class Pulls(NamedTuple):
    """How often cotangents are pulled back through one step, for each image.

    In a sweep a cotangent goes by shortcut and branch alike and counts once.
    """

    shortcut: int
    branch: int
    whole: int
    evaluations: int


def plan_paths(
    chain: Chain,
    data: Batches,
    *,
    method: Methods = "exact",
    transitions: Transitions = "counted",
    draws: int = 10,
    seed: int = 0,
    lengths: tuple[int, int] | None = None,
    at: End = "images",
    batch_norm: Statistics = "running",
) -> Plan:
    """Return what :func:`resprobe.paths` would do; every step is timed on a few images.

    A program is a sweep or a single path. A block evaluation is one step run forward, or one
    cotangent pulled back through one step; apart, every path would be pulled back alone.
    """
    asked, _ = questions(
        chain, data, method=method, transitions=transitions, draws=draws, lengths=lengths, at=at,
        batch_norm=batch_norm,
    )  # fmt: skip
    evaluations = apart = programs = memory = 0
    duration_s = 0.0
    with left_as_found(chain, training=False, requires_grad=False), torch.enable_grad():
        for question in asked:
            places, steps = question.places, len(chain.steps)
            wanted, count = pulls(question, draws, seed)
            fewest = sum(pull.evaluations for pull in wanted)
            evaluations += steps + fewest
            alone = draws * (places.blocks + 1) * steps
            apart += steps + (alone if question.method == "sampled" else fewest)
            programs += count
            duration_s += _duration_per_image(chain, data, places, wanted) * data.n
            memory = max(
                memory, bytes_per_image(chain, places) * images_at_once(chain, data, places)
            )
    held = sum(p.numel() * p.element_size() for p in chain.parameters()) + data.data.nbytes
    return Plan(
        study=f"paths: {method}, transitions {transitions}",
        images=data.n,
        programs=programs,
        block_evaluations=evaluations,
        block_evaluations_apart=apart,
        duration_s=duration_s,
        memory_bytes=held + memory,
    )


def pulls(question: Question, draws: int, seed: int) -> tuple[list[Pulls], int]:
    """Return the pulls through each step, the first step first, and the number of programs."""
    places, found = question.places, []
    if question.method == "sampled":
        drawn = draw_paths(places.blocks, draws, seed)
        here, column = 1, 0
        for counted in reversed(places.counted):
            if counted:
                shortcut, branch = (int(n) for n in drawn.nodes[column])
                here, column = shortcut + branch, column + 1
                found.append(Pulls(shortcut, branch, 0, here))
            else:
                found.append(Pulls(0, 0, here, here))
        return found[::-1], len(drawn.branches)
    sweeps, levels = (draws if question.method == "rms" else 1), 1
    for counted in reversed(places.counted):
        n = sweeps * levels
        found.append(Pulls(n, n, 0, n) if counted else Pulls(0, 0, n, n))
        levels += counted
    return found[::-1], sweeps


def _duration_per_image(chain: Chain, data: Batches, places: Places, wanted: list[Pulls]) -> float:
    x, y = next(iter(data))
    few = min(16, images_at_once(chain, data, places))
    x, y = x[:few].clone(), y[:few]
    begin = time.perf_counter()
    tape = record(chain, x, y, places.counted, at_images=places.at_images)
    total_s = time.perf_counter() - begin
    for place, pull in zip(tape.places, wanted, strict=True):
        cotangent = torch.ones_like(place.passed.end)
        for parts, times in (
            ((place.by_after, place.by_shortcut), pull.shortcut),
            ((place.by_after, place.by_branch), pull.branch),
            ((place.by_all,), pull.whole),
        ):
            if times:
                total_s += times * _timed(parts, cotangent)
    ends = wanted[0].evaluations + np.sign(wanted[0].branch)
    return (total_s + int(ends) * _timed((tape.at_end,), torch.ones_like(_bottom(tape)))) / len(x)


def _bottom(tape: Tape) -> Tensor:
    first: Place = tape.places[0]
    return first.passed.start


def _timed(parts: tuple[Callable[[Tensor], Tensor], ...], cotangent: Tensor) -> float:
    """Time pulling back; the first of three goes warms up."""
    begin = time.perf_counter()
    for go in range(3):
        pulled = cotangent
        for part in parts:
            pulled = part(pulled)
        if pulled.device.type == "cuda":
            torch.cuda.synchronize(pulled.device)
        if go == 0:
            begin = time.perf_counter()
    return (time.perf_counter() - begin) / 2
