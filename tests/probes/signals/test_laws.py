import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from resprobe.probes.signals import gradient_laws, laws


def expectation(function):
    return quad(lambda z: function(z) * norm.pdf(z), -12, 12)[0]


def test_the_variance_of_a_rectified_normal_is_that_of_its_integral():
    square = expectation(lambda z: max(z, 0) ** 2)
    mean = expectation(lambda z: max(z, 0))
    assert pytest.approx((square - mean**2) / square) == laws.RECTIFIED
    assert gradient_laws.gradient_growth() == pytest.approx(math.sqrt(math.pi / (math.pi - 1)))
    assert gradient_laws.gradient_growth() == pytest.approx(1.2112, abs=5e-5)


@given(st.integers(0, 200), st.floats(0.01, 3))
def test_the_normalised_share_is_one_variance_over_the_sum_of_those_before(block, first):
    variance = 1.0
    for _ in range(block):
        variance += first
    assert laws.normalised_share(block, first=first) == pytest.approx(first / variance)


def test_the_normalised_share_is_about_one_over_the_depth():
    assert 1000 * laws.normalised_share(1000) == pytest.approx(1, abs=0.002)


@given(st.integers(0, 30), st.integers(1, 3))
def test_correlations_multiply_block_by_block(blocks, layers):
    plain = gradient_laws.plain_correlation(blocks + 1, layers=layers)
    assert plain / gradient_laws.plain_correlation(blocks, layers=layers) == 0.5**layers
    ratio = gradient_laws.residual_correlation(
        blocks + 1, layers=layers
    ) / gradient_laws.residual_correlation(blocks, layers=layers)
    assert ratio == pytest.approx((1 + 0.5**layers) / 2)
    split = gradient_laws.normalised_correlation(
        blocks, layers=layers
    ) * gradient_laws.normalised_correlation(7, before=blocks, layers=layers)
    assert split == pytest.approx(gradient_laws.normalised_correlation(blocks + 7, layers=layers))


@given(st.integers(0, 40), st.floats(0.05, 2))
def test_normalised_correlations_lie_between_one_block_alone_and_one(blocks, scale):
    found = gradient_laws.normalised_correlation(blocks, scale=scale)
    assert 0.5**blocks <= found <= 1
    assert found >= gradient_laws.normalised_correlation(blocks, scale=2 * scale)


def test_the_exponent_of_the_normalised_correlation_is_half_of_one_over_c():
    """Sum of 1 / (2 (2 + c l)) grows as ln(l) / (2 c)."""
    ends = [gradient_laws.normalised_correlation(blocks) for blocks in (100_000, 200_000)]
    assert np.log2(ends[1] / ends[0]) == pytest.approx(-1 / (2 * laws.RECTIFIED), abs=1e-4)


def test_published_and_replicated_numbers():
    """The replication has 64 Gaussian inputs, width 200 and 6 draws."""
    replicated = {1: 0.742, 2: 0.599, 4: 0.423, 8: 0.303, 16: 0.188, 32: 0.129}
    for blocks, value in replicated.items():
        assert gradient_laws.normalised_correlation(blocks) == pytest.approx(value, abs=0.035)
    assert gradient_laws.normalised_correlation(32, scale=0.1) == pytest.approx(0.863, abs=0.003)
    shares = {1: 0.684, 2: 0.401, 4: 0.222, 8: 0.117, 16: 0.061, 32: 0.031, 64: 0.0155}
    for block, value in shares.items():  # counted from 1 there
        assert laws.normalised_share(block - 1) == pytest.approx(value, rel=0.02)
    assert f"{gradient_laws.scaled_shortcut(0.5, 54):.2g}" == "5.6e-17"


@given(st.lists(st.floats(0, 5), max_size=8), st.integers(1, 3), st.booleans())
def test_a_correlation_from_shares_multiplies_and_falls_with_each_share(shares, layers, norm):
    def of(some):
        many = len(some)
        return gradient_laws.correlation_of_shares(
            some, layers=[layers] * many, normalised=[norm] * many
        )

    whole = 1.0
    for share in shares:
        whole *= of([share])
    assert of(shares) == pytest.approx(whole)
    assert 2.0 ** -(layers * len(shares)) <= of(shares) <= 1 + 1e-12
    assert of([*shares, 0.0]) == of(shares)
    assert of([0.5, *shares]) < of(shares)


@given(st.integers(0, 30), st.integers(1, 3))
def test_ideal_shares_give_the_published_laws(blocks, layers):
    many = [layers] * blocks
    ones = gradient_laws.correlation_of_shares(
        [1.0] * blocks, layers=many, normalised=[False] * blocks
    )
    assert ones == pytest.approx(gradient_laws.residual_correlation(blocks, layers=layers))
    shares = [laws.normalised_share(block) for block in range(blocks)]
    found = gradient_laws.correlation_of_shares(shares, layers=many, normalised=[True] * blocks)
    assert found == pytest.approx(gradient_laws.normalised_correlation(blocks, layers=layers))
    none = gradient_laws.correlation_of_shares([math.inf], layers=[layers], normalised=[True])
    assert none == gradient_laws.plain_correlation(1, layers=layers)


def test_a_block_lengthens_the_gradient_by_what_its_branch_sends_back():
    """Variances: 1 + 1/(1 + c l) with BN, 2 without, 1.467 for each plain layer with BN."""
    for block in range(5):
        share = laws.normalised_share(block)
        found = gradient_laws.block_growth(share, layers=1, normalised=True) ** 2
        assert found == pytest.approx(1 + 1 / (1 + laws.RECTIFIED * block))
    assert gradient_laws.block_growth(1, layers=3, normalised=False) ** 2 == pytest.approx(2)
    plain = gradient_laws.block_growth(math.nan, layers=3, normalised=True)
    assert plain == pytest.approx((math.pi / (math.pi - 1)) ** 1.5)
    assert gradient_laws.block_growth(math.nan, layers=3, normalised=False) == 1
