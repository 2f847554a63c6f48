"""Where networks run."""

from __future__ import annotations

import gc

import torch

from resprobe.errors import UsageError

__all__ = ["free_memory", "is_out_of_memory", "pick_device"]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device that a user names: auto, cpu, cuda, cuda:1 or mps.

    ``auto`` takes a GPU where there is one. A device that is asked for by name and is not
    there is an error, never a silent run on another.

    Raises
    ------
    UsageError
        If the name is none of these, or the machine has no such device.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            f"unknown device '{name}': choose auto, cpu, cuda, cuda:0, cuda:1, ... or mps"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"--device {name}: this machine has no CUDA GPU that torch can use; "
            "choose --device cpu or auto"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {name}: this machine has {torch.cuda.device_count()} GPU(s), counted from 0"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"--device {name}: torch finds no Apple GPU; choose --device cpu or auto")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"unknown device '{name}': choose auto, cpu, cuda, cuda:0, ... or mps")
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Recognise torch's errors too: a subclass of RuntimeError on a GPU, a bare one on a CPU.

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator" in str(error)
    )


def free_memory() -> None:
    """Let go of what nothing refers to; called where an error that held frames is gone.

    Examples
    --------
    >>> free_memory()
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
