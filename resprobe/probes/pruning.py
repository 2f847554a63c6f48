"""From a greedy lesion study to a smaller network, and how much faster it is."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from resprobe.checkpoints import Checkpoint, save
from resprobe.datasets import Batches
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture, count_parameters, dropped
from resprobe.results import Result

__all__ = ["Pruned", "SpeedUp", "chosen_blocks", "prune", "speed_up"]

PASSES = 7


@dataclass(frozen=True)
class Pruned:
    """A network that some blocks were taken out of for good.

    Attributes
    ----------
    model : nn.Module
        In eval mode, on the CPU.
    architecture : Architecture
        With the option ``drop``.
    whole : Checkpoint
        What it was taken from.
    blocks : tuple of int
        Those that were taken out, in that order, by the numbers of the study's table.
    row : dict
        What the study measured of it: the row of the table.
    """

    model: nn.Module
    architecture: Architecture
    whole: Checkpoint
    blocks: tuple[int, ...]
    row: dict[str, Any]

    @property
    def parameters(self) -> int:
        """How many are left."""
        return count_parameters(self.model)

    def save(self, path: str | Path) -> Path:
        """Write it as a checkpoint, whole or not at all; where it came from is in its figures."""
        figures: dict[str, float | int | str] = {
            "pruned_from": self.whole.path.name,
            "pruned_from_sha256": self.whole.sha256,
            "deleted": "+".join(map(str, self.blocks)),
            **{name: self.row[name] for name in ("n", "accuracy", "loss", "agreement", "kl")},
        }
        return save(
            path,
            self.model,
            architecture=self.architecture,
            normalisation=self.whole.normalisation,
            data=self.whole.data,
            recipe=self.whole.recipe,
            epoch=self.whole.epoch,
            figures={key: value for key, value in figures.items() if value == value},
            split_seed=self.whole.split_seed,
        )


def prune(
    checkpoint: Checkpoint,
    result: Result,
    *,
    network: str,
    drop: int | None = None,
    allowed_rise: float = 0.01,
) -> Pruned:
    """Take out of a network the blocks that a greedy study found to be needed least.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network that was studied.
    result : Result
        Of the study "greedy".
    network : str
        Its name there.
    drop : int, optional
        How many blocks to take out, whatever it costs.
    allowed_rise : float
        Without ``drop``: as many blocks are taken out as raise the error by no more, as a
        fraction, on the images that they were chosen by. Without labels, the share of changed
        answers counts in place of the error.

    Returns
    -------
    Pruned
        Measured on the images to report, which had no part in the choice.

    Raises
    ------
    UsageError
        If the study dropped fewer blocks than are wanted.
    ResprobeError
        If not a single block can be dropped at that price.
    InputError
        If the result is of another study or network.

    References
    ----------
    Veit et al. 2016, section 4.1: networks whose blocks were deleted with no training after it.
    """
    blocks = chosen_blocks(result, network=network, drop=drop, allowed_rise=allowed_rise)
    architecture, state = dropped(checkpoint.architecture, checkpoint.model.state_dict(), blocks)
    model = architecture.build().eval()
    model.load_state_dict({key: value.cpu() for key, value in state.items()})
    rows = _rows(result, network)
    label = "delete:" + "+".join(map(str, blocks))
    row = rows[~rows["selection"] & (rows["lesion"] == label)].iloc[0]
    return Pruned(model, architecture, checkpoint, blocks, {str(k): v for k, v in row.items()})


def chosen_blocks(
    result: Result, *, network: str, drop: int | None = None, allowed_rise: float = 0.01
) -> tuple[int, ...]:
    """Return the blocks to take out, in the order of dropping; as :func:`prune` does."""
    rows = _rows(result, network)
    reported = rows[~rows["selection"] & (rows["k"] > 0)].sort_values("k")
    if drop is not None:
        if drop > len(reported):
            raise UsageError(
                f"{drop} blocks are to be dropped and the study dropped {len(reported)}"
            )
        return _blocks(reported[reported["k"] == drop]["blocks"].iloc[0])
    tried = rows[rows["selection"] & rows["lesion"].isin(reported["lesion"])]
    rise = tried["error_rise"].where(tried["error_rise"].notna(), 1 - tried["agreement"])
    within = tried[rise <= allowed_rise + 1e-9]  # rounding of a share of images
    if within.empty:
        raise ResprobeError(
            f"no block of {network} can be dropped for a rise of {100 * allowed_rise:g} %: the "
            f"least that one costs is {100 * rise.min():.2f} %; allow more with --allowed-rise, or "
            "say how many with --drop"
        )
    return _blocks(within.sort_values("k")["blocks"].iloc[-1])


def _blocks(text: str) -> tuple[int, ...]:
    return tuple(int(block) for block in str(text).split("+"))


def _rows(result: Result, network: str) -> pd.DataFrame:
    """Return the network's rows over all images, with the statistics that it came with."""
    frame = result.frame
    if result.name != "lesion" or "greedy" not in set(frame.get("study", ())):
        raise InputError("a network is pruned by the lesion study 'greedy', and this is another")
    rows = frame[(frame["network"] == network) & (frame["class_name"] == "")]
    if rows.empty:
        raise InputError(f"the lesion study has no network named '{network}'")
    return rows[rows["batch_norm"] == "running"]


@dataclass(frozen=True)
class SpeedUp:
    """How long two networks take for the same batch.

    Attributes
    ----------
    images : int
        In the batch.
    whole_s, smaller_s : float
        Median over passes that were run by turns.
    """

    images: int
    whole_s: float
    smaller_s: float

    @property
    def factor(self) -> float:
        """How many times as fast the smaller one is."""
        return self.whole_s / self.smaller_s


def speed_up(whole: nn.Module, smaller: nn.Module, data: Batches) -> SpeedUp:
    """Time two networks on the first batch, by turns, in eval mode.

    Parameters
    ----------
    whole, smaller : nn.Module
        Both on the device of the images; left as they are, in eval mode.
    data : Batches
        The images.

    Returns
    -------
    SpeedUp
    """
    x: Tensor = next(iter(data))[0]
    taken: dict[bool, list[float]] = {True: [], False: []}
    with torch.inference_mode():
        for number in range(PASSES + 1):
            for is_whole, model in ((True, whole), (False, smaller)):
                begin = time.perf_counter()
                model(x)
                if x.device.type == "cuda":
                    torch.cuda.synchronize(x.device)
                if number:  # the first pass warms up
                    taken[is_whole].append(time.perf_counter() - begin)
    return SpeedUp(len(x), statistics.median(taken[True]), statistics.median(taken[False]))
