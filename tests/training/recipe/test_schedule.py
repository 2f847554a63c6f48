import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

from resprobe.errors import UsageError
from resprobe.training import Recipe, Schedule, recipes
from resprobe.training.recipe.schedule import WINDOW, WarmUp, learning_rate, pieces

HE = Recipe()
IMAGENET_IMAGES = 1_281_167  # 5,005 batches of 256

# from the papers: images learnt from, and (first step, last step, rate) of every step
TABLES = {
    "he2015-cifar": (
        45_000,
        [(0, 31_999, 0.1), (32_000, 47_999, 0.01), (48_000, 63_999, 0.001)],
    ),
    "he2015-imagenet": (  # 30, 60 and 90 epochs
        IMAGENET_IMAGES,
        [(0, 150_149, 0.1), (150_150, 300_299, 0.01), (300_300, 450_449, 0.001)],
    ),
    "huang2016-stochastic-depth": (  # 250, 375 and 500 epochs of 352 batches
        45_000,
        [(0, 87_999, 0.1), (88_000, 131_999, 0.01), (132_000, 175_999, 0.001)],
    ),
    "huang2016-stochastic-depth-1202": (  # 10 epochs, then 150, 225 and 300
        45_000,
        [
            (0, 3_519, 0.01),
            (3_520, 52_799, 0.1),
            (52_800, 79_199, 0.01),
            (79_200, 105_599, 0.001),
        ],
    ),
    "li2018": (  # 150, 225, 275 and 300 epochs of 391 batches
        50_000,
        [
            (0, 58_649, 0.1),
            (58_650, 87_974, 0.01),
            (87_975, 107_524, 0.001),
            (107_525, 117_299, 0.0001),
        ],
    ),
}
DEPTHS = {"huang2016-stochastic-depth-1202": 1202}


def rates_of(recipe, *, depth, wrong_of_ten=lambda batch: 10):
    """Return the rate of every step of a run, with what its warm-up makes of the answers."""
    rates, warm_up = np.empty(recipe.length), WarmUp.of(recipe, depth=depth)
    for step in range(recipe.length):
        rates[step] = learning_rate(recipe, step, warming_up=warm_up.active)
        warm_up = warm_up.after(wrong=wrong_of_ten(step), images=10)
    return rates


@pytest.mark.parametrize("name", TABLES)
def test_every_step_of_a_published_run_has_the_papers_rate(name):
    images, table = TABLES[name]
    rates = rates_of(recipes[name].for_run(images), depth=DEPTHS.get(name, 56))
    assert len(rates) == table[-1][1] + 1
    for first, last, rate in table:
        np.testing.assert_allclose(rates[first : last + 1], rate, rtol=1e-14, atol=0)


def test_the_110_layers_start_at_a_hundredth_until_80_percent_and_then_go_back_to_a_tenth():
    """Wrong are 9 of 10 in the first 300 batches and 7 of 10 after; the mean of 100 is then
    below 0.8 for the first time after 351 batches (49 * 0.9 + 51 * 0.7 = 79.8)."""
    rates = rates_of(HE, depth=110, wrong_of_ten=lambda batch: 9 if batch < 300 else 7)
    table = [(0, 350, 0.01), (351, 31_999, 0.1), (32_000, 47_999, 0.01), (48_000, 63_999, 0.001)]
    for first, last, rate in table:
        np.testing.assert_allclose(rates[first : last + 1], rate, rtol=1e-14, atol=0)


def test_the_short_recipe_rises_evenly_and_falls_along_half_a_cosine_at_every_step():
    steps = np.arange(1_000)
    wanted = np.where(
        steps < 150,
        0.1 * (steps + 1) / 150,
        0.05 * (1 + np.cos(np.pi * (steps - 150) / 850)),
    )
    np.testing.assert_allclose(rates_of(recipes["short"], depth=56), wanted, rtol=1e-9, atol=0)


def test_a_rate_needs_a_recipe_in_iterations():
    with pytest.raises(UsageError, match=r"li2018 is in epochs, .* for_run\(images\)"):
        learning_rate(recipes["li2018"], 0)


@pytest.mark.parametrize("name", recipes)
def test_the_pieces_are_the_curve(name):
    recipe = recipes[name].for_run(5_000, epochs=7)
    found = pieces(recipe)
    assert (found[0].first, found[-1].last) == (0, recipe.length - 1)
    assert all(b.first == a.last + 1 for a, b in itertools.pairwise(found))
    for piece in found:
        rates = [learning_rate(recipe, step) for step in range(piece.first, piece.last + 1)]
        assert (piece.first_rate, piece.last_rate) == (rates[0], rates[-1])
        assert rates in (sorted(rates), sorted(rates, reverse=True))
    assert len(found) == (2 if name == "short" else 1 + len(recipe.milestones))


def test_a_milestone_at_the_end_is_no_piece():
    tiny = Recipe(iterations=3, milestones=(2, 3))
    assert [(p.first, p.last) for p in pieces(tiny)] == [(0, 1), (2, 2)]
    assert pieces(tiny)[1].first_rate == pytest.approx(0.01)


def test_the_warm_up_holds_the_rate_down_and_never_raises_it():
    assert learning_rate(HE, 0, warming_up=True) == 0.01
    assert learning_rate(HE, 31_999, warming_up=True) == 0.01
    assert learning_rate(HE, 50_000, warming_up=True) == pytest.approx(0.001)


def test_a_cosine_starts_at_the_rate_and_would_be_at_nothing_after_the_last_step():
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


def test_a_warm_up_of_fixed_length_ends_after_it_whatever_the_error():
    recipe = Recipe(warm_up_until_error=None, warm_up_length=3)
    for wrong in (0, 10):
        assert through(WarmUp.of(recipe, depth=110), [wrong] * 9) == 3
    assert not WarmUp.of(recipe, depth=109).active


def test_a_warm_up_goes_on_from_what_a_file_keeps_of_it():
    for recipe in (HE, Recipe(warm_up_until_error=None, warm_up_length=200)):
        whole = WarmUp.of(recipe, depth=110)
        for _ in range(50):
            whole = whole.after(wrong=7, images=10)
        again = WarmUp(**json.loads(json.dumps(dataclasses.asdict(whole))))
        assert again == whole
        assert through(again, [7] * 300) == through(whole, [7] * 300) is not None


def test_the_warm_up_never_comes_back():
    ended = WarmUp.of(HE, depth=110)
    for _ in range(WINDOW):
        ended = ended.after(wrong=0, images=10)
    assert through(ended, [10] * 200) == 1
    assert ended.after(wrong=10, images=10) is ended
