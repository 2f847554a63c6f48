"""Products with a Jacobian against the matrix that autograd makes of the function."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from resprobe.probes.jacobians.products import Jacobian, differentiable
from resprobe.probes.portions import Portions


def matrix_of(function, at):
    full = torch.autograd.functional.jacobian(lambda x: function(x).flatten(), at)
    return full.flatten(1).double()


def attention(x):
    heads = x.reshape(len(x), 2, 3, 4)
    return F.scaled_dot_product_attention(heads, 2 * heads, heads.square()).flatten(1)


class Cube(torch.autograd.Function):
    """Has a rule for forward mode, and none for a second derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * t


def conv(seed=0):
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.GELU(), nn.MaxPool2d(2, 1)
    )
    return layers.eval().requires_grad_(False)


FUNCTIONS = {
    "convolution, norm, activation, pooling": (conv(), (1, 1, 6, 6)),
    "attention": (attention, (1, 24)),
    "layer norm": (lambda x: F.layer_norm(x, (5,)), (1, 5)),
    "no second derivative": (Cube.apply, (1, 4)),
    "linear": (lambda x: x @ torch.arange(12.0).reshape(4, 3), (1, 4)),
    "constant": (lambda x: torch.ones(len(x), 3), (1, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products_are_those_of_the_matrix(name):
    function, shape = FUNCTIONS[name]
    generator = torch.Generator().manual_seed(1)
    at = torch.randn(shape, generator=generator)
    with differentiable():
        matrix = matrix_of(function, at)
        jacobian = Jacobian(function, at)
        assert (jacobian.rows, jacobian.columns) == matrix.shape
        for _ in range(2):  # what is recorded serves again
            v = torch.randn(jacobian.columns, 5, generator=generator, dtype=torch.float64)
            u = torch.randn(jacobian.rows, 4, generator=generator, dtype=torch.float64)
            torch.testing.assert_close(jacobian.times(v), matrix @ v, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(
                jacobian.transposed_times(u), matrix.T @ u, rtol=1e-5, atol=1e-5
            )


def test_portions_change_nothing_and_memory_is_given_back():
    at = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(2))
    v = torch.randn(36, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with differentiable():
        whole, parts = Jacobian(conv(), at), Jacobian(conv(), at, Portions(largest=3))
        torch.testing.assert_close(whole.times(v), parts.times(v), rtol=1e-6, atol=1e-6)
        whole.forget()
        assert whole._graph is None


def test_a_failure_for_want_of_memory_is_not_taken_for_a_missing_rule():
    calls = []

    def scarce(x):
        if len(x) > 2:
            calls.append(len(x))
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return x.sin()

    v = torch.eye(4, dtype=torch.float64)
    with differentiable():
        jacobian = Jacobian(scarce, torch.zeros(1, 4))
        torch.testing.assert_close(jacobian.times(v), v)
    assert calls == [4]
    assert jacobian._twice
