"""A training run: its epochs, what is measured after each, and what is kept on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

from torch import nn

from resprobe.checkpoints import Checkpoint, load
from resprobe.datasets import Batches
from resprobe.errors import IntegrityError, ResprobeError
from resprobe.results import Result
from resprobe.statistics import wilson
from resprobe.training.divergence import check_weights
from resprobe.training.evaluate import Evaluation
from resprobe.training.finite import finite
from resprobe.training.keeper import Keeper, Kept
from resprobe.training.log import EpochRow, as_frame, epoch_row
from resprobe.training.loop import Loop
from resprobe.training.pace import Pace, Progress, Stopped
from resprobe.training.provenance import described
from resprobe.training.saved import STATE_VERSION, Saved, machine
from resprobe.training.setting import Setting

__all__ = ["Run"]


class Run:
    """A network under training, and the images that say how good it is.

    Parameters
    ----------
    setting : Setting
        What the run computes.
    loop : Loop
        Network, optimiser, images to learn from.
    validation, curve : Batches or None
        The images held out, and the test images if they are to be looked at after every
        epoch; on the device of the loop.
    keeper : Keeper
        Writes what comes of it.
    pace : Pace
        Who is told and asked between the steps.
    watched_every : int, optional
        Steps between two that are recorded; None for none.

    Attributes
    ----------
    is_evaluating : bool
        Whether images are being evaluated, and not learnt from.
    settle : callable
        Called before the state is saved, for whoever has rows of the last step to write.
    """

    def __init__(
        self,
        setting: Setting,
        loop: Loop,
        *,
        validation: Batches | None,
        curve: Batches | None,
        keeper: Keeper,
        pace: Pace,
        watched_every: int | None = None,
    ) -> None:
        self.setting, self.loop, self.keeper, self.pace = setting, loop, keeper, pace
        self.validation, self.curve, self.watched_every = validation, curve, watched_every
        self.rows: list[EpochRow] = []
        self.best: Kept | None = None
        self.resumed_at: int | None = None
        self._since = time.perf_counter()
        self._spent_s = 0.0
        self._saved_at = time.monotonic()
        self.is_evaluating = False
        self.settle: Callable[[], None] = lambda: None

    def resume(self, saved: Saved) -> None:
        """Take up what was saved; the loop is there already."""
        self.rows, self._spent_s = list(saved.rows), saved.spent_s
        self.resumed_at = self.loop.iteration
        for row in self.rows:
            if self._is_best(row):
                self.best = Kept(epoch=row.epoch, figures=row.figures())
        self._settle_best()

    def _settle_best(self) -> None:
        """Bring the best checkpoint on disk and the rows into agreement.

        It is written after the state, so it can be one epoch older than the rows say; and
        where the newest state was damaged, it can be younger than the rows.
        """
        if self.best is None:
            return
        try:
            found, problem = load(self.keeper.places.best), ""
        except ResprobeError as error:
            found, problem = None, str(error)
        if found is not None and self._is_of_this_run(found, at_least=self.best.epoch):
            assert found.epoch is not None, "as checked"
            self.best = Kept(epoch=found.epoch, figures=found.figures)
        elif self.best.epoch == len(self.rows) and self.loop.batch == 0:
            self.keeper.write_best(self.loop.model, self.best)
        elif self.validation is None:
            self.best = None  # the epoch under way writes it anew
        else:
            what = problem or f"{self.keeper.places.best}: not of this run"
            raise IntegrityError(
                f"{what}; the best of this run was epoch {self.best.epoch}, so put that back, or "
                "choose another --out"
            )

    def _is_of_this_run(self, found: Checkpoint, *, at_least: int) -> bool:
        if found.epoch is None or found.epoch < at_least or not self.keeper.is_own(found):
            return False
        if found.epoch > len(self.rows):
            return True
        figures = self.rows[found.epoch - 1].figures()  # test images are seen again at the end
        learnt = {name: value for name, value in figures.items() if not name.startswith("test_")}
        return learnt.items() <= found.figures.items()

    def go_on(self) -> None:
        """Train to the end, saving after each epoch.

        Raises
        ------
        Stopped
            If the pace says so, after the state was saved.
        Diverged
            If a loss or a weight is not finite.
        """
        self._since, self._saved_at = time.perf_counter(), time.monotonic()
        try:
            while self.loop.epoch <= self.loop.epochs:
                self.loop.run_epoch(self._after)
                self._finish_epoch()
        except Stopped:
            self.save_state()
            self.loop.world.wait()
            raise Stopped(
                f"stopped after iteration {self.loop.iteration:,} of {self.loop.iterations:,}; "
                f"{self.keeper.places.last} holds all of it, so go on with --resume"
            ) from None
        self.keeper.finish()

    def _after(self, progress: Progress) -> None:
        self.pace.progress(progress)
        self._look()
        if time.monotonic() - self._saved_at >= self.pace.save_every_s:
            self.save_state()

    def _look(self) -> None:
        if self.loop.world.any_rank(self.pace.stop()):
            raise Stopped

    def _finish_epoch(self) -> None:
        self.loop.world.agree(self.loop.model)
        row = self._measured()
        self.rows.append(row)
        is_best = self._is_best(row)
        self._since, self._spent_s = time.perf_counter(), 0.0
        self.loop.next_epoch()
        self.save_state()
        if is_best:
            self.best = Kept(epoch=row.epoch, figures=row.figures())
            self.keeper.write_best(self.loop.model, self.best)
        if self.keeper.writes:
            self.keeper.write_log(self.result())
        self.loop.world.wait()

    def _is_best(self, row: EpochRow) -> bool:
        if self.best is None or not row.validation_n:
            return True
        return row.validation_error < float(self.best.figures["validation_error"])

    def _measured(self) -> EpochRow:
        held_out, tested = (
            None if batches is None else self._evaluated(self.loop.model, batches)
            for batches in (self.validation, self.curve)
        )
        return epoch_row(
            self.setting.architecture.spec,
            self.loop,
            held_out=held_out,
            tested=tested,
            duration_s=self._spent(),
        )

    def _evaluated(self, model: nn.Module, batches: Batches) -> Evaluation:
        self.is_evaluating = True
        seen = finite(self.loop, model, batches, between=self._look)
        self.is_evaluating = False
        return seen

    def _spent(self) -> float:
        return self._spent_s + time.perf_counter() - self._since

    def save_state(self) -> None:
        """Write the state of the run, and keep the one before it."""
        self.settle()
        check_weights(self.loop)
        begun = self.loop.batch > 0
        figures = self.rows[-1].figures() if self.rows and not begun else {}
        state = {
            "version": STATE_VERSION,
            "setting": self.setting.to_dict(),
            "loop": self.loop.state(),
            "rows": [asdict(row) for row in self.rows],
            "spent_s": self._spent() if begun else 0.0,
            "machine": machine(),
            "watched_every": self.watched_every,
        }
        self.keeper.write_state(self.loop.model, Kept(epoch=len(self.rows), figures=figures), state)
        self._saved_at = time.monotonic()

    def test(self, batches: Batches) -> None:
        """Evaluate the best checkpoint and note the figures in it.

        The error carries its Wilson 95 % interval.

        Raises
        ------
        Stopped
            If the pace says so.
        Diverged
            If the loss is not finite.
        """
        assert self.best is not None, "a recipe has at least one iteration, so a run has an epoch"
        model = load(self.keeper.places.best).model.to(self.loop.feed.device)
        try:
            seen = self._evaluated(model, batches)
        except Stopped:
            raise Stopped(
                "stopped before the test images were evaluated, which is all that is left; go on "
                "with --resume"
            ) from None
        low, high = wilson(seen.wrong, seen.n)
        figures: dict[str, float | int | str] = {
            "test_loss": seen.loss,
            "test_error": seen.error,
            "test_error_low": low,
            "test_error_high": high,
            "test_n": seen.n,
        }
        self.best = Kept(epoch=self.best.epoch, figures={**self.best.figures, **figures})
        self.keeper.write_best(model, self.best)
        self.loop.world.wait()

    def result(self) -> Result:
        """Return one row per complete epoch, and how it came about."""
        return Result("train", as_frame(self.rows), described(self))
