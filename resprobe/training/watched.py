"""A run under the eyes of the monitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from resprobe.monitor import Watching, watch
from resprobe.training.run import Run

__all__ = ["watched"]

EXAMPLES = 4


@contextmanager
def watched(run: Run, watching: Watching | None, *, resume: bool) -> Iterator[None]:
    """Watch a run for the time of the block; without ``watching``, do nothing.

    The rows go beside the run's log. With ``resume``, those of steps that are taken again are
    dropped first, also where the run was ended before it had saved anything.
    """
    loop, out = run.loop, run.keeper.places.watch
    if run.keeper.replaces and run.keeper.writes:
        out.unlink(missing_ok=True)
    if watching is None or loop.epoch > loop.epochs:
        yield
        return
    order = loop.chosen()[0][:EXAMPLES]
    with closing(loop.feed.batches([order], seed=loop.seed, epoch=loop.epoch)) as batches:
        images, _ = next(batches)
    with watch(
        loop.descent.called,
        loop.laid_out(images),
        optimiser=loop.optimiser,
        out=out,
        every=watching.every,
        per_pass=watching.per_pass,
        trackers=watching.trackers,
        scaler=loop.descent.mixed.scaler if loop.descent.mixed.scaler.is_enabled() else None,
        resume_from=loop.iteration if resume else None,
    ) as seen:
        run.settle = seen.settle
        yield
