"""Gradient flow: how the gradient of the loss comes down through the blocks.

Conventions
-----------
With g = dL/dx_{l+1} at a block's output, ``identity`` is the part J_s^T g that reaches the
block's input through the shortcut and ``residual`` the part J_F^T g through the branch, both
through the activation after the sum. The two add up to dL/dx_l, ``input``: asserted to 1e-5.
The loss is the cross entropy *summed* over images, so that every image's gradient stands
alone; norms are L2 norms per image over all elements, then averaged over images. A plain
block has no shortcut: its identity part is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import (
    Chain,
    Link,
    ResidualBlock,
    has_batch_norm,
    left_as_found,
    use_batch_statistics,
)
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.study import check_fit, provenance
from resprobe.probes.taps import Tap
from resprobe.results import Result

__all__ = ["GradientFlow", "gradflow"]


class GradientFlow(NamedTuple):
    """The two tables of :func:`gradflow`: per block, and per parameter."""

    blocks: Result
    weights: Result


def gradflow(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    batch_norm: Statistics = "running",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GradientFlow:
    """Split the gradient at every block into what came by the shortcut and by the branch.

    One forward and one backward pass per batch. The model is left as it was found; no
    ``.grad`` is written.

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
    seed, about, progress
        As for :func:`resprobe.lesion`.

    Returns
    -------
    GradientFlow
        ``blocks``: Result "gradflow" with ``network, block, name, stage, kind, n, output,
        identity, residual, input`` (mean over images of the L2 norms, nats per unit of
        activation), their standard errors ``*_se``, ``cosine`` (of identity and residual
        part, mean over images; norms below 1e-8, where float32 rounding hides the direction,
        count as 1e-8) and ``residual_share``
        (||residual|| / (||identity|| + ||residual||), mean over images, in [0, 1]).
        ``weights``: Result "gradflow-weights" with ``network, parameter, block`` (-1 stem or
        link, number of blocks for the head), ``dimensions`` (4 for a convolution),
        ``gradient_norm`` (of the *mean* loss over all
        images) and ``weight_norm``. ``meta["batch_norm"]`` is None for a network without any.

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
    He et al. 2016, "Identity Mappings in Deep Residual Networks", equation 5.

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
    taps = [Tap(name=block.name) for block in chain.blocks]
    parameters = [parameter for _, parameter in chain.model_parameters]
    sums = [torch.zeros(p.shape, dtype=torch.float64) for p in parameters]
    with left_as_found(chain, training=False, requires_grad=True), torch.enable_grad():
        if batch_norm == "batch":
            use_batch_statistics(chain)
        # a parameter that the chain does not use has no gradient: its sum stays 0
        used = [i for i, parameter in enumerate(parameters) if parameter.requires_grad]
        for done, (x, y) in enumerate(data, start=1):
            loss, leaf = _tapped_loss(chain, taps, x, y)
            wanted = [leaf, *(parameters[i] for i in used)]
            gradients = torch.autograd.grad(loss, wanted, materialize_grads=True)
            for i, gradient in zip(used, gradients[1:], strict=True):
                sums[i] += gradient.cpu()
            for tap in taps:
                tap.close_batch()
            if progress:
                progress(done, len(data))
    meta = {
        "batch_norm": batch_norm if has_batch_norm(chain) else None,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return GradientFlow(
        Result("gradflow", _block_frame(chain, taps, network), meta),
        Result("gradflow-weights", _weight_frame(chain, sums, data.n, network), meta),
    )


def _tapped_loss(chain: Chain, taps: list[Tap], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Run the chain with a hook on every path of every block; return loss and input."""
    leaf = x.detach().requires_grad_()
    hidden = chain.stem(leaf)
    waiting = iter(taps)
    for step in chain.steps:
        if isinstance(step, Link):
            hidden = step(hidden)
            continue
        tap = next(waiting)
        hidden.register_hook(tap.catch_input)
        if isinstance(step, ResidualBlock):
            # views split the input by path: a hook on each sees what comes back through it
            by_shortcut, by_branch = hidden.view_as(hidden), hidden.view_as(hidden)
            by_shortcut.register_hook(tap.catch_identity)
            by_branch.register_hook(tap.catch_residual)
            hidden = step.after(step.shortcut(by_shortcut) + step.branch(by_branch))
        else:
            hidden = step(hidden)
        hidden.register_hook(tap.catch_output)
    return F.cross_entropy(chain.head(hidden), y, reduction="sum"), leaf


def _block_frame(chain: Chain, taps: list[Tap], network: str) -> pd.DataFrame:
    rows = []
    for number, (block, tap) in enumerate(zip(chain.blocks, taps, strict=True)):
        values = {
            figure: torch.tensor(kept, dtype=torch.float64) for figure, kept in tap.figures.items()
        }
        n = len(values["input"])
        norms = ("output", "identity", "residual", "input")
        rows.append(
            {
                "network": network,
                "block": number,
                "name": block.name,
                "stage": block.stage,
                "kind": block.kind,
                "n": n,
                **{figure: float(values[figure].mean()) for figure in norms},
                # without a shortcut there is no angle between two parts
                "cosine": float("nan") if chain.is_plain else float(values["cosine"].mean()),
                "residual_share": float(values["residual_share"].nanmean()),
                **{f"{figure}_se": _standard_error(values[figure]) for figure in norms},
            }
        )
    return pd.DataFrame(rows)


def _standard_error(values: Tensor) -> float:
    return float(values.std()) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def _weight_frame(chain: Chain, sums: list[Tensor], n: int, network: str) -> pd.DataFrame:
    place = {id(p): -1 for p in chain.parameters()}
    for number, block in enumerate(chain.blocks):
        place |= {id(p): number for p in block.parameters()}
    place |= {id(p): len(chain.blocks) for p in chain.head.parameters()}
    return pd.DataFrame(
        {
            "network": network,
            "parameter": name,
            "block": place.get(id(parameter), -1),
            "dimensions": parameter.dim(),
            "gradient_norm": float(total.norm()) / n,
            "weight_norm": float(parameter.detach().double().norm()),
        }
        for (name, parameter), total in zip(chain.model_parameters, sums, strict=True)
    )
