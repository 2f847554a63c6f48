"""What a page says of each kind of result: the one table that a new kind is entered in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from resprobe.report import sentences as told
from resprobe.report import tables
from resprobe.report.compare import Kin
from resprobe.results import Result

__all__ = ["CHAPTERS", "Chapter"]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """How a page shows one kind of result.

    Attributes
    ----------
    kind : str
        The results' name.
    title : str
        The heading.
    sentences : callable, optional
        What is said of the numbers, from the results and who is plain.
    table : callable
        The numbers, from the results.
    table_caption, figure_caption : str
        What they hold, with units.
    intro : str
        What was done, before what was found.
    apart : bool
        Whether networks at initialisation have a section of their own.
    under : bool
        Whether it belongs to the section before it.
    """

    kind: str
    title: str
    table: Callable[[Sequence[Result]], pd.DataFrame]
    table_caption: str
    figure_caption: str
    sentences: Callable[..., list[str]] | None = None
    intro: str = ""
    apart: bool = False
    under: bool = False

    def text(self, results: Sequence[Result], kin: Kin) -> list[str]:
        """Return what is seen."""
        return self.sentences(results, kin=kin) if self.sentences else []


CHAPTERS = (
    Chapter(
        kind="train",
        title="Training",
        sentences=told.training_sentences,
        figure_caption="Error on the training images (dotted, augmented, as they were learnt from) "
        "and on the images held out (thick), per epoch.",
        table=tables.training_table,
        table_caption="Errors in percent, losses in nats per image, per epoch.",
    ),
    Chapter(
        kind="lesion",
        title="Deleting one block",
        intro="Each block is deleted in turn, with no training after it; a residual block leaves "
        "its shortcut behind, a plain block leaves nothing.",
        sentences=told.lesion_sentences,
        figure_caption="Error after the deletion of each block, with 95 % Wilson intervals; dashed "
        "the intact network, dotted chance.",
        table=tables.lesion_table,
        table_caption="Accuracy after each deletion with its 95 % Wilson interval, and the rise of "
        "the error over the intact network with its paired 95 % interval; loss in nats.",
    ),
    Chapter(
        kind="paths",
        title="Paths by their length",
        intro="In every residual block a path takes the branch or the shortcut; its length is the "
        "number of branches, and the gradient is the sum over all paths.",
        sentences=told.path_sentences,
        figure_caption="By length: the share of all paths, the norm of the gradient that comes "
        "along one, and their product as a share of the sum over all lengths.",
        table=tables.paths_table,
        table_caption="Norms in nats per unit of the images, mean per image; a length is effective "
        "where it is one of those that hold the share that was asked for.",
    ),
    Chapter(
        kind="magnitude",
        title="Size of the branches",
        intro="The branch of each block beside its shortcut, the two that the block adds.",
        sentences=told.magnitude_sentences,
        figure_caption="By block: ‖F(x)‖ / ‖s(x)‖ per image (mean, and the middle 80 % of the "
        "images), the cosine of the two, and the share of their sum below 0.",
        table=tables.magnitude_table,
        table_caption="L2 norms over all elements of the block's tensor, per image, then the mean "
        "over images; response: standard deviation of F(x).",
        apart=True,
    ),
    Chapter(
        kind="magnitude-responses",
        title="Responses of the layers",
        sentences=told.response_sentences,
        figure_caption="Standard deviation of each layer's response, after BatchNorm and before "
        "ReLU or addition, in order and sorted.",
        table=tables.responses_table,
        table_caption="Standard deviations over images, channels and positions.",
        apart=True,
        under=True,
    ),
    Chapter(
        kind="gradflow",
        title="Gradient flow",
        intro="The gradient of the loss comes down from the last block to the first; at a residual "
        "block it divides into a part through the shortcut (identity) and a part through the "
        "branch (residual).",
        sentences=told.gradflow_sentences,
        figure_caption="Norm of the gradient at the input of each block and, for residual "
        "networks, of its two parts: L2 norm per image, mean over images.",
        table=tables.gradflow_table,
        table_caption="Norms of the gradient per block (nats per unit of activation). The two "
        "parts add up to the whole as vectors; their norms need not.",
        apart=True,
    ),
    Chapter(
        kind="gradflow-weights",
        title="Gradients of the weights",
        figure_caption="L2 norm of the gradient of each weighted layer, first to last.",
        table=tables.weights_table,
        table_caption="L2 norms of every parameter and of the mean loss's gradient by it.",
        apart=True,
        under=True,
    ),
    Chapter(
        kind="readout",
        title="Reading the answer after each block",
        intro="After every block a linear probe, fitted on training images, reads what the network "
        "would answer; in the last stage its own head reads too.",
        sentences=told.readout_sentences,
        figure_caption="By block: accuracy of the probe and of the head with 95 % Wilson "
        "intervals, cosine of the branch and the loss's gradient, and distance to the output of "
        "the stage.",
        table=tables.readout_table,
        table_caption="Accuracy with its 95 % Wilson interval; head as the network: share of "
        "images with the network's own answer; distance in standard deviations of the stage's "
        "output.",
    ),
    Chapter(
        kind="readout-decisions",
        title="After how many blocks predictions are made",
        sentences=told.decision_sentences,
        figure_caption="Share of the images that each block decides, and the sum up to it.",
        table=tables.decisions_table,
        table_caption="A block decides an image where its reader gives the network's answer from "
        "there on.",
        under=True,
    ),
    Chapter(
        kind="readout-borderline",
        title="Images whose two most probable classes are close",
        sentences=told.borderline_sentences,
        figure_caption="Accuracy of the head after each block of the last stage, for borderline "
        "images and all others.",
        table=tables.borderline_table,
        table_caption="Accuracy with its 95 % Wilson interval.",
        under=True,
    ),
)
"""In the order of the page."""
