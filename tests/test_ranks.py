import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, multivariate_normal, spearmanr

from resprobe.ranks import kendall, kendall_tau, spearman, spearman_rho

numbers = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=30)
VARIED = "ignore:An input array is constant"


@given(numbers)
@pytest.mark.filterwarnings(VARIED)
def test_both_correlations_are_scipys_ties_and_all(pairs):
    first, second = zip(*pairs, strict=True)
    expected = spearmanr(first, second).statistic, kendalltau(first, second).statistic
    found = spearman_rho(first, second), kendall_tau(first, second)
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_tied_pairs_count_as_kendall_wrote_it():
    """x 1 2 2 3, y 1 1 2 3: four pairs agree, none disagrees, and each has one tie of six."""
    assert kendall_tau([1, 2, 2, 3], [1, 1, 2, 3]) == pytest.approx(4 / 5)
    # mid-ranks 1, 2.5, 2.5, 4 and 1.5, 1.5, 3, 4: covariance 3.75 over variances of 4.5
    assert spearman_rho([1, 2, 2, 3], [1, 1, 2, 3]) == pytest.approx(3.75 / 4.5)


def test_intervals_are_those_of_bonett_and_wright_by_hand():
    """n = 28, tau = 0.5 and rho near it, with z = 1.959964."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=28)
    y = x + 1.2 * rng.normal(size=28)
    rho, tau = spearman(x, y), kendall(x, y)
    for found, error in (
        (rho, math.sqrt((1 + rho.estimate**2 / 2) / 25)),
        (tau, math.sqrt(0.437 / 24)),
    ):
        half = 1.9599639845 * error
        assert math.atanh(found.high) - math.atanh(found.estimate) == pytest.approx(half)
        assert math.atanh(found.estimate) - math.atanh(found.low) == pytest.approx(half)
    assert kendall(x, y, confidence=0.5).high < tau.high


@pytest.mark.parametrize(
    ("test", "truth"),
    [
        (spearman, 6 / math.pi * math.asin(0.6 / 2)),
        (kendall, 2 / math.pi * math.asin(0.6)),
    ],
)
def test_intervals_cover_as_often_as_they_say(test, truth, monkeypatch):
    """Normal pairs of correlation 0.6; the standard error of 0.95 over 800 draws is 0.008."""
    monkeypatch.setattr("resprobe.ranks.DRAWS", 1)
    draws = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], seed=5).rvs((800, 30))
    found = [test(*pairs.T) for pairs in draws]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered == pytest.approx(0.95, abs=0.023)


@pytest.mark.parametrize(("test", "other"), [(spearman, spearmanr), (kendall, kendalltau)])
@pytest.mark.parametrize("values", [(1, 2, 3, 4, 5), (1, 1, 2, 2, 3), (1, 2, 2, 2, 5)])
def test_few_units_have_an_exact_p_value(test, other, values):
    shuffled = np.random.default_rng(1).permutation(values)
    observed = abs(other(values, shuffled).statistic)
    every = [abs(other(values, o).statistic) for o in itertools.permutations(shuffled)]
    expected = np.mean([one >= observed - 1e-9 for one in every])
    assert test(values, shuffled).p == pytest.approx(expected)


def test_more_units_have_a_p_value_drawn_by_the_seed_near_the_exact_one():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 12))
    y += 0.5 * x
    exact = kendalltau(x, y, method="exact").pvalue
    drawn = kendall(x, y, seed=0).p
    # the standard error of a share near 0.1 over 9,999 draws is 0.003
    assert drawn == pytest.approx(exact, abs=0.012)
    assert kendall(x, y, seed=0).p == drawn != kendall(x, y, seed=1).p


def test_a_p_value_that_is_drawn_is_never_zero():
    assert spearman(range(12), range(12)).p == pytest.approx(1 / 10_000, abs=2e-4)
    assert spearman(range(12), range(12)).p > 0


@given(numbers.filter(lambda pairs: len(pairs) < 7), st.integers(0, 3))
@settings(max_examples=30)
def test_order_and_scale_of_the_units_do_not_matter(pairs, seed):
    first, second = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    order = np.random.default_rng(seed).permutation(len(first))
    for test in (spearman, kendall):
        found = test(first, second)
        moved = test(np.exp(first[order]), 3 * second[order] - 1)
        turned = test(-first, second)
        for name in ("estimate", "low", "high", "p"):
            assert getattr(moved, name) == pytest.approx(getattr(found, name), nan_ok=True)
        assert turned.estimate == pytest.approx(-found.estimate, nan_ok=True)
        assert turned.p == pytest.approx(found.p, nan_ok=True)


def test_what_has_no_interval_has_nan():
    few = spearman([1, 2, 3], [2, 1, 3]), kendall([1, 2, 3, 4], [2, 1, 3, 4])
    whole = spearman(range(6), range(6))
    same = kendall([1, 1, 1, 1, 1], range(5))
    for found in (*few, whole, same):
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert (whole.estimate, whole.p) == (1, 2 / math.factorial(6))
    assert math.isnan(same.estimate)
    assert math.isnan(same.p)
    assert all(math.isfinite(found.p) for found in few)
    # one more unit has one
    assert (
        spearman([1, 2, 3, 4], [2, 1, 3, 4]).low < 0.8 < spearman([1, 2, 3, 4], [2, 1, 3, 4]).high
    )


def test_infinite_values_rank_last():
    assert spearman_rho([1, 2, math.inf], [3, 4, 5]) == 1


@pytest.mark.parametrize(
    ("first", "second", "match"),
    [([1], [2], "2 or more"), ([1, 2], [1, 2, 3], "same"), ([1, math.nan], [1, 2], "NaN")],
)
def test_what_cannot_be_ranked_is_refused(first, second, match):
    for test in (spearman, kendall):
        with pytest.raises(ValueError, match=match):
            test(first, second)
