"""How the processes of a run find each other, and how all end when one of them is lost."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from resprobe.errors import ResprobeError, UsageError
from resprobe.training.distributed.survivors import ContactLost, Survivors, without_source

__all__ = ["TIMEOUT", "contact"]

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others; longer than anything that one does alone."""


@contextlib.contextmanager
def contact(rank: int, size: int, device: torch.device, timeout: timedelta) -> Iterator[None]:
    """Join the processes into a group, and take it down whatever happens.

    A process that ends closes its connections, which those that exchange anything with it
    notice. They end as well, and so on, until all have ended. Of all of them one speaks: rank 0
    where all fail alike, the one that failed where it can, else the first that it left behind.

    Parameters
    ----------
    rank, size : int
        Of this process, and how many there are.
    device : torch.device
        With a CPU, gloo connects them, with a GPU, NCCL.
    timeout : timedelta
        How long to wait for the others, now and at every exchange.

    Raises
    ------
    UsageError
        If MASTER_ADDR and MASTER_PORT do not say where to meet.
    ContactLost
        If the processes do not meet, or an exchange fails because one of them has ended or no
        longer answers.
    SystemExit
        With the exit code of any other error, where another process has said it already.
    """
    store = _meet(rank, size, device, timeout)
    try:
        with Survivors(PrefixStore("resprobe", store), rank=rank, size=size) as survivors:
            try:
                yield
                dist.barrier()
            except BaseException as error:
                left = survivors.after_loss(error) if _is_loss(error) else survivors.word_of(error)
                if left is error:
                    raise
                raise left from error
    finally:
        # after a failure NCCL can hang in it, and the end of the process does the same
        if device.type == "cpu" or sys.exception() is None:
            dist.destroy_process_group()


def _meet(rank: int, size: int, device: torch.device, timeout: timedelta) -> Store:
    address, port = (os.environ.get(name) for name in ("MASTER_ADDR", "MASTER_PORT"))
    if not address or not port:
        raise UsageError(
            "MASTER_ADDR and MASTER_PORT say where several processes meet, but they are not both "
            "set; start them with torchrun"
        )
    try:
        store: Store
        store, _, _ = next(rendezvous("env://", rank, size, timeout=timeout))
        on_gpu = device.type == "cuda"
        if on_gpu:
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=timeout,
            device_id=device if on_gpu else None,
        )
    except (RuntimeError, ValueError) as error:
        raise ContactLost(
            f"rank {rank} did not find the other processes at {address}:{port} within "
            f"{timeout.total_seconds():.0f} s ({without_source(error)}); start all {size}, on "
            "machines that reach each other"
        ) from error
    return store


def _is_loss(error: BaseException) -> bool:
    # gloo's own errors are bare RuntimeErrors that begin with the path of its source
    bare = isinstance(error, RuntimeError) and not isinstance(error, ResprobeError)
    return isinstance(error, dist.DistError) or (bare and "/gloo/" in str(error))
