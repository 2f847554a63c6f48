"""Products of a function's Jacobian with vectors, and of its transpose, without the matrix.

A function of single images is run on as many copies of one image as there are vectors: in eval
mode images do not see one another, so that each copy is multiplied by a vector of its own.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from resprobe.devices import is_out_of_memory
from resprobe.errors import ResprobeError, first_line
from resprobe.probes.portions import Portions

__all__ = ["Jacobian", "differentiable"]


@contextlib.contextmanager
def differentiable() -> Iterator[None]:
    """Let attention be computed by what both directions of differentiation know."""
    with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        yield


@contextlib.contextmanager
def _dual_level() -> Iterator[None]:
    """Enter forward mode, whose rules torch compiles when they are first wanted, and warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with forward_ad.dual_level():
            yield


class _Graph(NamedTuple):
    """What autograd recorded of some copies: ``pulled`` is J^T u, for whatever ``u``."""

    x: Tensor
    out: Tensor
    u: Tensor
    pulled: Tensor


@dataclass
class Jacobian:
    """The Jacobian of a function at one image, float64 vectors in and out.

    J^T u is a backward pass. It is linear in u, and its own backward pass gives J v: both come
    from what one forward pass recorded, which is held until :meth:`forget`. Functions that
    cannot be differentiated twice are differentiated in forward mode.

    The function runs in its own precision; call inside :func:`differentiable`, with parameters
    that want no gradient.

    Parameters
    ----------
    function : callable
        Tensors ``(N, *in_shape)`` to ``(N, *out_shape)``, image by image.
    at : Tensor of shape (1, *in_shape)
        Where it is differentiated.
    portions : Portions
        How many copies go through at once.

    Attributes
    ----------
    columns, rows : int
        Numbers in the function's input, and in its output.

    References
    ----------
    B. Pearlmutter, "Fast exact multiplication by the Hessian", 1994; J. Townsend, "A new trick for
    calculating Jacobian vector products", 2017.

    Examples
    --------
    >>> with differentiable():
    ...     jacobian = Jacobian(torch.square, torch.tensor([[1.0, 3.0]]))
    ...     jacobian.times(torch.eye(2, dtype=torch.float64)).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """

    function: Callable[[Tensor], Tensor]
    at: Tensor
    portions: Portions = field(default_factory=Portions)

    def __post_init__(self) -> None:
        self.at = self.at.detach()
        with torch.no_grad():
            out = self.function(self.at)
        self.columns, self.rows = self.at[0].numel(), out[0].numel()
        self._twice = True
        self._graph: _Graph | None = None

    def times(self, vectors: Tensor) -> Tensor:
        """Return J V for the columns V, (columns, any number) to (rows, any number)."""
        return self._by_portion(vectors, self._pushed)

    def transposed_times(self, vectors: Tensor) -> Tensor:
        """Return J^T U for the columns U, (rows, any number) to (columns, any number)."""
        return self._by_portion(vectors, self._pulled)

    def forget(self) -> None:
        """Let go of what was recorded; it is recorded anew where it is wanted again."""
        self._graph = None

    def go_forward(self) -> None:
        """Take J v in forward mode from now on: a layer's second derivative cannot be trusted."""
        self._twice, self._graph = False, None

    def _by_portion(self, vectors: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
        rows = vectors.T

        def of(some: slice) -> Tensor:
            given = rows[some].to(self.at.device, self.at.dtype)
            return work(given).flatten(1).cpu().double()

        return torch.cat(list(self.portions.of(len(rows), of))).T

    def _recorded(self, n: int) -> _Graph:
        if self._graph is None or len(self._graph.x) != n:
            self._graph = None  # before another is made
            x = self._copies(n).requires_grad_()
            out = self.function(x)
            u = torch.zeros_like(out).requires_grad_()
            pulled = torch.zeros_like(x)
            if out.requires_grad:
                (pulled,) = torch.autograd.grad(
                    out, x, u, create_graph=self._twice, retain_graph=True, materialize_grads=True
                )
            self._graph = _Graph(x, out, u, pulled)
        return self._graph

    def _copies(self, n: int) -> Tensor:
        return self.at.expand(n, *self.at.shape[1:]).contiguous()

    def _pushed(self, rows: Tensor) -> Tensor:
        tangents = rows.reshape(len(rows), *self.at.shape[1:])
        if self._twice:
            try:
                return self._pushed_twice_back(tangents)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                self.go_forward()
        return self._pushed_forward(tangents)

    def _pushed_twice_back(self, tangents: Tensor) -> Tensor:
        graph = self._recorded(len(tangents))
        if not graph.pulled.requires_grad:
            return torch.zeros_like(graph.out)
        (pushed,) = torch.autograd.grad(
            graph.pulled, graph.u, tangents, retain_graph=True, allow_unused=True
        )
        if pushed is None:
            raise RuntimeError("no layer has a second derivative")
        pushed_there: Tensor = pushed
        return pushed_there

    def _pushed_forward(self, tangents: Tensor) -> Tensor:
        try:
            with torch.no_grad(), _dual_level():
                dual = forward_ad.make_dual(  # type: ignore[no-untyped-call]
                    self._copies(len(tangents)), tangents
                )
                moved = self.function(dual)
                out, tangent = forward_ad.unpack_dual(moved)  # type: ignore[no-untyped-call]
                return torch.zeros_like(out) if tangent is None else tangent.clone()
        except RuntimeError as error:  # a layer without a rule raises one of its kinds
            if is_out_of_memory(error):
                raise
            raise ResprobeError(
                "a layer of a branch can be differentiated neither twice nor in forward mode "
                f"({first_line(error)})"
            ) from error

    def _pulled(self, rows: Tensor) -> Tensor:
        graph = self._recorded(len(rows))
        if not graph.out.requires_grad:
            return torch.zeros_like(graph.x)
        (pulled,) = torch.autograd.grad(
            graph.out, graph.x, rows.reshape(graph.out.shape), retain_graph=True,
            materialize_grads=True,
        )  # fmt: skip
        return pulled
