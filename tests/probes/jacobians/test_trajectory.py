import numpy as np
import pytest
import torch

from resprobe.probes.jacobians.trajectory import gram_of, trajectory


def states(*, steps, size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps + 1, size, generator=generator, dtype=torch.float64).cumsum(0)


def test_everything_is_what_the_states_say_directly():
    h = states(steps=5, size=7, seed=0)
    found, by_hand = trajectory(gram_of(list(h))), h.numpy()
    steps, way = np.diff(by_hand, axis=0), by_hand[-1] - by_hand[0]
    lengths = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose(found.cosines, steps @ way / lengths / np.linalg.norm(way))
    np.testing.assert_allclose(found.lengths, lengths / lengths.mean())
    assert found.variation == pytest.approx(lengths.std() / lengths.mean())
    assert found.straightness == pytest.approx(np.linalg.norm(way) / lengths.sum())
    spread = np.linalg.svd(by_hand - by_hand.mean(0), compute_uv=False) ** 2
    assert found.first_axis == pytest.approx(spread[0] / spread.sum())


def test_on_a_line_in_unequal_steps_only_the_lengths_vary():
    found = trajectory(gram_of([torch.tensor([t, 2 * t]) for t in (0.0, 1.0, 3.0, 6.0)]))
    np.testing.assert_allclose(found.cosines, 1)
    np.testing.assert_allclose(found.lengths, [0.5, 1, 1.5])
    assert found.variation == pytest.approx(np.std([1, 2, 3]) / 2)
    assert (found.straightness, found.first_axis) == pytest.approx((1, 1))


@pytest.mark.parametrize("steps", [4, 9, 16])
def test_random_steps_have_the_cosine_of_steps_at_right_angles(steps):
    cosines = [
        trajectory(gram_of(list(states(steps=steps, size=4000, seed=seed)))).cosines.mean()
        for seed in range(8)
    ]
    assert np.mean(cosines) == pytest.approx(steps**-0.5, rel=0.05)


@pytest.mark.parametrize(
    "gram", [np.zeros((0, 0)), np.ones((1, 1)), np.zeros((3, 3))], ids=["none", "one", "still"]
)
def test_of_no_way_nothing_is_said(gram):
    found = trajectory(gram)
    assert found.cosines.shape == (len(gram),)
    values = [*found.cosines, *found.lengths, *found[2:]]
    assert np.isnan(values).all()


def test_a_block_that_does_nothing_has_no_direction():
    found = trajectory(gram_of([torch.tensor([t, 0.0]) for t in (0.0, 1.0, 1.0, 2.0)]))
    np.testing.assert_allclose(found.cosines, [1, np.nan, 1])
    np.testing.assert_allclose(found.lengths, [1.5, 0, 1.5])
