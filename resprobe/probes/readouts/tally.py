"""Everything that is counted over the images of a read-out; nothing of an image is kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from resprobe.chain import Chain
from resprobe.probes.readouts.borderline import Borderline
from resprobe.probes.readouts.decisions import Decisions, settled, stable
from resprobe.probes.readouts.estimation import StageErrors
from resprobe.probes.readouts.exits import Exits
from resprobe.probes.readouts.looking import Looked
from resprobe.probes.study import block_labels
from resprobe.statistics import wilson
from resprobe.streams import Moments

__all__ = ["Tally"]

Numbers = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[np.float64]]


class Tally:
    """Counts and moments of every block; parameters as :func:`resprobe.readout` has them."""

    def __init__(
        self,
        chain: Chain,
        exits: Exits,
        ends: list[int],
        *,
        stable: int,
        gap: float,
        last: int,
        probes: bool,
    ) -> None:
        self._chain, self._exits, self._stable = chain, exits, stable
        blocks, readable = len(chain.blocks), len(exits)
        names = [block.name for block in chain.blocks]
        methods = ("probe", "probe-stable", "head") if probes else ("head",)
        self.decisions = Decisions(methods, names, [block.stage for block in chain.blocks])
        self._borderline = Borderline(readable, before=max(0, readable - 1 - last), gap=gap)
        self._errors = StageErrors(ends)
        self._losses = Moments(readable)
        self._cosines = Moments(blocks)
        self._head = _Right(readable)
        self._probe = _Right(blocks)

    def add(self, looked: Looked) -> None:
        """Take what was found of some images."""
        self._head.add(looked.head, looked)
        self._losses.add(looked.losses.T)
        self._borderline.add(looked.gaps, looked.head == looked.labels[:, None])
        self._errors.add(looked.errors)
        for block, cosines in enumerate(looked.cosines.T):
            there = cosines[~np.isnan(cosines)]
            if len(there):
                mean = float(there.mean())
                squares = float(((there - mean) ** 2).sum())
                self._cosines.merge(len(there), mean, squares, at=block)
        self.decisions.add("head", settled(looked.head, looked.final) + self._exits.first)
        if looked.probes is not None:
            self._probe.add(looked.probes, looked)
            self.decisions.add("probe", settled(looked.probes, looked.final))
            self.decisions.add("probe-stable", stable(looked.probes, self._stable))

    def blocks(self, network: str, *, n: int, fitted: int) -> pd.DataFrame:
        """Return the table of blocks."""
        frame = pd.DataFrame(block_labels(self._chain, network=network, n=n))
        head: Columns = {
            **self._head.columns("head"),
            "head_loss": self._losses.mean,
            "head_loss_se": self._losses.standard_error(),
        }
        missing = np.full(self._exits.first, math.nan)
        padded = {name: np.concatenate([missing, values]) for name, values in head.items()}
        return frame.assign(
            **padded,
            **self._probe.columns("probe"),
            probe_n=fitted,
            cosine=self._cosines.mean,
            cosine_se=self._cosines.standard_error(),
            cosine_n=self._cosines.n.astype(np.int64),
            **self._errors.columns(),
        )

    def borderline_rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table of borderline images."""
        names = [block.name for block in self._chain.blocks]
        return self._borderline.rows(self._exits.first, names[self._exits.first :])


class _Right:
    """How many predictions are right, and how many are the network's own."""

    def __init__(self, places: int) -> None:
        self._n = 0
        self._counts = {key: np.zeros(places, np.int64) for key in ("accuracy", "agreement")}

    def add(self, predictions: Numbers, looked: Looked) -> None:
        self._n += len(predictions)
        self._counts["accuracy"] += (predictions == looked.labels[:, None]).sum(0)
        self._counts["agreement"] += (predictions == looked.final[:, None]).sum(0)

    def columns(self, of: str) -> Columns:
        found: Columns = {}
        for key, counts in self._counts.items():
            if self._n:
                ends = np.array([wilson(int(count), self._n) for count in counts])
                values = np.column_stack([counts / self._n, ends])
            else:
                values = np.full((len(counts), 3), math.nan)
            for suffix, column in zip(("", "_low", "_high"), values.T, strict=True):
                found[f"{of}_{key}{suffix}"] = column
        return found
