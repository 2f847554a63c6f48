"""Where in a user's model the values of a block can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from resprobe.chain import Block
from resprobe.monitor.settings import Setting

__all__ = ["BlockPlaces", "Place", "replaced", "tensor_at"]


@dataclass(frozen=True)
class Place:
    """A tensor that goes into a module, or comes out of it.

    Parameters
    ----------
    module : nn.Module
        The user's own.
    path : str
        Its path in the model; "" for the model itself.
    call : int
        Which of its calls within one forward pass of the model, from 0.
    argument : int, str or None
        The argument's position or name; None for what the module returns.
    calls : int
        How often the module is called in a forward pass.
    """

    module: nn.Module
    path: str
    call: int
    argument: int | str | None
    calls: int = 1

    def __str__(self) -> str:
        side = "output" if self.argument is None else "input"
        return f"{side} of '{self.path}'" + (f", call {self.call + 1}" if self.call else "")


@dataclass(frozen=True, kw_only=True)
class BlockPlaces:
    """Where the values of one block can be seen, and its gradients be split.

    Parameters
    ----------
    block : Block
        As the chain has it.
    input : Place
        Of x, before any part of the block runs.
    response : Place
        Of F(x); in a plain block, of the last response before the activation.
    factor : float
        What the sum multiplies the tensor at ``response`` by, to add F(x).
    shortcut : Place or None
        Of s(x), where that is a module's output.
    shortcut_is_input : bool
        Whether s(x) is x. Where it is neither, it is computed once more.
    by_branch, by_shortcut : Place or None
        Of x on its way into the branch alone, or into the shortcut alone.
    identity_at_sum : bool
        Whether the gradient at F(x) is the identity part: it is for identity shortcuts.
    settings : tuple of Setting
        What ``factor`` depends on, if it does: it holds as long as these are as they were.
    """

    block: Block
    input: Place
    response: Place
    factor: float = 1.0
    shortcut: Place | None = None
    shortcut_is_input: bool = False
    by_branch: Place | None = None
    by_shortcut: Place | None = None
    identity_at_sum: bool = False
    settings: tuple[Setting, ...] = ()


def tensor_at(argument: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the tensor that is given as an argument; None where there is none."""
    if isinstance(argument, str):
        found = kwargs.get(argument)
    else:
        found = args[argument] if argument < len(args) else None
    return found if isinstance(found, Tensor) else None


def replaced(
    args: tuple[Any, ...], kwargs: dict[str, Any], old: Tensor, new: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with one tensor put in the place of another, wherever it stands."""
    return (
        tuple(new if value is old else value for value in args),
        {key: new if value is old else value for key, value in kwargs.items()},
    )
