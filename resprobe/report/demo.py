"""The story of plain against residual networks, told from results on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resprobe.errors import InputError
from resprobe.figures import figure, footer, svg_text
from resprobe.figures.lesion.reading import study_of
from resprobe.figures.meta import networks_of
from resprobe.report.compare import Kin, kin_of
from resprobe.report.page import Section, page
from resprobe.report.sentences import (
    gradflow_sentences,
    lesion_sentences,
    training_sentences,
)
from resprobe.report.tables import gradflow_table, lesion_table, training_table, weights_table
from resprobe.results import Result

__all__ = ["demo_page"]

TOLD = ("train", "lesion", "gradflow", "gradflow-weights")


def demo_page(
    results: Sequence[Result],
    path: str | Path,
    *,
    title: str = "How plain and residual networks use their depth",
) -> Path:
    """Write the page of the demo: training, lesions, gradient flow, each with its sentences.

    Parameters
    ----------
    results : sequence of Result
        Named "train", "lesion", "gradflow" or "gradflow-weights", in any order and number.
        Results of one kind share a section; gradient flow of networks without a checkpoint
        (at initialisation) has one of its own.
    path : str or Path
        The HTML file to write, whole or not at all.
    title : str
        Of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there is no result, one of another kind, or one that is empty.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016; A. Veit et al.,
    "Residual networks behave like ensembles of relatively shallow networks", NIPS 2016.
    """
    if not results:
        raise InputError(f"{path}: the page needs at least one result and got none")
    for result in results:
        if result.name not in TOLD:
            told = ", ".join(TOLD)
            raise InputError(f"the page has nothing to tell of '{result.name}'; it tells of {told}")
        if result.name == "lesion" and study_of(result) not in ("single", "layers"):
            raise InputError(
                f"the page tells of single deletions, and a result is of the lesion study "
                f"'{study_of(result)}'"
            )
    story = _Story(kin_of(results), _order(results))
    sections = [story.opening(results)]
    for name, tell in (("train", story.training), ("lesion", story.lesion)):
        chosen = [result for result in results if result.name == name]
        sections += [tell(chosen)] if chosen else []
    for name, tell in (("gradflow", story.gradflow), ("gradflow-weights", story.weights)):
        for trained in (False, True):
            chosen = [r for r in results if r.name == name and _is_trained(r) == trained]
            sections += [tell(chosen)] if chosen else []
    return page(title, [*sections, _provenance(results)], path=path)


def _order(results: Sequence[Result]) -> list[str]:
    """Every network of the page once, so that it has one colour in all figures."""
    frames = [result.frame for result in results if "network" in result.frame.columns]
    return list(dict.fromkeys(str(network) for frame in frames for network in frame["network"]))


def _is_trained(result: Result) -> bool:
    return any(entry.get("checkpoint_sha256") for entry in networks_of(result.meta))


@dataclass(frozen=True)
class _Story:
    """The sections of the page, which agree on who is plain and on everyone's colour."""

    kin: Kin
    order: Sequence[str]

    def opening(self, results: Sequence[Result]) -> Section:
        sentences = [
            "A plain network passes its images from layer to layer; a residual network adds to "
            "each block a shortcut that carries the block's input past it. This page compares "
            "such networks by what was measured on them."
        ]
        parameters: dict[str, Any] = {}
        for result in results:
            for entry in networks_of(result.meta):
                parameters.setdefault(str(entry["network"]), entry.get("parameters"))
        for network, (is_plain, blocks) in self.kin.items():
            count = parameters.get(network)
            weights = f" and {count:,} parameters" if isinstance(count, int) else ""
            kind = "plain" if is_plain else "residual"
            depth = f"{blocks} block{'s' if blocks != 1 else ''}"
            sentences.append(f"{network} is a {kind} network of {depth}{weights}.")
        return Section("What is compared", sentences)

    def training(self, results: Sequence[Result]) -> Section:
        return Section(
            "Training",
            training_sentences(results, kin=self.kin),
            figure=self._drawn(results, salt="train"),
            figure_caption="Error on the training images (dotted, augmented, as they were learnt "
            "from) and on the images held out (thick), per epoch.",
            table=training_table(results),
            table_caption="Errors in percent, losses in nats per image, per epoch.",
        )

    def lesion(self, results: Sequence[Result]) -> Section:
        return Section(
            "Deleting one block",
            [
                "Each block is deleted in turn, with no training after it; a residual block leaves "
                "its shortcut behind, a plain block leaves nothing.",
                *lesion_sentences(results, kin=self.kin),
            ],
            figure=self._drawn(results, salt="lesion"),
            figure_caption="Error after the deletion of each block, with 95 % Wilson intervals; "
            "dashed the intact network, dotted chance.",
            table=lesion_table(results),
            table_caption="Accuracy after each deletion with its 95 % Wilson interval, and the "
            "rise of the error over the intact network with its paired 95 % interval; loss in "
            "nats.",
        )

    def gradflow(self, results: Sequence[Result]) -> Section:
        when = "after training" if _is_trained(results[0]) else "at initialisation"
        return Section(
            f"Gradient flow {when}",
            [
                "The gradient of the loss comes down from the last block to the first; at a "
                "residual block it divides into a part through the shortcut (identity) and a "
                "part through the branch (residual).",
                *gradflow_sentences(results, kin=self.kin),
            ],
            figure=self._drawn(results, salt=f"gradflow-{when}"),
            figure_caption="Norm of the gradient at the input of each block and, for residual "
            "networks, of its two parts: L2 norm per image, mean over images.",
            table=gradflow_table(results),
            table_caption="Norms of the gradient per block (nats per unit of activation). The two "
            "parts add up to the whole as vectors; their norms need not.",
        )

    def weights(self, results: Sequence[Result]) -> Section:
        when = "after training" if _is_trained(results[0]) else "at initialisation"
        return Section(
            f"Gradients of the weights {when}",
            figure=self._drawn(results, salt=f"weights-{when}"),
            figure_caption="L2 norm of the gradient of each weighted layer, first to last.",
            table=weights_table(results),
            table_caption="L2 norms of every parameter and of the mean loss's gradient by it.",
        )

    def _drawn(self, results: Sequence[Result], *, salt: str) -> str:
        return svg_text(figure(results, order=self.order), salt=salt)


def _provenance(results: Sequence[Result]) -> Section:
    """List what was run, each result once."""
    rows = [
        {
            "result": result.name,
            "rests on": footer(result),
            "device": result.meta.get("device"),
            "torch": result.meta.get("torch"),
            "Python": result.meta.get("python"),
            "time": result.meta.get("time"),
            "command": result.meta.get("command"),
        }
        for result in results
    ]
    return Section(
        "How this was measured",
        table=pd.DataFrame(rows),
        table_caption="What each result rests on; the files beside this page hold every digit.",
    )
