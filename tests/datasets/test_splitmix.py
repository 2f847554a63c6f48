import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resprobe.datasets.splitmix import ImageDraws, _signed, words


@given(st.integers(0, 2**63), st.integers(0, 10_000), st.integers(0, 2**31))
def test_the_words_of_an_image_are_the_same_on_tensors_and_on_integers(seed, epoch, index):
    draws = ImageDraws(seed=seed, epoch=epoch, index=index)
    one_by_one = [_signed(draws.word()) for _ in range(2)]
    together = words(seed=seed, epoch=epoch, indices=torch.tensor([0, index]))
    assert [int(word[1]) for word in together] == one_by_one


def drawn(of, n=4000):
    return [of(ImageDraws(seed=3, epoch=1, index=index)) for index in range(n)]


def test_uniform_numbers_lie_in_their_range_with_their_mean_and_variance():
    numbers = drawn(lambda draws: draws.uniform(2.0, 5.0))
    assert min(numbers) >= 2.0
    assert max(numbers) < 5.0
    # of 4000: standard error 3/sqrt(12 * 4000) = 0.0137, 4.5 of them; variance 9/12
    assert statistics.fmean(numbers) == pytest.approx(3.5, abs=0.062)
    assert statistics.pvariance(numbers) == pytest.approx(0.75, rel=0.07)


def test_whole_numbers_are_even_over_their_range():
    counts = torch.bincount(torch.tensor(drawn(lambda draws: draws.below(7), n=7000)))
    assert len(counts) == 7
    # each binomial(7000, 1/7): mean 1000, standard deviation 29.3; 4.5 of them
    assert counts.sub(1000).abs().max() < 132


def test_normal_numbers_have_the_moments_and_tails_of_the_normal_distribution():
    numbers = torch.tensor(drawn(lambda draws: draws.normal(), n=10_000))
    assert numbers.mean().abs() < 0.045  # 4.5 standard errors
    assert numbers.var() == pytest.approx(1, abs=0.064)  # 4.5 sqrt(2 / 10000)
    within = float((numbers.abs() < 1.96).double().mean())
    assert within == pytest.approx(0.95, abs=0.0099)


def test_the_numbers_of_one_image_differ_from_each_other_and_from_the_next_image():
    images = [ImageDraws(seed=0, epoch=0, index=index) for index in range(50)]
    assert len({draws.word() for draws in images for _ in range(5)}) == 250
