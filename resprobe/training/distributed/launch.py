"""What a launcher such as ``torchrun`` tells a process about itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from resprobe.devices import pick_device
from resprobe.errors import UsageError

__all__ = ["own_device", "ranks"]


def ranks(environment: Mapping[str, str]) -> tuple[int, int, int]:
    """Return RANK, WORLD_SIZE and LOCAL_RANK; 0, 1 and 0 for a process that is alone.

    Raises
    ------
    UsageError
        If one of them is missing or no number, or the rank is not below the size.

    Examples
    --------
    >>> ranks({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}), ranks({})
    ((3, 4, 1), (0, 1, 0))
    """
    if "RANK" not in environment and "WORLD_SIZE" not in environment:
        return 0, 1, 0
    rank, size, local = (
        _number(environment, name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    )
    if rank >= size:
        raise UsageError(
            f"RANK={rank} and WORLD_SIZE={size}: ranks count from 0 and stay below the size; "
            "start the processes with torchrun"
        )
    return rank, size, local


def own_device(name: str, *, local_rank: int) -> torch.device:
    """Return the device of one of several processes: the CPU, or the GPU of its local rank.

    Parameters
    ----------
    name : str
        "auto", "cpu" or "cuda".
    local_rank : int
        Which of the processes on this machine.

    Raises
    ------
    UsageError
        If another device is named, or this machine has no GPU for this process.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise UsageError(
            f"--device {name}: each of several processes takes a GPU of its own; choose cuda, cpu "
            "or auto"
        )
    pick_device("cuda")
    there = torch.cuda.device_count()
    if local_rank >= there:
        raise UsageError(
            f"process {local_rank} of this machine (counted from 0) has no GPU of its own, for "
            f"there are {there}; start with --nproc-per-node {there}, or choose --device cpu"
        )
    return torch.device("cuda", local_rank)


def _number(environment: Mapping[str, str], name: str) -> int:
    given = environment.get(name)
    if given is None or not (given.isascii() and given.isdigit()):
        raise UsageError(
            f"RANK, WORLD_SIZE and LOCAL_RANK say which of several processes this is, but {name} "
            f"is {'not set' if given is None else repr(given)}; start them with torchrun, or unset "
            "all three"
        )
    return int(given)
