"""A watch at work: it counts steps, and gives out a row per block of each that is recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

from resprobe.errors import ResprobeError
from resprobe.monitor.files import RowFile
from resprobe.monitor.places import BlockPlaces
from resprobe.monitor.recorder import Recorder
from resprobe.monitor.rows import COLUMNS, Row, block_rows
from resprobe.monitor.scaling import LossScale
from resprobe.monitor.subject import Subject
from resprobe.monitor.sums import figures_of
from resprobe.monitor.trackers import Tracker, tracked
from resprobe.monitor.weights import BlockWeights
from resprobe.results import Result, versions

__all__ = ["Watch"]


class Watch:
    """What :func:`resprobe.watch` returns: a context manager around a training loop.

    Attributes
    ----------
    step : int
        Steps that were counted, those of a resumed run included.
    """

    def __init__(
        self,
        subject: Subject,
        places: Sequence[BlockPlaces],
        *,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler | None = None,
        every: int = 1,
        per_pass: int | None = None,
        file: RowFile | None = None,
        trackers: Sequence[Tracker] = (),
        step: int = 0,
    ) -> None:
        self.step = step
        self._subject, self._every, self._per_pass = subject, every, per_pass
        self._file, self._trackers = file, trackers
        self._rows: list[Row] = []
        self._blocks = [place.block for place in places]
        self._weights = BlockWeights(self._blocks)
        self._scale = LossScale(scaler, optimiser)
        self._optimiser = type(optimiser).__name__
        self._stepping = self._overflows = False
        self._recorder = Recorder(subject.model, places, wanted=self._wanted, per_pass=per_pass)
        self._hooks = [
            optimiser.register_step_pre_hook(self._before_step),
            optimiser.register_step_post_hook(self._after_step),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(settle=kind is None)

    def settle(self) -> None:
        """Count the last step, if it was one that a GradScaler left out; see to it before saving.

        Such a step never reaches the optimiser and would show at the next forward pass alone.
        """
        if self._scale.left_out():
            self._count(overflow=True)

    def close(self, *, settle: bool = True) -> None:
        """Leave model and optimiser as they were found, and close the file; once is enough.

        Parameters
        ----------
        settle : bool
            Whether to count a last step first that a GradScaler left out.
        """
        if not self._hooks:
            return
        try:
            if settle:
                self.settle()
        finally:
            self._recorder.close()
            for hook in self._hooks:
                hook.remove()
            self._hooks = []
            if self._file is not None:
                self._file.close()

    def result(self) -> Result:
        """Return everything recorded, the file's earlier rows included, as a Result "watch"."""
        frame = self._file.frame() if self._file is not None else _frame(self._rows)
        parameter = next(self._subject.model.parameters())
        network = {
            "network": type(self._subject.model).__name__,
            "parameters": sum(p.numel() for p in self._subject.model.parameters()),
            "blocks": len(self._blocks),
        }
        meta = {
            **versions(),
            "device": str(parameter.device),
            "dtype": str(parameter.dtype).removeprefix("torch."),
            "optimiser": self._optimiser,
            "every": self._every,
            "per_pass": self._per_pass,
            "steps": self.step,
            "ranks": self._subject.ranks,
            "networks": [network],
        }
        return Result("watch", frame, meta)

    @property
    def _due(self) -> bool:
        """Whether the step that comes next is one to record."""
        return self.step % self._every == 0

    def _wanted(self) -> bool:
        if not self._stepping:  # a closure runs its passes within the step
            self.settle()
            self._scale.passes()
        return self._due

    def _before_step(self, optimiser: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        self.settle()
        self._scale.steps()
        self._stepping = True
        self._overflows = self._scale.overflows()
        if self._due:
            self._weights.keep()
            self._weights.see_gradients(scale=self._scale.in_gradients)

    def _after_step(self, optimiser: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        self._stepping = False
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if self._due and closure is not None:
            self._weights.see_gradients(scale=self._scale.in_gradients)
        self._count(overflow=self._overflows)

    def _count(self, *, overflow: bool) -> None:
        due, self.step = self._due, self.step + 1
        if not due:
            return
        self._check_reached()
        figures = self._figures(overflow=overflow)
        rows = block_rows(self.step, self._blocks, figures, overflow=overflow)
        if not self._subject.writes:
            return
        if self._file is not None:
            self._file.write(rows)
        else:
            self._rows += rows
        for tracker in self._trackers:
            tracker.log(tracked(rows), self.step)

    def _figures(self, *, overflow: bool) -> dict[str, Tensor]:
        # DDP differentiates the mean of the processes' losses
        scale = self._scale.value * self._subject.ranks
        sums = self._recorder.sums.take(self._subject.group)
        figures = {**figures_of(sums, loss_scale=scale), **self._weights.figures()}
        if overflow:
            gradients = ("identity", "residual", "input", "weight_gradient_norm")
            figures |= {name: torch.full_like(figures[name], math.nan) for name in gradients}
        return figures

    def _check_reached(self) -> None:
        unseen = self._recorder.unseen()
        if not unseen:
            return
        blocks = f"block '{unseen[0]}'" + (f" and {len(unseen) - 1} more" if unseen[1:] else "")
        reason = "let the loop call the model that is watched, with gradients enabled"
        if self._subject.compiled:
            reason = (
                "compiled code can leave out hooks that were added after it was compiled "
                "(pytorch#117758), so watch the model before it is compiled, or train it eagerly"
            )
        raise ResprobeError(
            f"no hook of {blocks} was run by the end of the first recorded step; {reason}"
        )


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
