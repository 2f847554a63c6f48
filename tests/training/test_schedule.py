import math

import pytest

from resprobe.training import Recipe, Schedule
from resprobe.training.schedule import WINDOW, WarmUp, learning_rate

HE = Recipe()


def test_every_rate_of_the_papers_run_is_the_papers():
    rates = [learning_rate(HE, iteration) for iteration in range(64_000)]
    assert set(rates[:32_000]) == {0.1}
    assert rates[32_000:48_000] == pytest.approx([0.01] * 16_000)
    assert rates[48_000:] == pytest.approx([0.001] * 16_000)


def test_the_warm_up_holds_the_rate_down_and_never_raises_it():
    assert learning_rate(HE, 0, warming_up=True) == 0.01
    assert learning_rate(HE, 31_999, warming_up=True) == 0.01
    assert learning_rate(HE, 50_000, warming_up=True) == pytest.approx(0.001)


def test_a_cosine_starts_at_the_rate_and_ends_at_nothing():
    recipe = Recipe(schedule=Schedule.COSINE, milestones=(), iterations=100, learning_rate=0.4)
    assert learning_rate(recipe, 0) == 0.4
    assert learning_rate(recipe, 50) == pytest.approx(0.2)
    assert learning_rate(recipe, 25) == pytest.approx(0.2 * (1 + math.sqrt(0.5)))
    assert learning_rate(recipe, 99) == pytest.approx(0.2 * (1 + math.cos(math.pi * 0.99)))
    assert learning_rate(recipe, 100) == 0.0


def test_a_ramp_rises_evenly_and_then_the_cosine_falls():
    recipe = Recipe(
        schedule=Schedule.COSINE, milestones=(), iterations=110, ramp=10, learning_rate=1.0
    )
    rates = [learning_rate(recipe, iteration) for iteration in range(110)]
    assert rates[:10] == pytest.approx([k / 10 for k in range(1, 11)])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_only_deep_networks_warm_up():
    assert not WarmUp.of(HE, depth=56).active
    assert WarmUp.of(HE, depth=110).active
    assert WarmUp.of(HE, depth=1202).active
    assert not WarmUp.of(Recipe(warm_up_depth=None), depth=1202).active


def through(warm_up, wrong_of_ten):
    """Return after which batch of ten images the warm-up ended, or None."""
    for batch, wrong in enumerate(wrong_of_ten, start=1):
        warm_up = warm_up.after(wrong=wrong, images=10)
        if not warm_up.active:
            return batch
    return None


def test_the_warm_up_ends_when_the_error_of_the_last_hundred_batches_falls_below_80_percent():
    start = WarmUp.of(HE, depth=110)
    assert through(start, [9] * 300) is None
    assert through(start, [8] * 300) is None
    assert through(start, [7] * 300) == WINDOW
    assert through(start, [9] * 200 + [7] * 200) == 200 + WINDOW // 2 + 1


def test_the_warm_up_weighs_batches_by_their_images():
    warm_up = WarmUp.of(HE, depth=110)
    for _ in range(WINDOW - 1):
        warm_up = warm_up.after(wrong=80, images=100)
    assert warm_up.after(wrong=1, images=2).active is False
    assert warm_up.after(wrong=2, images=2).active is True


def test_the_warm_up_never_comes_back():
    ended = WarmUp.of(HE, depth=110)
    for _ in range(WINDOW):
        ended = ended.after(wrong=0, images=10)
    assert through(ended, [10] * 200) == 1
    assert ended.after(wrong=10, images=10) is ended
