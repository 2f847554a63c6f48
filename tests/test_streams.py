"""What streams say of numbers they did not keep is what the kept numbers say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resprobe.statistics import mean_interval
from resprobe.streams import LogHistogram, Moments

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)
sizes = st.lists(st.floats(1e-20, 1e20), min_size=1, max_size=40)


@given(st.lists(values, min_size=1, max_size=5))
def test_moments_are_those_of_all_parts_together(parts):
    found, every = Moments(1), np.concatenate(parts)
    for part in parts:
        found.add([part])
    scale = max(1.0, np.abs(every).max())
    assert found.n.tolist() == [len(every)]
    assert found.mean[0] == pytest.approx(every.mean(), abs=1e-12 * scale)
    assert found.variance(ddof=0)[0] == pytest.approx(every.var(), abs=1e-11 * scale**2)
    if len(every) > 1:
        error = every.std(ddof=1) / len(every) ** 0.5
        assert found.standard_error()[0] == pytest.approx(error, abs=1e-6 * scale)
        low, high = mean_interval(len(every), every.mean(), (every**2).mean())
        assert found.intervals()[0][0] == pytest.approx(low, abs=1e-5 * scale)
        assert found.intervals()[1][0] == pytest.approx(high, abs=1e-5 * scale)


@given(st.lists(values, min_size=2, max_size=5))
def test_a_part_may_be_given_by_its_own_moments(parts):
    found, direct = Moments(2), Moments(1)
    for part in map(np.array, parts):
        found.merge(len(part), part.mean(), ((part - part.mean()) ** 2).sum(), at=1)
        direct.add([part])
    assert found.n.tolist() == [0, direct.n[0]]
    assert np.isnan(found.mean[0])
    assert found.mean[1] == direct.mean[0]
    assert found.variance()[1] == direct.variance()[0] or direct.n[0] < 2


def test_a_small_spread_on_a_large_mean_is_not_lost():
    found = Moments(1)
    for part in np.split(1e9 + np.tile([-1.0, 1.0], 512), 64):
        found.add([part])
    assert found.variance(ddof=0)[0] == pytest.approx(1.0, rel=1e-9)


def test_what_is_not_finite_shows_in_the_mean():
    found = Moments(3)
    found.add([[1.0, 2.0], [1.0, math.inf], [math.nan, 1.0]])
    found.add([[3.0], [1.0], [1.0]])
    assert found.mean.tolist()[:2] == [2.0, math.inf]
    assert np.isnan(found.mean[2])
    assert np.isnan(found.variance()[1:]).all()


@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1), min_size=1))
def test_what_is_undefined_is_no_value_where_that_is_asked_for(parts):
    found, defined = Moments(2), Moments(2)
    for part in parts:
        found.add_defined([part, [math.nan] * len(part)])
        kept = [value for value in part if not math.isnan(value)]
        defined.add([kept, kept])
    assert found.n.tolist() == [defined.n[0], 0]
    np.testing.assert_allclose(found.mean, [defined.mean[0], math.nan], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.variance()[0], defined.variance()[0], rtol=1e-6, atol=1e-3)


def test_of_too_few_values_there_is_no_spread():
    found = Moments(2)
    found.add(np.ones((2, 1)))
    found.merge([1, 0], [1.0, 0.0], [0.0, 0.0])
    assert found.variance().tolist()[0] == 0.0
    assert np.isnan(found.variance()[1])
    assert np.isnan(found.intervals()[0][1])


@given(st.lists(sizes, min_size=1, max_size=4), st.floats(0, 1))
def test_a_quantile_is_a_value_that_was_seen(parts, q):
    found, every = LogHistogram(1), np.sort(np.concatenate(parts))
    for part in parts:
        found.add([part])
    wanted = every[round(q * (len(every) - 1))]
    assert found.quantiles(q)[0] == pytest.approx(wanted, rel=1.01 * LogHistogram.ACCURACY)


@given(sizes)
def test_bins_hold_every_value_once(seen):
    found = LogHistogram(2)
    found.add([seen, [1.0] * len(seen)])
    edges = np.geomspace(1e-21, 1e21, 22)
    counts = found.bins(0, edges)
    assert sum(counts) == len(seen)
    clear = [v for v in seen if np.abs(np.log(edges / v)).min() > 1e-3]
    if len(clear) == len(seen):
        assert counts == np.histogram(seen, edges)[0].tolist()
    assert sum(found.bins(1, edges)) == len(seen)
    assert found.bins(0, [1e-29, 1e-25]) == [0]
    assert found.bins(0, [1e25, 1e29]) == [0]


def test_zeros_infinities_and_numbers_that_are_none_are_counted_apart():
    found = LogHistogram(3)
    found.add([[0.0, 0.0, 4.0], [1.0, math.inf, math.inf], [1.0, math.nan, 1.0]])
    assert found.zeros.tolist() == [2, 0, 0]
    assert found.infinite.tolist() == [0, 2, 0]
    assert found.undefined.tolist() == [0, 0, 1]
    assert found.quantiles(0.5)[:2].tolist() == [0.0, math.inf]
    assert found.quantiles(1.0)[0] == pytest.approx(4.0, rel=1e-3)
    assert found.quantiles(0.0)[1] == pytest.approx(1.0, rel=1e-3)
    assert np.isnan(found.quantiles(0.0)[2])
    assert np.isnan(LogHistogram(1).quantiles(0.5)[0])


def test_what_lies_beyond_the_range_counts_as_lying_at_its_end():
    found = LogHistogram(1)
    found.add([[1e-200, 1e200]])
    assert found.quantiles(0.0)[0] == pytest.approx(1e-30, rel=1e-2)
    assert found.quantiles(1.0)[0] == pytest.approx(1e30, rel=1e-2)
