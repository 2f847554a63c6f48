"""The rows of a lesion study's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.lesions.figures import FIGURES, figures_of, missing
from resprobe.probes.lesions.making import Lesion, untouched
from resprobe.probes.lesions.tally import Groups

__all__ = ["COLUMNS", "Rows"]

_LABELS = (
    "lesion", "kind", "blocks", "name", "stage", "k", "draw", "transitions", "times", "alpha",
    "kendall_tau",
)  # fmt: skip

COLUMNS = (
    "network", "study", *_LABELS, "class_name", "batch_norm", "selection", *FIGURES, "deletable"
)  # fmt: skip

_CERTAIN = {
    **dict.fromkeys(("error_rise_low", "error_rise_high", "loss_rise_low", "loss_rise_high"), 0.0),
    **dict.fromkeys(("kl_low", "kl_high"), 0.0),
    "agreement_low": 1.0,
    "agreement_high": 1.0,
}
"""Of the intact network compared with itself: nothing is left to chance."""


class Rows:
    """Collects rows, one per lesion, group of images and kind of statistics.

    Parameters
    ----------
    chain : Chain
        Whose blocks are tampered with.
    groups : Groups
        Which images are summed apart.

    Attributes
    ----------
    all : list of dict
        In the order of the table.
    """

    def __init__(self, chain: Chain, groups: Groups) -> None:
        self.chain, self.groups = chain, groups
        self.all: list[dict[str, Any]] = []

    def add(
        self,
        lesions: Sequence[Lesion],
        sums: Tensor,
        data: Batches,
        *,
        confidence: float,
        selection: bool = False,
        batch_norm: str = "running",
    ) -> None:
        """Add the rows of a round; the intact network's first, but once for the selection.

        Parameters
        ----------
        sums : Tensor of shape (1 + lesions that can be run, groups, sums)
            The intact network's first.
        """
        about = {"batch_norm": batch_norm, "selection": selection}
        measured = iter(sums)
        whole = untouched(self.chain, kendall_tau=1.0 if _reorders(lesions) else float("nan"))
        for lesion in (whole, *lesions):
            own = None if lesion.program is None else next(measured)
            same = lesion.program == whole.program and batch_norm == "running"
            again = selection and lesion is whole and any(row["selection"] for row in self.all)
            if again:
                continue
            labels = self._labels(lesion)
            for name, figures in self._figures(lesion, own, data, confidence, not selection):
                certain = _CERTAIN if same else {}
                known = {k: v for k, v in certain.items() if figures[k.rpartition("_")[0]] == v}
                self.all.append({**labels, **about, "class_name": name, **figures, **known})

    def _figures(
        self,
        lesion: Lesion,
        sums: Tensor | None,
        data: Batches,
        confidence: float,
        by_class: bool,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield for all images, then class by class, the name and the figures."""
        names = data.data.classes if self.groups.by_class and by_class else ()
        if sums is None:
            yield "", missing(data.n)
            return
        for name, part in (("", sums.sum(0)), *zip(names, sums, strict=False)):
            yield (
                name,
                figures_of(
                    part,
                    labelled=bool(data.data.classes),
                    has_parts=bool(lesion.parts),
                    confidence=confidence,
                ),
            )

    def _labels(self, lesion: Lesion) -> dict[str, Any]:
        touched = [self.chain.blocks[number] for number in lesion.blocks]
        transitions = sum(block.kind == "transition" for block in touched)
        kind = "transition" if transitions else "identity"
        alone = touched[0] if len(touched) == 1 else None
        return {
            "lesion": lesion.label,
            "kind": kind if lesion.k else "intact",
            "blocks": "+".join(map(str, lesion.blocks)),
            "name": alone.name if alone else "",
            "stage": alone.stage if alone else 0,
            "k": lesion.k,
            "draw": lesion.draw,
            "transitions": transitions,
            "times": lesion.times,
            "alpha": lesion.alpha,
            "kendall_tau": lesion.kendall_tau,
            "deletable": lesion.program is not None and lesion.k > 0,
        }


def _reorders(lesions: Sequence[Lesion]) -> bool:
    return any(lesion.kendall_tau == lesion.kendall_tau for lesion in lesions)
