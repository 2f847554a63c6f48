"""The layers of a network that are compared, and their Gram matrices on one batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
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
    are all whose response is not F(x) itself; of a plain block, all but the last.

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
    kept = _Kept(chain, len(x))
    heard = responses(chain, kept.hear) if interiors else contextlib.nullcontext(_nothing)
    with torch.inference_mode(), heard as kept.settle:
        pass_through(chain, x, kept.see)
    return tuple(kept.layers), torch.stack(kept.rows)


class _Kept:
    """The layers seen so far, and the values inside the block that is running."""

    def __init__(self, chain: Chain, images: int) -> None:
        self.settle: Callable[[], None] = _nothing
        self._images = images
        self.layers: list[Layer] = []
        self.rows: list[Tensor] = []
        self._stages = [block.stage for block in chain.blocks]
        self._inside: list[Response] = []

    def hear(self, response: Response) -> None:
        if response.place in ("branch", "block"):
            self._inside.append(response)

    def see(self, passed: Passage) -> None:
        self.settle()
        if passed.number is not None:
            for response in _inside(passed, self._inside):
                self._keep(response.layer, "interior", passed.number, response.value)
            self._keep(passed.step.name, "output", passed.number, passed.end)
        self._inside.clear()

    def _keep(self, name: str, place: str, block: int, values: Tensor) -> None:
        if len(values) % self._images:
            raise ResprobeError(
                f"the values at {name} have a first axis of {len(values)}, which {self._images} "
                "images do not divide, so that it is not known which are whose; leave the layers "
                "inside out"
            )
        row = centred_gram(values.reshape(self._images, -1))  # windows are parts of an image
        if not row.isfinite().all():
            raise ResprobeError(
                f"the values at {name} are not finite, so they resemble nothing; check the "
                "weights (a network at initialisation may overflow in eval mode: train it first)"
            )
        self.layers.append(Layer(name, block, self._stages[block], place))
        self.rows.append(row)


def _inside(passed: Passage, heard: Sequence[Response]) -> Sequence[Response]:
    """Return the responses that are not the branch's output, or a plain block's last."""
    if passed.branch is None:
        return heard[:-1]
    end = passed.branch.data_ptr()
    return [response for response in heard if response.value.data_ptr() != end]


def _nothing() -> None:
    pass


def same_architecture(one: Sequence[Layer], other: Sequence[Layer]) -> bool:
    """Tell whether two networks' layers correspond, one by one, by name and place."""
    return [(a.name, a.place) for a in one] == [(b.name, b.place) for b in other]
