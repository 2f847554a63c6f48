"""The layers of a network that are compared, and their Gram matrices on one batch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.chain import Chain, Passage, Response, pass_through, responses
from resprobe.errors import ResprobeError
from resprobe.probes.similarities.gram import centred_gram

__all__ = ["Layer", "grams", "same_architecture"]


@dataclass(frozen=True)
class Layer:
    """What is compared.

    Attributes
    ----------
    name : str
        Path in the user's model: of a block, or of a layer inside it.
    block, stage : int
        The block, and its stage.
    place : "output" or "interior"
        The block's output, or the response of a layer inside its branch.
    """

    name: str
    block: int
    stage: int
    place: str


def grams(chain: Chain, x: Tensor, *, interiors: bool) -> tuple[tuple[Layer, ...], Tensor]:
    """Run one batch, and return its layers in their order with their centred Gram matrices.

    Of the layers' values no more than one block's are alive at a time. Layers inside a branch
    are all but its last, whose response is F(x).

    Returns
    -------
    layers : tuple of Layer
    rows : Tensor of shape (layers, n (n - 1) / 2), float64
        On the chain's device; see :func:`centred_gram`.

    Raises
    ------
    ResprobeError
        If a value is not finite.
    """
    kept = _Kept(chain)
    heard = responses(chain, kept.hear) if interiors else contextlib.nullcontext()
    with torch.inference_mode(), heard:
        pass_through(chain, x, kept.see)
    return tuple(kept.layers), torch.stack(kept.rows)


class _Kept:
    """The layers seen so far, and the values inside the block that is running."""

    def __init__(self, chain: Chain) -> None:
        self.layers: list[Layer] = []
        self.rows: list[Tensor] = []
        self._stages = [block.stage for block in chain.blocks]
        self._inside: list[Response] = []

    def hear(self, response: Response) -> None:
        if response.place in ("branch", "block"):
            self._inside.append(response)

    def see(self, passed: Passage) -> None:
        if passed.number is not None:
            for response in self._inside[:-1]:
                self._keep(response.layer, "interior", passed.number, response.value)
            self._keep(passed.step.name, "output", passed.number, passed.end)
        self._inside.clear()

    def _keep(self, name: str, place: str, block: int, values: Tensor) -> None:
        row = centred_gram(values)
        if not row.isfinite().all():
            raise ResprobeError(
                f"the values at {name} are not finite, so they resemble nothing; check the "
                "weights (a network at initialisation may overflow in eval mode: train it first)"
            )
        self.layers.append(Layer(name, block, self._stages[block], place))
        self.rows.append(row)


def same_architecture(one: Sequence[Layer], other: Sequence[Layer]) -> bool:
    """Tell whether two networks' layers correspond, one by one, by name and place."""
    return [(a.name, a.place) for a in one] == [(b.name, b.place) for b in other]
