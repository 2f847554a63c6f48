"""What every weighted layer answers while the chain runs: after its norm, before anything else.

The response of a layer is what He et al. 2015 (section 4.2, Fig. 7) look at: the output of a
convolution after its batch normalisation and before the other non-linearity or the addition.
Layers are seen as they are called, whatever module or function calls them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from resprobe.chain.chain import Chain, PlainBlock, ResidualBlock, Step

__all__ = ["Response", "responses"]


@dataclass(frozen=True)
class Response:
    """A layer's answer to one batch.

    Attributes
    ----------
    layer : str
        The path of the layer that holds the weight, in the user's model.
    block : int
        The block it is in; -1 in the stem, and the number of blocks in the head. A link counts
        to the block before it.
    place : str
        "branch", "shortcut", "after" or (in a plain block) "block"; "stem", "link" or "head".
    value : Tensor
        The response, of any shape (N, ...); for looking at, never to be written on.
    norm : str
        What normalised it: "batch", "group", "layer", "instance", or "" for nothing.
    scale, shift : Tensor or None
        That norm's learnt factor and addend, (channels,), where it has them.
    """

    layer: str
    block: int
    place: str
    value: Tensor
    norm: str = ""
    scale: Tensor | None = None
    shift: Tensor | None = None


@contextlib.contextmanager
def responses(chain: Chain, see: Callable[[Response], None]) -> Iterator[Callable[[], None]]:
    """Show the response of every convolution and linear layer that runs inside the ``with``.

    A response is shown as soon as it is clear whether a norm follows: when the layer's output
    is first used, or when another layer is called. A norm counts if it stands in the same part
    of the same step. A layer is told by its weight, a parameter or what is computed from
    parameters and buffers alone, as in weight standardisation. Layers inside
    ``nn.MultiheadAttention``, which is one operation to torch, are not seen; nothing is changed
    and no hook is set.

    Parameters
    ----------
    chain : Chain
        What runs, once or often, in any mode, with or without gradients.
    see : callable
        Called with every :class:`Response`, in the order of the calls.

    Yields
    ------
    callable
        Shows the response that still waits, if one does.

    Examples
    --------
    >>> from resprobe import Architecture, unravel
    >>> import torch
    >>> x, seen = torch.zeros(2, 3, 32, 32), []
    >>> chain = unravel(Architecture("resnet8", width=4).build(), x)
    >>> with responses(chain, seen.append):
    ...     logits = chain(x)
    >>> [(r.layer, r.block, r.place, r.norm) for r in seen[:2]]
    [('conv1', -1, 'stem', 'batch'), ('layer1.0.conv1', 0, 'branch', 'batch')]
    >>> len(seen), seen[-1].layer, seen[-1].place
    (8, 'fc', 'head')
    """
    listener = _Listener(chain, see)
    with listener:
        yield listener.show
    listener.show()


Place = tuple[str, int, str]  # layer, block, place
_LAYERS = ("linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)))
_NORMS = ("batch_norm", "group_norm", "layer_norm", "instance_norm")


def _norm_arguments(func: Any) -> tuple[str, ...]:
    """Name the first arguments of torch's own norms; ``F.batch_norm`` and its like name them."""
    sized = _name(func) in ("layer_norm", "group_norm")
    return ("input", "shape", "weight", "bias") if sized else ("input", "weight", "bias")


def _name(func: Any) -> str:
    """Return ``conv2d`` for the function, the built-in and ``aten.conv2d.default`` alike."""
    name: str = getattr(func, "__name__", "").partition(".")[0]
    return name


class _Listener(TorchFunctionMode):
    """Hears every call of torch, and puts layers and the norms that follow them together."""

    def __init__(self, chain: Chain, see: Callable[[Response], None]) -> None:
        super().__init__()
        self.see = see
        self.waiting: tuple[Place, Tensor] | None = None
        places: MutableMapping[Tensor, Place | None] = WeakTensorKeyDictionary()
        for parameter, place in _places(chain):
            places.setdefault(parameter, place)
        for buffer in chain.buffers():
            places.setdefault(buffer, None)
        self.places = places  # of these, and of what is made of them alone

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name, given = _name(func), [*args, *kwargs.values()]
        if self.waiting is not None and any(one is self.waiting[1] for one in given):
            if name in _NORMS:
                self._norm_follows(name, dict(zip(_norm_arguments(func), args, strict=False))
                                   | kwargs, result)  # fmt: skip
            elif _holds_tensors(result):  # to ask for a shape is no use
                self.show()
        if name in _LAYERS:
            place = self.places.get(kwargs["weight"] if "weight" in kwargs else args[1])
            if place is not None:
                self.show()
                self.waiting = place, result
        elif isinstance(result, Tensor):
            self._trace(given, result)
        return result

    def _norm_follows(self, name: str, given: dict[str, Any], result: Tensor) -> None:
        """Show the response that waits as the norm makes it, if the two belong together."""
        assert self.waiting is not None
        scale, shift = given.get("weight"), given.get("bias")
        of_norm = None if scale is None else self.places.get(scale)
        if of_norm is not None and of_norm[1:] != self.waiting[0][1:]:
            self.show()
        else:
            self.show(result, name.removesuffix("_norm"), scale, shift)

    def _trace(self, given: list[Any], result: Tensor) -> None:
        """Remember where the parameters are that a tensor is made of, if of nothing else."""
        tensors = [one for one in given if isinstance(one, Tensor)]
        if tensors and all(one in self.places for one in tensors):
            places = [self.places[one] for one in tensors]
            self.places.setdefault(result, next((p for p in places if p is not None), None))

    def show(
        self,
        normed: Tensor | None = None,
        norm: str = "",
        scale: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> None:
        """Show the response that waits, if there is one."""
        if self.waiting is None:
            return
        (layer, block, place), value = self.waiting
        self.waiting = None
        shown = value if normed is None else normed
        self.see(Response(layer, block, place, shown.detach(), norm, scale, shift))


def _holds_tensors(result: Any) -> bool:
    if isinstance(result, list | tuple):
        return any(isinstance(one, Tensor) for one in result)
    return isinstance(result, Tensor)


def _places(chain: Chain) -> Iterator[tuple[Tensor, Place]]:
    """Say of every parameter where it is."""
    names = {id(parameter): name for name, parameter in chain.model_parameters}
    number = -1
    for step in (chain.stem, *chain.steps, chain.head):
        assert isinstance(step, Step)
        number += isinstance(step, ResidualBlock | PlainBlock)
        block = len(chain.blocks) if step is chain.head else number
        for place, part in _parts(chain, step).items():
            for parameter in part.parameters():
                yield parameter, (_layer(names.get(id(parameter), "")), block, place)


def _layer(name: str) -> str:
    """Name the layer that a parameter belongs to.

    Examples
    --------
    >>> _layer("layer1.0.conv1.weight"), _layer("fc.parametrizations.weight.original0")
    ('layer1.0.conv1', 'fc')
    >>> _layer("weight")
    'weight'
    """
    layer = name.partition(".parametrizations.")[0]
    return layer if layer != name else name.rpartition(".")[0] or name


def _parts(chain: Chain, step: Step) -> dict[str, nn.Module]:
    if isinstance(step, ResidualBlock):
        return {"shortcut": step.shortcut, "branch": step.branch, "after": step.after}
    if isinstance(step, PlainBlock):
        return {"block": step}
    return {"stem" if step is chain.stem else "head" if step is chain.head else "link": step}
