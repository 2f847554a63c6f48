"""The randomised decomposition against the exact one of the whole matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd.function import once_differentiable

from resprobe.errors import ResprobeError
from resprobe.probes.jacobians.decomposition import decomposed, products
from resprobe.probes.jacobians.products import Jacobian, differentiable


def with_values(values, rows, columns, seed=0):
    """A float32 matrix of random singular vectors and the given singular values."""
    generator = torch.Generator().manual_seed(seed)
    bases = [
        torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
        for n in (rows, columns)
    ]
    k = len(values)
    middle = torch.diag(torch.tensor(values, dtype=torch.float64))
    return (bases[0][:, :k] @ middle @ bases[1][:, :k].T).float()


def found(matrix, *, k, oversampling=4, iterations=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with differentiable():
        jacobian = Jacobian(lambda x: x @ matrix.T, torch.zeros(1, matrix.shape[1]))
        return decomposed(
            jacobian, k=k, oversampling=oversampling, iterations=iterations, generator=generator
        )


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 40), columns=st.integers(1, 40), rank=st.integers(1, 40),
    k=st.integers(1, 12), seed=st.integers(0, 99),
)  # fmt: skip
def test_values_and_vectors_are_those_of_the_matrix(rows, columns, rank, k, seed):
    values = [3 * 0.7**i for i in range(min(rank, rows, columns))]
    matrix = with_values(values, rows, columns, seed)
    got = found(matrix, k=k, seed=seed)
    left, exact, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    k = min(k, rows, columns)
    np.testing.assert_allclose(got.values, exact[:k], rtol=1e-5, atol=1e-5)
    for basis in (got.left, got.right):
        torch.testing.assert_close(
            basis.T @ basis, torch.eye(k, dtype=torch.float64), rtol=0, atol=1e-9
        )
    # Wedin 1972: the sine of the angle is at most the residual over the gap; values are at
    # least 0.3 apart in proportion
    for a in range(min(k, len(values))):
        bound = 4 * (got.residual * 3 + 1e-6) / (0.3 * values[a])
        for basis, wanted in ((got.left[:, a], left[:, a]), (got.right[:, a], right[a])):
            sine = (basis - wanted * float(basis @ wanted)).norm()
            assert float(sine) <= bound + 1e-9


def test_values_that_lie_close_together_are_found_by_a_few_iterations():
    """As in a convolution; the last basis alone, as in subspace iteration, has not converged."""
    values = [1 - 0.004 * i for i in range(120)]
    matrix = with_values(values, 150, 120)
    exact = torch.linalg.svdvals(matrix.double())[:10]
    got = found(matrix, k=10, oversampling=5, iterations=6)
    np.testing.assert_allclose(got.values, exact, rtol=2e-3)
    assert 1e-4 < got.residual < 0.05
    more = found(matrix, k=10, oversampling=5, iterations=20)
    np.testing.assert_allclose(more.values, exact, rtol=1e-6)
    basis = torch.linalg.qr(torch.randn(120, 15, dtype=torch.float64,
                                        generator=torch.Generator().manual_seed(0)))[0]  # fmt: skip
    for _ in range(7):
        basis = torch.linalg.qr(matrix.double().T @ (matrix.double() @ basis))[0]
    subspace = torch.linalg.svdvals(matrix.double() @ basis)[:10]
    assert float((subspace - exact).abs().max()) > 10 * float((got.values - exact).abs().max())


def test_the_residual_bounds_how_far_a_value_is_from_one_of_the_matrix():
    matrix = with_values([1 - 0.01 * i for i in range(60)], 60, 70)
    exact = torch.linalg.svdvals(matrix.double())
    got = found(matrix, k=8, oversampling=2, iterations=1)
    for value in got.values:
        nearest = float((exact - value).abs().min())
        assert nearest <= got.residual * float(got.values[0]) + 1e-7


def test_energy_of_all_values_is_exact_where_all_are_found_and_right_in_the_mean_elsewhere():
    values = [2.0, 1.5, *[0.5] * 38]
    matrix = with_values(values, 40, 50)
    squares = np.square(values)
    whole = found(matrix, k=40)
    assert whole.energy == pytest.approx(squares.sum(), rel=1e-5)
    assert whole.fourth == pytest.approx((squares**2).sum(), rel=1e-5)
    several = [found(matrix, k=2, iterations=3, seed=seed) for seed in range(60)]
    for name, wanted in (("energy", squares.sum()), ("fourth", (squares**2).sum())):
        got = np.array([getattr(one, name) for one in several])
        error = got.std(ddof=1) / len(got) ** 0.5
        assert abs(got.mean() - wanted) < 4 * error
        assert error < 0.02 * wanted


def test_the_participation_ratio_counts_equal_values():
    assert found(with_values([3.0] * 5, 20, 20), k=7).rank_of_energy == pytest.approx(5, rel=1e-5)
    zero = found(torch.zeros(4, 6), k=3)
    assert zero.values.tolist() == [0, 0, 0]
    assert (zero.residual, zero.energy) == (0, 0)
    assert np.isnan(zero.rank_of_energy)


def test_there_are_as_many_products_as_are_said():
    counted = []

    class Counting(Jacobian):
        def _by_portion(self, vectors, work):
            counted.append(vectors.shape[1])
            return super()._by_portion(vectors, work)

    matrix = with_values([0.9**i for i in range(90)], 95, 90)
    with differentiable():
        jacobian = Counting(lambda x: x @ matrix.T, torch.zeros(1, 90))
        decomposed(jacobian, k=4, oversampling=3, iterations=5,
                   generator=torch.Generator().manual_seed(0))  # fmt: skip
    assert sum(counted) == products(4, 3, 5) == 13 * 7 + 3


class Once(torch.autograd.Function):
    """Twice the input, with a rule for forward mode and no second derivative."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        return 2 * g

    @staticmethod
    def jvp(ctx, t):
        return 2 * t


def test_a_missing_second_derivative_on_one_of_two_ways_is_noticed():
    with differentiable():
        jacobian = Jacobian(lambda x: x.flip(1) + Once.apply(x), torch.ones(1, 6))
        got = decomposed(jacobian, k=6, oversampling=2, iterations=1,
                         generator=torch.Generator().manual_seed(0))  # fmt: skip
    np.testing.assert_allclose(got.values, [3, 3, 3, 1, 1, 1], rtol=1e-6)


class Wrong(torch.autograd.Function):
    """Backward is not linear in what comes back: J v and J^T u cannot agree."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g + 0.01 * g.abs().sum() + 1.0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Wrong.apply, "neither twice nor in forward mode .*jvp"),
        (lambda x: x / 0.0, "not finite"),
        (nn.Sequential(nn.Linear(9, 9), nn.Dropout(0.5)).train(), "contradict each other"),
    ],
)
def test_derivatives_that_cannot_be_right_are_refused(function, said):
    torch.manual_seed(0)
    with differentiable(), pytest.raises(ResprobeError, match=said):
        decomposed(
            Jacobian(function, torch.ones(1, 9)), k=2, oversampling=2, iterations=3,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
