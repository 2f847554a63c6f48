"""The model that is watched, freed from what it is wrapped in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from resprobe.errors import UsageError

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """A user's own module, and how it is run.

    Parameters
    ----------
    model : nn.Module
        Without wrappers.
    group : ProcessGroup or None
        The processes that train it together.
    compiled : bool
        Whether the user's loop runs compiled code, which may know no hooks.
    """

    model: nn.Module
    group: torch.distributed.ProcessGroup | None
    compiled: bool

    @property
    def ranks(self) -> int:
        """How many processes there are; 1 without a group."""
        return 1 if self.group is None else self.group.size()

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.group is None or self.group.rank() == 0

    @classmethod
    def of(cls, model: nn.Module) -> Subject:
        """Look through DDP and ``torch.compile``.

        Raises
        ------
        UsageError
            If it is a DataParallel, or no module.
        """
        group, compiled = None, False
        while True:
            if not isinstance(model, nn.Module):
                raise UsageError(
                    f"a model (torch.nn.Module) was wanted; got a {type(model).__name__}"
                )
            if isinstance(model, DataParallel):
                raise UsageError(
                    "DataParallel runs copies of a model in threads, in which hooks cannot tell "
                    "one pass from another; use DistributedDataParallel, or watch on one device"
                )
            if isinstance(model, DistributedDataParallel):
                group, model = model.process_group, model.module
            elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
                compiled, model = True, inner
            else:
                break
        compiled = compiled or getattr(model, "_compiled_call_impl", None) is not None
        return cls(model, group, compiled)
