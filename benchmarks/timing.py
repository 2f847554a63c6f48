"""Two ways of doing the same work, timed in turn; and how fast a cost grows."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from resprobe import statistics as intervals

__all__ = ["Cost", "Exponent", "Timing", "cost_of", "exponent_of", "in_turn", "median_interval"]

Work = Callable[[], object]


class Timing(NamedTuple):
    """Medians over rounds, and the ratio theirs / ours of each round's pair."""

    ours_s: float
    theirs_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    rounds: int


class Cost(NamedTuple):
    """CPU seconds of a run, and those of them that went into collections of garbage."""

    seconds: float
    collector_s: float

    @property
    def own_s(self) -> float:
        """Without the collector, which goes through all objects of the process, whose ever."""
        return self.seconds - self.collector_s


def in_turn(
    theirs: Work,
    ours: Work,
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Timing:
    """Time A B A B ...; ``around`` is entered before theirs and is not timed.

    The clock counts the CPU seconds of this process: on one thread, what else the machine does
    takes no part. Both sides must have been run once, to warm up.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        with around():
            seconds[0].append(_timed(theirs, clock).seconds)
        seconds[1].append(_timed(ours, clock).seconds)
    ratios = [one / other for one, other in zip(*seconds, strict=True)]
    low, high = median_interval(ratios)
    return Timing(
        statistics.median(seconds[1]),
        statistics.median(seconds[0]),
        statistics.median(ratios),
        low,
        high,
        rounds,
    )


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median by order statistics.

    Fewer than 6 values cannot give one: their range is returned, which covers less.
    """
    low, high = intervals.median_interval(values)
    return (min(values), max(values)) if math.isnan(low) else (low, high)


def cost_of(work: Work, *, at_least: float = 0.2, most: int = 7, long: float = 12.0) -> Cost:
    """Return the run of median CPU seconds, repeated until that long in all.

    Three times at least, but for what takes long: a single run also hears what else the machine
    does.
    """
    found: list[Cost] = []
    taken = 0.0
    while len(found) < most and (taken < at_least or (len(found) < 3 and taken < long)):
        found.append(_timed(work, time.process_time))
        taken += found[-1].seconds
    return sorted(found)[(len(found) - 1) // 2]


def _timed(work: Work, clock: Callable[[], float]) -> Cost:
    gc.collect()  # what was left before is nobody's
    with _collections(clock) as collector:
        begin = clock()
        work()
        seconds = clock() - begin
    return Cost(seconds, sum(collector))


@contextmanager
def _collections(clock: Callable[[], float]) -> Iterator[list[float]]:
    """Time the collections of garbage."""
    seconds: list[float] = []
    begin = 0.0

    def see(phase: str, _: object) -> None:
        nonlocal begin
        if phase == "start":
            begin = clock()
        else:
            seconds.append(clock() - begin)

    gc.callbacks.append(see)
    try:
        yield seconds
    finally:
        gc.callbacks.remove(see)


class Exponent(NamedTuple):
    """The slope of log(cost) over log(size), its 95 % interval, and that of the last two sizes."""

    exponent: float
    low: float
    high: float
    last: float


def exponent_of(sizes: Sequence[float], costs: Sequence[float]) -> Exponent:
    """Fit ``cost = a size^b`` by least squares of logarithms; three sizes or more."""
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float))
    gap = x - x.mean()
    slope = float(gap @ y / (gap @ gap))
    rest = y - y.mean() - slope * gap
    freedom = len(x) - 2
    half = float(t.ppf(0.975, freedom) * np.sqrt(rest @ rest / freedom / (gap @ gap)))
    last = float((y[-1] - y[-2]) / (x[-1] - x[-2]))
    return Exponent(slope, slope - half, slope + half, last)
