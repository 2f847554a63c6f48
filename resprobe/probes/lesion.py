"""Lesion study: what deleting a residual block does to a trained network.

Conventions
-----------
Block *l* computes ``after(shortcut(x) + branch(x))``; deleted, it computes
``after(shortcut(x))``: the shortcut of a transition stays. A plain block is bypassed where it
keeps the shape; where it does not, it is listed with ``deletable`` False and no figures.
BatchNorm keeps its running statistics. Fractions lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import Block, Chain, Program, intact, left_as_found, run, single_deletions
from resprobe.datasets import Batches
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result
from resprobe.statistics import paired_difference, wilson

__all__ = ["lesion"]


def lesion(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Delete every block in turn and measure accuracy and loss on the same images.

    All deletions are evaluated together: what they share is computed once. The network is
    measured in eval mode and left as it was found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images with labels, normalised as the network wants them.
    network : str
        Its name in the tables.
    seed : int
        Stored with the result; single deletions draw nothing.
    about : dict, optional
        What else the result should say about the network (checkpoint, sum, architecture).
    progress : callable, optional
        Called with (batches done, batches in all).

    Returns
    -------
    Result
        Named "lesion", one row per deletion after the row ``lesion="intact"``. ``network,
        lesion, kind, blocks, name, stage, k, draw, n, correct, accuracy, error, error_rise``
        (lesioned minus intact, paired), each with ``_low`` and ``_high`` (95 %: Wilson for
        the accuracy, Newcombe's paired interval for the rise), ``loss`` (mean cross entropy
        per image, nats), ``deletable``. ``correct`` is -1 where a block is not deletable.

    Raises
    ------
    InputError
        If images and network do not fit.

    References
    ----------
    Veit, Wilber, Belongie 2016, "Residual Networks Behave Like Ensembles of Relatively
    Shallow Networks", section 4.1, figure 3.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=4).build()
    >>> result = lesion(unravel(model, data.example()), data)
    >>> result.frame["lesion"].tolist()
    ['intact', 'delete:0', 'delete:1', 'delete:2']
    """
    check_fit(chain, data)
    deletions = single_deletions(chain)
    hits, losses = score(chain, [intact(chain), *deletions.values()], data, progress=progress)
    rows = [_row(hits[0], hits[0], losses[0]) | _INTACT]
    order = {block: index + 1 for index, block in enumerate(deletions)}
    for number, block in enumerate(chain.blocks):
        index = order.get(number)
        figures = _missing() if index is None else _row(hits[index], hits[0], losses[index])
        rows.append(figures | _labels(number, block))
    frame = pd.DataFrame(rows).assign(network=network, draw=0, n=data.n)
    meta = provenance(chain, data, network=network, seed=seed, about=about)
    return Result("lesion", frame[_COLUMNS], {"study": "single", **meta})


_COLUMNS = [
    "network", "lesion", "kind", "blocks", "name", "stage", "k", "draw", "n", "correct",
    "accuracy", "accuracy_low", "accuracy_high", "error", "error_rise", "error_rise_low",
    "error_rise_high", "loss", "deletable",
]  # fmt: skip

_INTACT = {
    "lesion": "intact",
    "kind": "intact",
    "blocks": "",
    "name": "",
    "stage": 0,
    "k": 0,
    "error_rise": 0.0,
    "error_rise_low": 0.0,
    "error_rise_high": 0.0,
    "deletable": False,
}


def score(
    chain: Chain,
    programs: Sequence[Program],
    data: Batches,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Run programs over all images, in eval mode.

    Returns
    -------
    hits : bool Tensor of shape (programs, images), on the CPU
        Whether the largest logit is that of the label, and all are finite.
    losses : float64 Tensor of shape (programs,)
        Mean cross entropy per image.
    """
    hits, losses = [], torch.zeros(len(programs), dtype=torch.float64)
    with left_as_found(chain, training=False), torch.inference_mode():
        for done, (x, y) in enumerate(data, start=1):
            batch = torch.empty(len(programs), len(y), dtype=torch.bool, device=x.device)
            batch_losses = torch.empty(len(programs), device=x.device)
            for number, logits in run(chain, programs, x):
                # an answer that is not finite is no answer
                batch[number] = (logits.argmax(1) == y) & logits.isfinite().all(1)
                batch_losses[number] = F.cross_entropy(logits, y, reduction="sum")
            hits.append(batch.cpu())
            losses += batch_losses.cpu()
            if progress:
                progress(done, len(data))
    return torch.cat(hits, dim=1), losses / data.n


def _row(hits: Tensor, reference: Tensor, loss: Tensor) -> dict[str, Any]:
    """Compare the hits of a lesioned network with the intact one's, image by image."""
    n, correct = len(hits), int(hits.sum())
    low, high = wilson(correct, n)
    both, lost = int((reference & hits).sum()), int((reference & ~hits).sum())
    gained = correct - both
    rise, rise_low, rise_high = paired_difference(both, lost, gained, n - both - lost - gained)
    return {
        "correct": correct,
        "accuracy": correct / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "error": 1 - correct / n,
        "error_rise": rise,
        "error_rise_low": rise_low,
        "error_rise_high": rise_high,
        "loss": float(loss),
    }


def _missing() -> dict[str, Any]:
    figures = _row(
        torch.zeros(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool), torch.zeros(1)
    )
    return dict.fromkeys(figures, float("nan")) | {"correct": -1}


def _labels(number: int, block: Block) -> dict[str, Any]:
    return {
        "lesion": f"delete:{number}",
        "kind": block.kind,
        "blocks": str(number),
        "name": block.name,
        "stage": block.stage,
        "k": 1,
        "deletable": block.deletable,
    }
