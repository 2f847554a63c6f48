"""Blocks that are left out in training: what is drawn, what it saves, what their gradients are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from kit.runs import Namer, name_and_seed
from kit.subjects import Network

from resprobe import Architecture, block_table, load, unravel
from resprobe.errors import InputError
from resprobe.networks.stochastic import StochasticDepth

__all__ = ["drawn_blocks", "first_gradients", "watched", "work_of"]


def work_of(network: Architecture) -> pd.DataFrame:
    """Return ``block, multiply_adds, survival`` of each block, and block -1 for all the rest.

    Shortcuts of option A, which multiply nothing, are all that a block keeps without its branch.
    """
    size = network.image_size
    chain = unravel(network.build(), torch.zeros(2, network.in_channels, size, size))
    table = block_table(chain)
    rows = table.groupby("block", sort=False)["multiply_adds"].sum().reset_index()
    chances = dict(enumerate(layer.survival for layer in _layers(network)))
    return rows.assign(survival=[chances.get(int(block), 1.0) for block in rows["block"]])


def drawn_blocks(network: Architecture, draws: int, *, seed: int = 0) -> pd.DataFrame:
    """Return ``draw, computed, multiply_adds`` of so many mini-batches, as the layers draw them."""
    layers = _layers(network)
    generator = torch.Generator().manual_seed(seed)
    for layer in layers:
        layer.generator = generator
    work = work_of(network).set_index("block")["multiply_adds"]
    costs, always = [int(work[block]) for block in range(len(layers))], int(work[-1])
    rows = []
    for draw in range(draws):
        lives = [layer.survives() for layer in layers]
        spent = always + sum(cost for cost, live in zip(costs, lives, strict=True) if live)
        rows.append({"draw": draw, "computed": sum(lives), "multiply_adds": spent})
    return pd.DataFrame(rows)


def _layers(network: Architecture) -> list[StochasticDepth]:
    built = network.build(device="meta").train()
    return [module for module in built.modules() if isinstance(module, StochasticDepth)]


def first_gradients(
    networks: Sequence[Network], epochs: pd.DataFrame, name_of: Namer
) -> pd.DataFrame:
    """Return ``name, seed, epoch, gradient, steps`` from the watches of the trainings.

    ``gradient`` is the mean, over the ``steps`` of an epoch that were watched, of the L2 norm of
    the gradient of the first block's weights.

    Raises
    ------
    InputError
        If a network was trained without a watch.
    """
    frames = []
    for network in networks:
        path = network.find()
        name, seed = name_and_seed(load(path), name_of)
        mine = epochs[(epochs["name"] == name) & (epochs["seed"] == seed)]
        seen = watched(path.with_name(f"{path.stem}-watch.csv").as_posix(), mine["iteration"])
        frames.append(seen.assign(name=name, seed=seed))
    return pd.concat(frames, ignore_index=True)


def watched(path: str, ends: pd.Series) -> pd.DataFrame:
    """Return ``epoch, gradient, steps`` of a watch; ``ends`` is the last step of each epoch."""
    try:
        rows = pd.read_csv(path)
    except OSError as error:
        raise InputError(f"{path}: no such file; train with --watch 20") from error
    first = rows[rows["block"] == 0]
    steps = first["step"].to_numpy()
    epoch = pd.Index(ends).searchsorted(steps) + 1
    norms = first["weight_gradient_norm"].groupby(epoch)
    return (
        pd.DataFrame({"gradient": norms.mean(), "steps": norms.count()})
        .rename_axis("epoch")
        .reset_index()
    )
