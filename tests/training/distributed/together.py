"""Run a function in several processes that meet over gloo, and hear what became of each."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch.distributed import TCPStore

from resprobe.errors import ResprobeError
from resprobe.training.distributed import World

# torch is imported once, by the server that the processes are forked from
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["resprobe.training", "resprobe.training.distributed"])
TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit code, what it returned, the sentence that it ended with."""

    code: int | None
    value: Any = None
    said: str = ""


def run(
    work: Callable[..., Any],
    *arguments: Any,
    folder: Path,
    size: int = 2,
    ranks: Sequence[int] | None = None,
    timeout: timedelta = TIMEOUT,
    meanwhile: Callable[[list[Any]], None] = lambda _: None,
    limit_s: float = 60,
    launcher: bool = True,
) -> list[Outcome]:
    """Call ``work(world, *arguments)`` on every rank; ``meanwhile`` gets the processes.

    The store where they meet is here, as it is in a launcher's process, or in that of rank 0.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = store.port if launcher else _free_port()
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    meeting["TORCHELASTIC_USE_AGENT_STORE"] = str(launcher)
    processes = [
        FORKS.Process(target=_child, args=(work, rank, size, meeting, folder, timeout, arguments))
        for rank in (range(size) if ranks is None else ranks)
    ]
    try:
        for process in processes:
            process.start()
        meanwhile(processes)
        end = time.monotonic() + limit_s
        for process in processes:
            process.join(max(0.0, end - time.monotonic()))
    finally:
        late = [process for process in processes if process.is_alive()]
        for process in late:
            process.kill()
            process.join()
    assert not late, "a process did not end in time"
    return [
        _outcome(folder / f"{rank}.pt", process.exitcode)
        for rank, process in zip(range(size) if ranks is None else ranks, processes, strict=True)
    ]


def _outcome(path: Path, code: int | None) -> Outcome:
    if not path.exists():  # it was killed
        return Outcome(code)
    value, said = torch.load(path, weights_only=True)
    return Outcome(code, value, said)


def _child(work, rank, size, meeting, folder, timeout, arguments):
    warnings.simplefilter("error")
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    os.environ |= meeting
    value, said, code = None, "", 0
    try:
        world = World.from_environment("cpu")
        with world.opened(timeout=timeout):
            value = work(world, *arguments)
    except ResprobeError as error:
        said, code = str(error), error.exit_code
    except SystemExit as left:
        code = left.code
    except Exception:
        said, code = traceback.format_exc(), 99
    torch.save((value, said), folder / f"{rank}.pt")
    os._exit(code)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
