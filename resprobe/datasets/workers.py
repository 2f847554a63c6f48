"""Processes that make batches ahead of their use, and end when nobody wants them any more."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resprobe.errors import ResprobeError, first_line

__all__ = ["Maker", "made"]

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


class Maker(Protocol[B_co]):
    """What makes a batch; it is sent to the workers, so it must pickle."""

    def __call__(self, indices: list[int]) -> B_co:
        """Return the batch of these indices, or raise a ResprobeError."""


def made(
    maker: Maker[B], chosen: Sequence[Tensor], *, workers: int, pinned: bool
) -> Generator[B, None, None]:
    """Yield the batch of each 1-d tensor of indices, in order.

    Workers start with the first batch and end with the last, when the generator is closed, or
    when an exception passes. The global random state and the signal handlers stay as they are.

    Parameters
    ----------
    maker : callable
        What a worker does.
    chosen : sequence of Tensor
        Each one a batch.
    workers : int
        Processes; with 0 this one makes the batches when they are asked for.
    pinned : bool
        Whether tensors are put where a GPU copies them from while it computes.

    Raises
    ------
    ResprobeError
        What the maker raises, without the worker's traceback; or if a worker is killed.
    """
    with _unannounced():
        loader = DataLoader(
            _Made(maker),
            batch_sampler=_Lists(chosen),
            collate_fn=_as_it_is,
            num_workers=workers,
            worker_init_fn=_ignore_interrupts,
            pin_memory=pinned,
            generator=torch.Generator(),  # else it would draw from the global one
        )
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, ResprobeError):
                raise batch
            yield batch
    except (RuntimeError, OSError, EOFError) as error:  # what a dead process looks like varies
        if not workers or str(error).startswith("Caught "):  # a fault of the maker's, as it is
            raise
        raise ResprobeError(
            f"a worker process that decodes images failed ({first_line(error)}), as "
            "happens when memory runs out; use fewer with --workers"
        ) from error
    finally:
        getattr(batches, "_shutdown_workers", _nothing)()


class _Made(Dataset[B | ResprobeError], Generic[B]):
    def __init__(self, maker: Maker[B]) -> None:
        self.maker = maker

    def __getitems__(self, indices: list[int]) -> B | ResprobeError:
        try:
            return self.maker(indices)
        except ResprobeError as error:  # raised there, it would come with the worker's traceback
            return error


@dataclass(frozen=True)
class _Lists:
    """Tensors of indices as the lists that a DataLoader takes, made one by one."""

    chosen: Sequence[Tensor]

    def __iter__(self) -> Iterator[list[int]]:
        return (indices.tolist() for indices in self.chosen)

    def __len__(self) -> int:
        return len(self.chosen)


@contextmanager
def _unannounced() -> Iterator[None]:
    """Keep out torch's advice against workers that were asked for, and its signal handler.

    The handler raises wherever the program is when a worker dies; without it the death is
    noticed when the next batch is asked for.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        if in_main_thread and hasattr(signal, "SIGCHLD"):
            before = signal.getsignal(signal.SIGCHLD)
            stack.callback(signal.signal, signal.SIGCHLD, before)
        yield


def _ignore_interrupts(worker: int) -> None:  # noqa: ARG001  # what a DataLoader calls it with
    """Leave Ctrl-C to the parent, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(batch: Any) -> Any:
    return batch


def _nothing() -> None:
    """Stand in for the end of workers where there are none."""
