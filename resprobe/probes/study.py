"""What every probe does before and after: check that chain and images fit, say what was run."""

from __future__ import annotations

from typing import Any

import torch

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.datasets.labels import check_labels, check_range
from resprobe.errors import InputError
from resprobe.networks import count_parameters
from resprobe.results import versions

__all__ = ["block_labels", "check_fit", "provenance"]


def block_labels(chain: Chain, *, network: str, n: int) -> list[dict[str, Any]]:
    """Return the columns that every table of blocks begins with, one row per block.

    ``network``, ``block`` (from 0), ``name``, ``stage``, ``kind``, and ``n``, the images.
    """
    return [
        {
            "network": network,
            "block": number,
            "name": block.name,
            "stage": block.stage,
            "kind": block.kind,
            "n": n,
        }
        for number, block in enumerate(chain.blocks)
    ]


def check_fit(chain: Chain, data: Batches, *, labels: bool = True) -> None:
    """Raise unless the images and labels are such as the network takes and gives.

    Parameters
    ----------
    chain, data
        The network, and what it is to be shown.
    labels : bool
        Whether labels are wanted; else images without any do as well.

    Raises
    ------
    InputError
        If shapes, types or the number of classes differ, the head gives no logits, a label is
        none of its outputs, or there are no labels where they are wanted.
    """
    channels, taken = data.shape[0], chain.stem.in_shape[0]
    if channels != taken:
        raise InputError(
            f"the network takes images of {taken} channel(s) and {data.data.name} has {channels}; "
            "name the data set that it was trained on with --data"
        )
    shape = data.shape
    if shape != chain.stem.in_shape:
        raise InputError(
            f"the chain was made with images of shape {chain.stem.in_shape} and {data.data.name} "
            f"has {shape}; unravel the model with an example of these images"
        )
    parameter = next(chain.parameters(), None)
    if parameter is not None and parameter.dtype != torch.float32:
        raise InputError(
            f"the network's weights are {parameter.dtype} and images are torch.float32; "
            "convert a copy of it with .float()"
        )
    if len(chain.head.out_shape) != 1:
        raise InputError(
            f"the network gives an output of shape {chain.head.out_shape} per image; "
            "one logit per class is wanted"
        )
    _check_classes(chain, data, labels=labels)


def _check_classes(chain: Chain, data: Batches, *, labels: bool) -> None:
    if labels:
        check_labels(data.data, wanted_for="this analysis")
    classes = len(data.data.classes)
    if not classes:
        return
    if classes != chain.classes:
        raise InputError(
            f"the network's head has {chain.classes} classes and {data.data.name} has {classes}; "
            "name the data set that it was trained on with --data"
        )
    check_range(data.data.labels, chain.classes, name=data.data.name)


def provenance(
    chain: Chain, data: Batches, *, network: str, seed: int, about: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the ``meta`` that every result carries; ``about`` describes the network further."""
    parameter = next(chain.parameters(), None)
    described = {
        "network": network,
        "parameters": sum(p.numel() for _, p in chain.model_parameters) or count_parameters(chain),
        "blocks": len(chain.blocks),
        "plain": chain.is_plain,
        "classes": chain.classes,
        **(about or {}),
    }
    return {
        **versions(),
        "device": str(chain.device),
        "dtype": str(parameter.dtype).removeprefix("torch.") if parameter is not None else None,
        "seed": seed,
        "data": data.describe(),
        "networks": [described],
    }
