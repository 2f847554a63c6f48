"""Measure branches, shortcuts and layers in one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
import torch

from resprobe.chain import (
    Chain,
    has_batch_norm,
    left_as_found,
    pass_through,
    responses,
    use_batch_statistics,
)
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.magnitudes.layers import LayerResponses, response_table
from resprobe.probes.magnitudes.sizes import BranchSizes
from resprobe.probes.study import block_labels, check_fit, provenance
from resprobe.results import Result

__all__ = ["Magnitudes", "magnitude"]


class Magnitudes(NamedTuple):
    """The two tables of :func:`magnitude`: per block, and per layer."""

    blocks: Result
    responses: Result


def magnitude(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    batch_norm: Statistics = "running",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Magnitudes:
    """Measure every residual branch against its shortcut, and every layer's response.

    One forward pass. The model is left as it was found. Memory does not grow with the number
    of images: of each image some numbers are taken, and none is kept.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images as the network wants them; labels are not looked at.
    network : str
        Its name in the tables.
    batch_norm : "running" or "batch"
        Statistics that BatchNorm uses. "running" is eval mode. With "batch" a layer's response
        is what its BatchNorm's parameters say, whatever the images; figures then depend on
        ``data.batch_size``. Everything else is in eval mode.
    seed, about, progress
        As for :func:`resprobe.lesion`.

    Returns
    -------
    Magnitudes
        ``blocks``: Result "magnitude", one row per block: ``network, block, name, stage, kind,
        n`` (images), and

        - ``ratio``, the mean over images of ``||F(x)|| / ||s(x)||`` (L2 over all elements, before
          the activation behind the sum), ``ratio_se``, its standard error, and ``ratio_q10,
          ratio_q50, ratio_q90``, quantiles over images (to 0.05 %); inf where a shortcut carries
          nothing. Twice the branch is twice the ratio;
        - ``branch_norm``, ``shortcut_norm``: mean over images, in units of the activations;
        - ``response_std``: standard deviation of F(x) over images, channels and positions;
        - ``cosine``, ``cosine_se``: mean over images of the cosine of s(x) and F(x); images on
          which one of them is 0 do not count;
        - ``negative_share``: share of the elements of ``s(x) + F(x)`` below 0, in [0, 1]: what a
          ReLU behind the sum cuts off.

        A plain block has no shortcut: all of it is NaN but ``response_std``, which is that of
        its last layer.

        ``responses``: Result "magnitude-responses", one row per convolution and linear layer in
        the order of their calls: ``network, layer`` (from 0)``, name, block`` (-1 in the stem,
        the number of blocks in the head)``, place`` (branch, shortcut, block, stem, link, head)``,
        norm`` (batch, group, layer, instance or empty)``, n``,

        - ``response_std``: standard deviation of its output, after its norm and before the
          other non-linearity or the sum, over images, channels and positions, with
          ``response_std_se``, the images as the sample;
        - ``from_batch_norm``: ``sqrt(mean gamma**2 + var beta)`` over the channels of the
          BatchNorm that directly follows; NaN where there is none. With the batch's statistics
          the two agree but for BatchNorm's eps;
        - ``rank``: place of ``response_std`` when sorted, 1 the largest; NaN for projections in
          shortcuts and for the head, which He et al. leave out.

    Raises
    ------
    InputError
        If images and network do not fit, or batches of one image are to be normalised by their
        own statistics.
    ChainError
        If ``batch_norm`` is "batch" and the model calls BatchNorm as a function.
    ResprobeError
        If a block gives numbers that are not finite.

    References
    ----------
    He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2 and Fig. 7
    (responses); He et al. 2016, "Identity Mappings in Deep Residual Networks", section 4.1 (the
    share that is cut off); Jastrzebski et al. 2018, "Residual Connections Encourage Iterative
    Inference", Fig. 2 (ratio).

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=4, init="zero-bn").build()
    >>> sizes = magnitude(unravel(model, data.example()), data, batch_norm="batch")
    >>> sizes.blocks.frame["ratio"].tolist(), len(sizes.responses.frame)
    ([0.0, 0.0, 0.0], 8)
    """
    check_fit(chain, data, labels=False)
    data = batches_for(chain, data, batch_norm)
    blocks, layers = BranchSizes(chain), LayerResponses()
    with left_as_found(chain, training=False), torch.inference_mode():
        if batch_norm == "batch":
            use_batch_statistics(chain)
        for done, (x, _) in enumerate(data, start=1):
            layers.begin(len(x))
            blocks.begin(len(x))
            with responses(chain, layers.see):
                pass_through(chain, x, lambda passed: blocks.see(passed, layers.last))
            layers.end()
            blocks.end()
            if progress:
                progress(done, len(data))
    meta = {
        "batch_norm": batch_norm if has_batch_norm(chain) else None,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    table = response_table(
        layers.layers, network=network, n=layers.n, std=layers.std(),
        error=layers.standard_error(), rank_by=layers.std(),
    )  # fmt: skip
    return Magnitudes(
        Result("magnitude", _block_frame(chain, blocks, layers, network, data.n), meta),
        Result("magnitude-responses", table, meta),
    )


def _block_frame(
    chain: Chain, blocks: BranchSizes, layers: LayerResponses, network: str, n: int
) -> pd.DataFrame:
    columns = blocks.columns()
    if chain.is_plain:
        columns["response_std"] = layers.last_within(len(chain.blocks))
    labels = pd.DataFrame(block_labels(chain, network=network, n=n))
    return labels.assign(**columns)
