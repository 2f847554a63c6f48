"""Training that several processes share, one to a GPU, as ``torchrun`` starts them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from resprobe.devices import pick_device
from resprobe.errors import ResprobeError, UsageError
from resprobe.networks.stochastic import StochasticDepth
from resprobe.training.distributed.contact import TIMEOUT, contact
from resprobe.training.distributed.launch import own_device, ranks

__all__ = ["World"]


@dataclass(frozen=True, kw_only=True)
class World:
    """The processes of a run, seen from one of them; by default the only one.

    Every process holds the whole network and learns from its :meth:`share` of each batch;
    gradients are averaged over processes (data parallelism), so that all take the same step.
    What the methods say of ranks holds inside :meth:`opened`; with one process they do nothing
    and cost nothing.

    Parameters
    ----------
    rank, size : int
        Which process this is, from 0, and how many there are.
    local_rank : int
        Which of those on its machine.
    device : torch.device
        What this process computes on; no other process shares a GPU with it.

    Examples
    --------
    >>> second = World(rank=1, size=2)
    >>> second.share(torch.arange(5)), second.weight(images=2, of=5)
    (tensor([1, 3]), 0.8)
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def from_environment(
        cls, device: str = "auto", environment: Mapping[str, str] = os.environ
    ) -> World:
        """Return the world that ``torchrun`` describes in RANK, WORLD_SIZE and LOCAL_RANK.

        Parameters
        ----------
        device : str
            As :func:`resprobe.devices.pick_device` takes it; of several processes, each takes
            the GPU of its local rank, with ``auto`` where there are any.
        environment : mapping
            Without RANK and WORLD_SIZE, the process is alone.

        Raises
        ------
        UsageError
            If the variables make no sense, or there is no such device for this process.

        Examples
        --------
        >>> World.from_environment("cpu", {}).size
        1
        >>> torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
        >>> World.from_environment("cpu", torchrun).leader
        False
        """
        rank, size, local = ranks(environment)
        own = pick_device(device) if size == 1 else own_device(device, local_rank=local)
        return cls(rank=rank, size=size, local_rank=local, device=own)

    @property
    def leader(self) -> bool:
        """Whether this is the process that writes files and speaks for all."""
        return self.rank == 0

    def opened(self, *, timeout: timedelta = TIMEOUT) -> AbstractContextManager[None]:
        """Return a context in which the processes are in touch: gloo on CPUs, NCCL on GPUs.

        Parameters
        ----------
        timeout : timedelta
            How long a process waits for the others, at the start and at every exchange.

        Raises
        ------
        ContactLost
            If the processes do not find each other, or one of them ends or stops to answer;
            the others then end as well, and one of them says it.
        SystemExit
            Where another process has said already what went wrong.
        """
        if self.size == 1:
            return nullcontext()
        return contact(self.rank, self.size, self.device, timeout)

    @property
    def smallest_batch(self) -> int:
        """Images that a batch has at least: two for each process.

        Over a single image, batch normalisation means little or nothing.
        """
        return 2 * self.size

    def check_batch(self, images: int) -> None:
        """Raise UsageError if a batch of so many images is too small to be shared."""
        if images < self.smallest_batch:
            raise UsageError(
                f"a batch of {images} images gives some of {self.size} processes fewer than 2; "
                f"choose --batch-size {self.smallest_batch} or more, or fewer processes"
            )

    def share(self, indices: Tensor) -> Tensor:
        """Return this process's part of a batch or a data set: every ``size``-th, from ``rank``.

        Over all ranks nothing is left out and nothing comes twice. The parts differ in length
        by one at most.
        """
        return indices[self.rank :: self.size]

    def weight(self, *, images: int, of: int) -> float:
        """Return what to multiply the mean loss over this rank's images with.

        Gradients are averaged over ranks, each counting alike. With the weight
        ``images * size / of``, where ``of`` is the length of the whole batch, that average is
        the gradient of the mean over the whole batch, however unequal the shares are.
        """
        return images * self.size / of

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return what to call in training instead of ``network``, to average the gradients.

        Weights and buffers are the network's own, which stays what to evaluate and to save. On
        GPUs its BatchNorm layers are first replaced by synchronised ones, which take their
        statistics from the whole batch. CPUs know none: there each rank normalises over its
        share, and the running statistics are those of rank 0.
        """
        if self.size == 1:
            return network
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        drops_branches = any(isinstance(module, StochasticDepth) for module in network.modules())
        return nn.parallel.DistributedDataParallel(
            network,
            device_ids=[self.device] if on_gpu else None,
            find_unused_parameters=drops_branches,
        )

    def agree(self, network: nn.Module) -> None:
        """Give all ranks the buffers of rank 0, and check that their parameters are the same.

        To be called before the network is evaluated or its training resumed.

        Raises
        ------
        ResprobeError
            If a rank holds parameters that differ in any bit from those of rank 0.
        """
        if self.size == 1:
            return
        self.broadcast(network.buffers())
        own = torch.frombuffer(bytearray(_digest(network.parameters())), dtype=torch.uint8)
        own = own.to(self.device)
        all_of_them = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(all_of_them, own)
        others = [rank for rank, it in enumerate(all_of_them) if not it.equal(all_of_them[0])]
        if others:
            raise ResprobeError(
                f"ranks {', '.join(map(str, others))} of {self.size} hold other weights than "
                "rank 0; use the same version of torch and the same kind of device everywhere"
            )

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Write the values that rank 0 has into the tensors of all ranks, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def from_leader(self, data: bytes | None) -> bytes:
        """Return, on every rank, the bytes that rank 0 gives; the others give None."""
        if self.size == 1 and data is not None:
            return data
        length = torch.tensor([len(data or b"")], device=self.device)
        self.broadcast([length])
        content = torch.zeros(int(length), dtype=torch.uint8, device=self.device)
        if self.leader and data:
            content = torch.frombuffer(bytearray(data), dtype=torch.uint8).to(self.device)
        self.broadcast([content])
        return content.cpu().numpy().tobytes()

    def first_said(self, text: str, *, most: int = 512) -> str:
        """Return, on every rank, what the first rank says that says anything; "" if none does.

        Parameters
        ----------
        text : str
            Of this rank; of a longer one the first ``most`` bytes.
        """
        if self.size == 1:
            return text
        own = torch.zeros(most, dtype=torch.uint8, device=self.device)
        said = torch.tensor(list(text.encode()[:most]), dtype=torch.uint8, device=self.device)
        own[: len(said)] = said
        everything = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(everything, own)
        texts = [bytes(one.tolist()).rstrip(b"\0").decode(errors="ignore") for one in everything]
        return next((one for one in texts if one), "")

    def sum_over_ranks(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks of what each gives: the same bits on every rank."""
        if self.size == 1:
            return values
        there = values.detach().to(self.device, copy=True)
        dist.all_reduce(there)
        return there.to(values.device)

    def any_rank(self, claim: bool) -> bool:
        """Tell whether ``claim`` holds on any rank, such as the wish to stop."""
        return bool(self.sum_over_ranks(torch.tensor(int(claim)))) if self.size > 1 else claim

    def wait(self) -> None:
        """Wait until every rank has come here, such as for rank 0 to have written a file."""
        if self.size > 1:
            dist.barrier()


def _digest(tensors: Iterable[Tensor]) -> bytes:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.digest()
