import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from resprobe.statistics import median_interval, paired_difference, wilson


@given(st.integers(1, 20_000), st.data())
def test_wilson_is_what_scipy_gives(n, data):
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [  # Newcombe 1998, table III, method 10; Fagerland et al. 2014, table 1 for the last
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((1, 1, 7, 12), -0.5069, -0.0256),
    ],
)
def test_paired_intervals_are_the_published_ones(cells, low, high):
    assert paired_difference(*cells)[1:] == pytest.approx((low, high), abs=5e-5)


cells = st.tuples(*[st.integers(0, 500)] * 4).filter(sum)


@given(cells)
def test_the_interval_holds_the_difference_and_lies_in_range(cells):
    _, first, second, _ = cells
    difference, low, high = paired_difference(*cells)
    assert difference == pytest.approx((first - second) / sum(cells))
    assert -1 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1


@given(cells)
def test_swapping_the_two_conditions_turns_the_interval_round(cells):
    both, first, second, neither = cells
    difference, low, high = paired_difference(*cells)
    assert paired_difference(both, second, first, neither) == pytest.approx(
        (-difference, -high, -low)
    )


def test_the_paired_interval_covers_as_often_as_it_says():
    probabilities = np.array([0.6, 0.15, 0.05, 0.2])
    truth = probabilities[1] - probabilities[2]
    draws = np.random.default_rng(3).multinomial(200, probabilities, size=4000)
    covered = [
        low <= truth <= high for _, low, high in (paired_difference(*map(int, d)) for d in draws)
    ]
    # the standard error of a coverage of 0.95 over 4,000 draws is 0.0034
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_knowing_the_pairs_narrows_the_interval():
    paired = paired_difference(70, 10, 5, 15)
    width = {
        agree: paired_difference(70 - agree, 10 + agree, 5 + agree, 15 - agree) for agree in (0, 10)
    }
    assert width[0][2] - width[0][1] < width[10][2] - width[10][1]
    assert paired[0] == width[10][0]


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ValueError, match="0 <= successes <= n"):
        wilson(k, n)


@pytest.mark.parametrize(
    "cells", [*sorted(set(itertools.permutations((-1, 1, 1, 1)))), (0, 0, 0, 0)]
)
def test_impossible_cells_are_refused(cells):
    with pytest.raises(ValueError, match="counts >= 0"):
        paired_difference(*cells)


@pytest.mark.parametrize("n", [6, 7, 13, 52])
def test_the_interval_of_a_median_is_the_narrowest_that_covers_it(n):
    low, high = median_interval(np.arange(1, n + 1)[::-1])
    below = binom.cdf(low - 1, n, 0.5)  # fewer values than that lie below the median
    assert high == n + 1 - low
    assert 1 - 2 * below >= 0.95
    assert 1 - 2 * binom.cdf(low, n, 0.5) < 0.95


def test_the_median_of_five_has_no_interval():
    assert np.isnan(median_interval([1, 2, 3, 4, 5])).all()
