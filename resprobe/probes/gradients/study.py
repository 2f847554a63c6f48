"""Follow the gradient back through every block, by shortcut and by branch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import (
    Chain,
    has_batch_norm,
    left_as_found,
    responses,
    use_batch_statistics,
)
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.gradients.crossing import Crossing, cross, identity_path, listen
from resprobe.probes.gradients.growth import LayerCount, growth_of
from resprobe.probes.gradients.histograms import histogram_rows
from resprobe.probes.gradients.recomputing import recomputes
from resprobe.probes.gradients.tables import block_frame, weight_frame
from resprobe.probes.gradients.tap import Tap, direction_of
from resprobe.probes.study import block_labels, check_fit, provenance
from resprobe.probes.taps import norms_of
from resprobe.results import Result

__all__ = ["GradientFlow", "gradflow"]


class GradientFlow(NamedTuple):
    """The tables of :func:`gradflow`: per block, per parameter, and if asked for per bin."""

    blocks: Result
    weights: Result
    histograms: Result | None = None


def gradflow(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    batch_norm: Statistics = "running",
    identity: bool = True,
    histograms: bool = False,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GradientFlow:
    """Split the gradient at every block into what came by the shortcut and by the branch.

    One forward and one backward pass per batch, and one back along the shortcuts alone. The
    model is left as it was found; no ``.grad`` is written. Memory does not grow with the number
    of images. Where a batch would take more than some 4 GiB, blocks are run once more on the way
    back instead of being kept: the same numbers, in a third more time.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images with labels, normalised as the network wants them.
    network : str
        Its name in the tables.
    batch_norm : "running" or "batch"
        Statistics that BatchNorm uses. "running" is eval mode, for trained networks. "batch"
        is for networks at initialisation, whose running statistics mean nothing; the figures
        then depend on ``data.batch_size``, and a last batch of one image joins the one before
        it. Everything else is in eval mode.
    identity : bool
        Whether the identity path is followed; its columns are NaN else.
    histograms : bool
        Whether all elements of the gradients are counted by their size.
    seed, about, progress
        As for :func:`resprobe.lesion`.

    Returns
    -------
    GradientFlow
        ``blocks``: Result "gradflow" with ``network, block, name, stage, kind, n`` and

        - ``output, identity, residual, input``: mean over images of the L2 norms, in nats per
          unit of activation, with their standard errors ``*_se``; they scale with the loss;
        - ``cosine``: of identity and residual part, mean over images; norms below 1e-8, where
          float32 rounding hides the direction, count as 1e-8;
        - ``residual_share``: ||residual|| / (||identity|| + ||residual||), mean over images, in
          [0, 1];
        - ``identity_path``, ``identity_path_se``: norm of the gradient that comes from the last
          block's output to this block's input by shortcuts alone (and links, and activations
          behind sums); ``identity_path_cosine``, of its angle to the whole gradient there; and
          ``identity_gain``, its norm over that at the last block's output, mean over images: 1
          along identity shortcuts, the product of the factors along scaled ones. NaN in plain
          networks;
        - ``layers``: weighted layers of the block, on its branch, but for those inside
          ``nn.MultiheadAttention``; ``growth``: (``input`` / ``output``) to the power of
          1 / ``layers``, NaN where there is none.

        ``weights``: Result "gradflow-weights" with ``network, parameter, block`` (-1 stem or
        link, number of blocks for the head), ``dimensions`` (4 for a convolution),
        ``gradient_norm`` (of the *mean* loss over all
        images) and ``weight_norm``.

        ``histograms``: Result "gradflow-histograms", or None where they were not asked for:
        ``network, block, name, stage, kind, n, part`` ("input" | "identity" | "residual")``,
        low, high`` (powers of two, ``low <= |g| < high``; 0 and 0 for what is exactly 0)``,
        count`` and ``share`` of all elements of all images, in [0, 1].

        ``meta["batch_norm"]`` is None for a network without any.
        ``meta["networks"][0]["growth"]`` has the network's ``factor`` per layer, ``low, high``
        (95 %, over ``blocks``), from blocks that keep the shape.

    Raises
    ------
    InputError
        If images and network do not fit, or batches of one image are to be normalised by their
        own statistics.
    ChainError
        If ``batch_norm`` is "batch" and the model calls BatchNorm as a function.
    ResprobeError
        If a gradient is not finite, or the parts do not add up to the whole.

    References
    ----------
    He et al. 2016, "Identity Mappings in Deep Residual Networks", equations 5 and 8; Yang et
    al. 2019, "A Mean Field Theory of Batch Normalization" (growth per layer).

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=4).build()
    >>> flow = gradflow(unravel(model, data.example()), data, batch_norm="batch")
    >>> flow.blocks.frame["name"].tolist()
    ['layer1.0', 'layer2.0', 'layer3.0']
    """
    check_fit(chain, data)
    data = batches_for(chain, data, batch_norm)
    taps = [Tap(block.name, histograms=histograms) for block in chain.blocks]
    follow = identity and not chain.is_plain
    recompute = recomputes(chain, data)
    counted = LayerCount()
    parameters = [parameter for _, parameter in chain.model_parameters]
    sums = [torch.zeros(p.shape, dtype=torch.float64) for p in parameters]
    with left_as_found(chain, training=False, requires_grad=True), torch.enable_grad():
        if batch_norm == "batch":
            use_batch_statistics(chain)
        # a parameter that the chain does not use has no gradient: its sum stays 0
        used = [i for i, parameter in enumerate(parameters) if parameter.requires_grad]
        for done, (x, y) in enumerate(data, start=1):
            leaf = x.detach().requires_grad_()
            once = responses(chain, counted.see) if done == 1 else contextlib.nullcontext()
            with once:
                crossings, logits = cross(chain, leaf, recompute=recompute)
                loss = F.cross_entropy(logits, y, reduction="sum")
            _tap(crossings, taps, loss, follow=follow, together=batch_norm == "batch")
            del crossings, logits
            wanted = [leaf, *(parameters[i] for i in used)]
            gradients = torch.autograd.grad(loss, wanted, materialize_grads=True)
            for i, gradient in zip(used, gradients[1:], strict=True):
                sums[i] += gradient.cpu()
            for tap in taps:
                tap.close_batch()
            if progress:
                progress(done, len(data))
    blocks = block_frame(chain, taps, counted.layers, network)
    meta = {
        "batch_norm": batch_norm if has_batch_norm(chain) else None,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    meta["networks"][0]["growth"] = growth_of(blocks)
    return GradientFlow(
        Result("gradflow", blocks, meta),
        Result("gradflow-weights", weight_frame(chain, sums, data.n, network), meta),
        _histograms(chain, taps, network, data.n, meta) if histograms else None,
    )


def _tap(
    crossings: Sequence[Crossing],
    taps: Sequence[Tap],
    loss: Tensor,
    *,
    follow: bool,
    together: bool,
) -> None:
    """Follow the identity path back, and set a tap at every block for the rest."""
    if follow:
        blocks = [crossing for crossing in crossings if crossing.passed.number is not None]
        (top,) = torch.autograd.grad(
            loss, [blocks[-1].passed.end], retain_graph=True, materialize_grads=True
        )
        size, value, direction = norms_of(top), top, direction_of(top)
        for number, path in identity_path(crossings, top, together=together):
            if not path.value.is_set_to(value):  # what a block changes nothing of is kept once
                value, direction = path.value, direction_of(path.value)
            taps[number].expect_path(path, size, direction)
    # only now: a hook also hears what is pulled back along a path alone
    listen(crossings, taps)


def _histograms(
    chain: Chain, taps: Sequence[Tap], network: str, n: int, meta: dict[str, Any]
) -> Result:
    labels = block_labels(chain, network=network, n=n)
    elements = [tap.elements for tap in taps if tap.elements is not None]
    table = histogram_rows(labels, elements, plain=chain.is_plain)
    return Result("gradflow-histograms", table, meta)
