import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from probes.signals.twin import brute_force_correlation

from resprobe.probes.signals.moments import moments_of
from resprobe.probes.signals.pairs import Pairs
from resprobe.probes.signals.variances import ChannelMoments


@given(
    st.sampled_from([((5, 3, 4, 4), 1), ((5, 6, 3), 2), ((5, 4, 4, 3), 3), ((5, 3), 1)]),
    st.integers(-18, 18),
    st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_moments_are_those_of_numpy_at_every_size_and_distance_from_zero(
    shaped, exponent, offset, seed
):
    shape, channel = shaped
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    tensor = (drawn + offset) * 10.0**exponent
    mean, variance = moments_of(tensor, channel=channel)
    rows = np.moveaxis(tensor.double().numpy(), channel, 0).reshape(shape[channel], -1)
    np.testing.assert_allclose(mean, rows.mean(1), rtol=1e-4, atol=1e-6 * abs(rows).max())
    np.testing.assert_allclose(variance, rows.var(1), rtol=2e-4)


def test_a_channel_that_does_not_vary_has_no_variance():
    tensor = torch.full((3, 2, 4, 4), 7.0)
    tensor[:, 1] = 0
    mean, variance = moments_of(tensor, channel=1)
    assert (mean.tolist(), variance.tolist()) == ([7.0, 0.0], [0.0, 0.0])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_batches_add_up_to_the_whole(sizes, seed):
    whole = torch.randn(
        (sum(sizes), 3, 2, 2), generator=torch.Generator().manual_seed(seed)
    ) + torch.arange(3.0).reshape(3, 1, 1)
    at_once, in_parts = ChannelMoments(), ChannelMoments()
    at_once.add(whole)
    for part in whole.split(sizes):
        in_parts.add(part)
    assert in_parts.variance == pytest.approx(at_once.variance, rel=1e-5)
    assert in_parts.second_moment == pytest.approx(at_once.second_moment, rel=1e-5)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.floats(0, 3), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_correlation_of_pairs_is_that_of_every_pair_by_itself(sizes, common, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn((sum(sizes), 2, 3), generator=generator)
    rows += common * torch.randn((2, 3), generator=generator)
    found = Pairs()
    for part in rows.split(sizes):
        found.add(part)
    assert found.n == len(rows)
    assert found.mean_square == pytest.approx(float(rows.double().square().sum()) / len(rows))
    if len(rows) > 1:
        assert found.correlation == pytest.approx(brute_force_correlation(rows), abs=1e-5)
    else:
        assert np.isnan(found.correlation)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_pairs_of_very_short_and_very_long_vectors_correlate_alike(size):
    rows = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    found = Pairs()
    found.add(rows * size)
    assert found.correlation == pytest.approx(0.5, rel=1e-5)


def test_orthogonal_and_opposite_vectors():
    for rows, wanted in ((torch.eye(4), 0.0), (torch.tensor([[1.0], [-1.0]]), -1.0)):
        found = Pairs()
        found.add(rows)
        assert found.correlation == pytest.approx(wanted, abs=1e-7)
