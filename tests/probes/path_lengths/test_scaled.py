import itertools

import pytest
import torch

from resprobe.probes.path_lengths.scaled import APART, Scaled, levelled


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", [1e-44, 1e-40, 1e-20, 1.0, 1e20, 1e38])
def test_rescaling_changes_no_number(scale):
    value = scale * random(3, 5)
    scaled = Scaled.of(value, 3)
    assert torch.equal(scaled.doubled(), value.double())
    assert ((scaled.largest() >= 0.5) & (scaled.largest() <= 1)).all()
    torch.testing.assert_close(scaled.norms(), value.double().norm(dim=1), rtol=1e-6, atol=0)


def test_an_image_whose_numbers_are_all_zero_stays_as_it_is():
    value = random(3, 5)
    value[1] = 0
    scaled = Scaled.of(value, 3)
    assert torch.equal(scaled.doubled(), value.double())
    assert scaled.exponent[1] == 0


def test_exponents_go_beyond_the_range_of_float32():
    scaled = Scaled(random(2, 5), torch.tensor([-300, 300], dtype=torch.int32))
    expected = random(2, 5).double().norm(dim=1) * torch.tensor(
        [2.0**-300, 2.0**300], dtype=torch.float64
    )
    torch.testing.assert_close(scaled.norms(), expected, rtol=1e-6, atol=0)


def test_lengths_are_brought_near_one_and_a_zero_length_takes_its_neighbours_exponent():
    levels = [
        Scaled(e * random(2, 5, seed=i), torch.full((2,), -200, dtype=torch.int32))
        for i, e in enumerate((0.0, 1e-3, 0.0, 1e3))
    ]
    done = levelled(levels)
    for before, after in zip(levels, done, strict=True):
        assert torch.equal(before.doubled(), after.doubled())
    assert (done[0].exponent == done[1].exponent).all()
    assert (done[2].exponent == done[1].exponent).all()
    assert all((level.largest() <= 1).all() for level in done)


def test_no_factor_between_neighbours_overflows():
    levels = [Scaled(random(2, 5), torch.full((2,), e, dtype=torch.int32)) for e in (0, -400, -900)]
    exponents = [level.exponent for level in levelled(levels)]
    for shorter, longer in itertools.pairwise(exponents):
        assert (shorter - longer <= APART).all()


def test_flattened_batches_repeat_their_images_factor():
    scaled = Scaled(torch.ones(4, 3), torch.tensor([0, 1], dtype=torch.int32))
    assert scaled.doubled().tolist() == [[1.0] * 3] * 2 + [[2.0] * 3] * 2
