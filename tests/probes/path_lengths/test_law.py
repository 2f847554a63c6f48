import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import UsageError
from resprobe.probes.path_lengths.drawing import draw_paths, draw_signs
from resprobe.probes.path_lengths.effective import effective_range, weights
from resprobe.probes.path_lengths.law import log2_counts, path_counts, path_law, path_share

blocks = st.integers(1, 300)


def test_the_shares_of_54_blocks_are_those_on_paper():
    share = path_share(54, 5, 17)
    assert share == Fraction(sum(math.comb(54, k) for k in range(5, 18)), 2**54)
    assert f"{float(share):.6f}" == "0.004537"
    assert f"{float(path_share(54, 19, 35)):.4f}" == "0.9802"


@given(blocks)
def test_all_lengths_together_are_all_paths(n):
    counts = path_counts(n)
    assert sum(counts) == 2**n
    assert counts == counts[::-1]
    assert counts == [math.comb(n, k) for k in range(n + 1)]
    assert path_share(n, 0, n) == 1


@given(blocks, st.data())
def test_shares_of_neighbouring_ranges_add_up(n, data):
    low, middle, high = sorted(data.draw(st.integers(0, n)) for _ in range(3))
    whole = path_share(n, low, high)
    assert path_share(n, low, middle) + path_share(n, middle, high) == whole + path_share(
        n, middle, middle
    )


@given(blocks)
def test_a_block_more_makes_every_path_two(n):
    counts, more = path_counts(n), path_counts(n + 1)
    assert more[1:-1] == [a + b for a, b in itertools.pairwise(counts)]


def test_600_blocks_neither_overflow_nor_round():
    result = path_law(600, lengths=(300, 300))
    assert int(result.frame["paths"][300]) == math.comb(600, 300)
    assert result.frame["paths_share"].sum() == pytest.approx(1, abs=1e-12)
    assert log2_counts(600)[300] == pytest.approx(math.log2(math.comb(600, 300)))
    assert result.meta["asked"]["paths"] == str(math.comb(600, 300))
    assert np.isfinite(log2_counts(2000)).all()  # beyond float64 as numbers


@pytest.mark.parametrize("n", [0, -1, 10_001])
def test_a_number_of_blocks_out_of_range_is_refused(n):
    with pytest.raises(UsageError, match=f"paths of {n} block"):
        path_counts(n)


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (3, 2), (0, 9)])
def test_lengths_out_of_range_are_refused(low, high):
    with pytest.raises(UsageError, match=f"lengths from {low} to {high} .* from 0 to 8"):
        path_share(8, low, high)


@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 5))
def test_drawn_paths_have_their_length_and_stand_once_in_order(n, draws, seed):
    drawn = draw_paths(n, draws, seed)
    lengths = drawn.branches[drawn.which].sum(2)
    assert (lengths == np.arange(n + 1)[:, None]).all()
    rows = [tuple(row) for row in drawn.branches]
    assert rows == sorted(set(rows))
    # the nodes of the tree that these paths are
    for column in range(n):
        assert drawn.nodes[column].sum() == len({row[: column + 1] for row in rows})
        assert drawn.nodes[column, 1] == len({r[: column + 1] for r in rows if r[column]})


def test_every_set_of_blocks_is_drawn_as_often():
    drawn = draw_paths(5, 3000, seed=0)
    for length in range(1, 5):
        _, times = np.unique(drawn.which[length], return_counts=True)
        expected = 3000 / math.comb(5, length)
        assert len(times) == math.comb(5, length)
        # chi-square with at most 9 degrees of freedom: above 28 once in a thousand
        assert ((times - expected) ** 2 / expected).sum() < 28


def test_signs_are_fair_independent_and_the_draws_own():
    signs = draw_signs(6, 4000, seed=0, draw=0).double()
    correlation = signs @ signs.T / 4000
    assert (correlation.fill_diagonal_(0).abs() < 4.5 / 4000**0.5).all()
    assert abs(float(signs.mean())) < 4.5 / 24000**0.5
    again, other = draw_signs(6, 4000, 0, 0).double(), draw_signs(6, 4000, 0, 1).double()
    assert (again == signs).all()
    assert abs(float((other * signs).mean())) < 4.5 / 24000**0.5


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0.05, 1))
def test_no_shorter_run_of_lengths_holds_the_share(numbers, share):
    weight = weights(np.array(numbers), np.zeros(len(numbers)))
    found = effective_range(weight, share)
    if not sum(numbers):
        assert found is None
        return
    held = weight[found.low : found.high + 1].sum()
    width = found.high - found.low + 1
    assert held >= share - 1e-9
    for other in range(1, width):
        runs = [weight[i : i + other].sum() for i in range(len(weight) - other + 1)]
        assert max(runs) < share
    rivals = [weight[i : i + width].sum() for i in range(len(weight) - width + 1)]
    assert held >= max(rivals) - 1e-12


def test_weights_of_hundreds_of_blocks_are_finite_and_sum_to_one():
    norms = 0.3 ** np.arange(1001)
    weight = weights(norms, log2_counts(1000))
    assert weight.sum() == pytest.approx(1)
    # comb(n, k) 0.3^k is a binomial with p = 0.3 / 1.3
    assert weight.argmax() == pytest.approx(1000 * 0.3 / 1.3, abs=1)
