"""What the training of a network left beside its checkpoint: its epochs, and where they ended."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from kit.networks import Own, seeds
from kit.subjects import Network

from resprobe import Architecture, load
from resprobe.checkpoints import Checkpoint
from resprobe.errors import InputError, UsageError
from resprobe.results import Result, versions

__all__ = [
    "Namer",
    "add_seeds",
    "at_the_end",
    "chosen",
    "deep",
    "epochs_of",
    "name_and_seed",
    "together",
]

Namer = Callable[[Architecture], str]
SEEDS = 3


def deep(arch: str) -> tuple[Own, ...]:
    """Return a network of 110 layers, narrow enough for two cores, from each seed.

    The first epochs' gradients are in its watch log.
    """
    return seeds(Own(arch=arch, width=4, epochs=10, watch=20), SEEDS)


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses among the seeds of networks that are trained here."""
    parser.add_argument("--seeds", default=",".join(map(str, range(SEEDS))),
                        help="of networks that are trained here")  # fmt: skip


def chosen(asked: argparse.Namespace, own: tuple[Own, ...]) -> list[Network]:
    """Return the networks of the seeds that are asked for, and those that ``--ckpt`` names.

    Raises
    ------
    UsageError
        If ``--seeds`` names no seeds.
    """
    wanted = set(asked.seeds.split(","))
    if not wanted <= {str(one.seed) for one in own}:
        raise UsageError(
            f"--seeds wants some of {','.join(map(str, range(SEEDS)))}; got {asked.seeds}"
        )
    left_out = {one.name for one in own if str(one.seed) not in wanted}
    return [network for network in asked.found if network.name not in left_out]


def together(networks: list[Network], name_of: Namer) -> tuple[Result, pd.DataFrame]:
    """Return the epochs of all networks as the Result "runs-epochs", and a row for each run.

    Parameters
    ----------
    networks : list of Network
        Each trained with ``--test-curve``.
    name_of : callable
        From an architecture to what it is called in the comparison.

    Raises
    ------
    InputError
        If a log is missing or holds no test error.
    """
    found = [epochs_of(network.find(), name_of) for network in networks]
    images = list(dict.fromkeys(_images(network) for network in networks))
    epochs = pd.concat([frame for frame, _ in found], ignore_index=True)
    runs = pd.DataFrame([{**at_the_end(frame), **facts} for frame, facts in found])
    widths, lengths = (sorted(runs[c].unique()) for c in ("width", "epochs"))
    meta = {
        **versions(),
        "threads": torch.get_num_threads(),
        "seed": ", ".join(map(str, sorted(runs["seed"].unique()))),
        "setting": [
            f"{', '.join(images)}: {', '.join(f'{n:,}' for n in runs['learnt'].unique())} "
            "learnt from",
            f"width {', '.join(map(str, widths))} (published: 16)",
            f"{', '.join(map(str, lengths))} epochs, recipe {', '.join(runs['recipe'].unique())}",
        ],
    }
    return Result("runs-epochs", epochs, meta), runs


def _images(network: Network) -> str:
    spec = load(network.find()).data or network.place.data
    return network.place.images(spec, "test").name if spec else "unknown images"


def epochs_of(checkpoint: Path, name_of: Namer) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the log of a run, and what the checkpoint says of it."""
    kept, log = load(checkpoint), checkpoint.with_suffix(".csv")
    if not log.is_file():
        raise InputError(f"{log}: no such file; it is what `resprobe train` leaves with {log.stem}")
    frame = pd.read_csv(log)
    if "test_error" not in frame or frame["test_error"].isna().any():
        raise InputError(f"{log}: no test error of every epoch; train with --test-curve")
    name, seed = name_and_seed(kept, name_of)
    frame.insert(1, "name", name)
    frame.insert(2, "seed", seed)
    return frame, _facts(kept, learnt=int(frame["train_n"].iloc[-1]))


def name_and_seed(kept: Checkpoint, name_of: Namer) -> tuple[str, int]:
    """Return what a network is called in a comparison, and from which seed it was trained."""
    return name_of(kept.architecture), int(kept.recipe["seed"])


def _facts(kept: Checkpoint, *, learnt: int) -> dict[str, Any]:
    return {
        "width": kept.architecture.width,
        "recipe": kept.recipe["name"],
        "learnt": learnt,
        "checkpoint_sha256": kept.sha256,
    }


def at_the_end(epochs: pd.DataFrame) -> dict[str, Any]:
    """Return the figures after the last epoch, and the test error at the lowest validation error.

    Of equal ones the earliest counts, as it does in training.
    """
    last, held_out = epochs.iloc[-1], epochs["validation_error"]
    best = epochs.loc[held_out.idxmin()] if held_out.notna().any() else last
    columns = ["train_loss", "train_error", "validation_error", "test_error"]
    return {
        "network": last["network"],
        "name": last["name"],
        "seed": int(last["seed"]),
        "epochs": len(epochs),
        **{column: float(last[column]) for column in columns},
        "test_error_best": float(best["test_error"]),
        "duration_s": float(epochs["duration_s"].sum()),
    }
