"""What one step of an optimiser does to the weights of every block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resprobe.chain import Block
from resprobe.monitor.reductions import STRETCH, flat, segment_norms

__all__ = ["BlockWeights"]

AT_ONCE = 2**22
"""Elements that are copied into one row: many small blocks together, large ones one by one."""

FIGURES = ("weight_gradient_norm", "weight_norm", "update_norm", "update_ratio")


class BlockWeights:
    """The parameters of every block, looked at before and after a step.

    All parameters of a block count as one vector. A parameter without a gradient counts as one
    whose gradient is 0.

    Parameters
    ----------
    blocks : sequence of Block
        Of the chain.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        held = [[p for p in block.parameters() if p.is_floating_point()] for block in blocks]
        self._groups = [_Group(group) for group in _grouped(held)]
        self._empty = torch.tensor([not parameters for parameters in held])
        self._before: list[Tensor] = []
        self._gradients: Tensor | None = None

    @torch.no_grad()
    def keep(self) -> None:
        """Copy the weights, before the step."""
        self._before = [group.weights() for group in self._groups]

    @torch.no_grad()
    def see_gradients(self, *, scale: float = 1.0) -> None:
        """Take the norms of the gradients, divided by the scale that they still carry."""
        self._gradients = self._norms([group.gradients() for group in self._groups]) / scale

    @torch.no_grad()
    def figures(self) -> dict[str, Tensor]:
        """Return the figures of every block, shape (blocks,), after the step.

        They are NaN where a block has no weights, and where the step never came.

        Returns
        -------
        dict
            ``weight_gradient_norm``; ``weight_norm``, before the step; ``update_norm``, of what
            the step changed; ``update_ratio``, of the last two.
        """
        if self._gradients is None:
            unknown = torch.full((len(self._empty),), math.nan, dtype=torch.float64)
            return dict.fromkeys(FIGURES, unknown)
        pairs = zip(self._groups, self._before, strict=True)
        update = self._norms([group.weights().sub_(before) for group, before in pairs])
        weight, gradient = self._norms(self._before), self._gradients
        self._before, self._gradients = [], None
        found = dict(zip(FIGURES, (gradient, weight, update, update / weight), strict=True))
        return {name: values.masked_fill(self._empty, math.nan) for name, values in found.items()}

    def _norms(self, rows: Sequence[Tensor]) -> Tensor:
        pairs = zip(self._groups, rows, strict=True)
        return torch.cat([group.norms(row).cpu().double() for group, row in pairs])


class _Group:
    """Neighbouring blocks whose parameters are copied into one row."""

    def __init__(self, blocks: Sequence[Sequence[nn.Parameter]]) -> None:
        self.count = len(blocks)
        self._parts: list[Tensor] = []
        stretches = []
        for parameters in blocks:
            elements = sum(p.numel() for p in parameters)
            stretches.append(-(-elements // STRETCH))
            like = parameters[0].detach() if parameters else torch.zeros(0)
            self._parts += [*parameters, like.new_zeros(stretches[-1] * STRETCH - elements)]
        self._addresses: list[int] = []
        self._views: list[Tensor] = []
        device = self._parts[0].device
        numbers = torch.arange(self.count).repeat_interleave(torch.tensor(stretches))
        self._segments = numbers.to(device)

    def weights(self) -> Tensor:
        """Copy the parameters into one row, as they lie in memory."""
        addresses = [part.data_ptr() for part in self._parts]
        if addresses != self._addresses:  # at first, and where they were given other memory
            self._addresses, self._views = addresses, [flat(part.detach()) for part in self._parts]
        return torch.cat(self._views)

    def gradients(self) -> Tensor:
        """Copy the parameters' gradients into one row."""
        return torch.cat([_gradient(part) for part in self._parts])

    def norms(self, row: Tensor) -> Tensor:
        """Return the norm of each block's part of a row."""
        return segment_norms(row, self._segments, self.count)


def _gradient(part: Tensor) -> Tensor:
    if not isinstance(part, nn.Parameter):
        return part
    return part.new_zeros(part.numel()) if part.grad is None else flat(part.grad)


def _grouped(
    blocks: Sequence[Sequence[nn.Parameter]],
) -> list[list[Sequence[nn.Parameter]]]:
    groups: list[list[Sequence[nn.Parameter]]] = []
    size, device = 0, None
    for parameters in blocks:
        elements = sum(p.numel() for p in parameters)
        here = parameters[0].device if parameters else device
        if not groups or size + elements > AT_ONCE or here != device:
            groups.append([])
            size, device = 0, here
        groups[-1].append(parameters)
        size += elements
    return groups
