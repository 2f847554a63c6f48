import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resprobe.probes.jacobians.alignment import aligned, chance_of_alignment, left_right
from resprobe.probes.jacobians.decomposition import Decomposition


def basis(n, k, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(n, k, generator=generator, dtype=torch.float64))[0]


def exact(matrix, k):
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    squares = values.square()
    return Decomposition(values[:k], left[:, :k], right[:k].T, 0.0, float(squares.sum()),
                         float(squares.square().sum()))  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 20), k=st.integers(1, 6), seed=st.integers(0, 999))
def test_scores_lie_between_0_and_1_and_the_first_is_the_product_of_the_others(n, k, seed):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(n, n, generator=generator, dtype=torch.float64)
    found, k = exact(matrix, k), min(k, n)
    raw = aligned(basis(n, k, seed + 1).T @ matrix @ basis(n, k, seed + 2), found.values)
    assert all(0 <= score <= 1 for score in raw)
    assert raw.alignment == pytest.approx(raw.diagonal * raw.captured, abs=1e-12)
    own = aligned(found.left.T @ matrix @ found.right, found.values)
    assert own == pytest.approx((1, 1, 1))


def test_random_directions_are_aligned_as_chance_says():
    matrix = torch.randn(30, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found, k = exact(matrix, 4), 4
    scores = np.array(
        [
            aligned(basis(30, k, 2 * s).T @ matrix @ basis(20, k, 2 * s + 1), found.values)
            for s in range(1500)
        ]
    )
    error = scores.std(0, ddof=1) / len(scores) ** 0.5
    assert abs(scores[:, 0].mean() - chance_of_alignment(found)) < 4 * error[0]
    assert abs(scores[:, 1].mean() - 1 / k) < 4 * error[1]


def test_directions_in_another_order_hold_the_energy_off_the_diagonal():
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.5], dtype=torch.float64))
    found = exact(matrix, 2)
    swapped = found.left[:, [1, 0]].T @ matrix @ found.right
    assert aligned(swapped, found.values) == pytest.approx((0, 0, 1))


def test_left_and_right_are_compared_by_what_they_carry():
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    assert left_right(exact(turn, 2)) == pytest.approx(0, abs=1e-12)
    assert left_right(exact(-2 * torch.eye(3, dtype=torch.float64), 3)) == pytest.approx(1)
    # the first direction is kept and carries 9 of 10, the second goes to a third
    matrix = torch.zeros(3, 3, dtype=torch.float64)
    matrix[0, 0], matrix[2, 1] = 3.0, 1.0
    assert left_right(exact(matrix, 2)) == pytest.approx(0.9)
    assert np.isnan(left_right(exact(torch.ones(3, 2, dtype=torch.float64), 1)))


def test_of_a_block_that_does_nothing_there_are_no_scores():
    nothing = exact(torch.zeros(3, 3, dtype=torch.float64), 2)
    assert np.isnan(aligned(torch.zeros(2, 2), nothing.values)).all()
    assert np.isnan([left_right(nothing), chance_of_alignment(nothing)]).all()
