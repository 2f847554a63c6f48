import math

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def comparisons(module):
    return module("kit.comparisons")


def runs_of(**errors):
    """Runs whose error is the one given, seed by seed; None where a seed is missing."""
    return pd.DataFrame(
        [
            {"name": name, "seed": seed, "error": error}
            for name, found in errors.items()
            for seed, error in enumerate(found)
            if error is not None
        ]
    )


def pair(comparisons, first="deep", second="shallow"):
    return comparisons.Pair(first=first, second=second, figure="error")


def test_differences_are_taken_seed_by_seed(comparisons):
    """0.10, 0.20 and 0.30: mean 0.2, sd 0.1, and t(0.975, 2) = 4.3027 times 0.1 / sqrt 3."""
    runs = runs_of(shallow=[0.1, 0.5, 0.3], deep=[0.2, 0.7, 0.6])
    shuffled = runs.iloc[[4, 0, 5, 2, 3, 1]]
    assert pair(comparisons).values(shuffled) == pytest.approx([0.1, 0.2, 0.3])
    (row,) = comparisons.differences(shuffled, [pair(comparisons)]).to_dict("records")
    assert (row["pair"], row["figure"], row["n"]) == ("deep - shallow", "error", 3)
    np.testing.assert_allclose(
        [row["mean"], row["sd"], row["low"], row["high"]],
        [0.2, 0.1, 0.2 - 0.248414, 0.2 + 0.248414],
        atol=1e-6,
    )


def test_a_seed_that_only_one_network_has_counts_for_it_alone(comparisons):
    runs = runs_of(shallow=[0.1, 0.2, 0.3], deep=[None, 0.5, math.nan])
    table = comparisons.spreads(runs, ["error"]).set_index("pair")
    assert (table.loc["shallow", "n"], table.loc["deep", "n"]) == (3, 1)
    assert pair(comparisons).values(runs) == pytest.approx([0.3])
    assert math.isnan(pair(comparisons).spread(runs).low)
    assert pair(comparisons, first="none").spread(runs).n == 0


@pytest.mark.parametrize(
    ("deep", "given", "verdict"),
    [
        ([0.21, 0.22, 0.23], {"sign": 1}, "reproduced"),
        ([0.21, 0.22, 0.23], {"sign": -1}, "not reproduced"),
        ([0.05, 0.11, 0.30], {"sign": 1}, "same direction"),
        ([0.21], {"sign": 1}, "same direction"),
        ([], {"sign": 1}, "not testable here"),
        ([0.1, 0.12, 0.11], {"number": 0.0}, "reproduced"),
        ([0.21, 0.22, 0.23], {"number": -0.01}, "not reproduced"),
        ([0.05], {"number": -0.01}, "same direction"),
        ([0.21], {"number": -0.01}, "not reproduced"),
        ([], {"number": -0.01}, "not testable here"),
        ([0.10, 0.11, 0.12], {"margin": 0.01}, "reproduced"),
        ([0.10, 0.12, 0.12], {"margin": 0.01}, "same direction"),
        ([0.10], {"margin": 0.01}, "same direction"),
        ([0.05, 0.11, 0.30], {"margin": 0.01}, "not reproduced"),  # so wide that it holds 0
        ([], {"margin": 0.01}, "not testable here"),
        ([0.20, 0.22, 0.24], {"sign": 1, "number": 0.12}, "reproduced"),
        ([0.20, 0.22, 0.24], {"sign": 1, "number": 0.02}, "same direction"),
        ([0.10, 0.11, 0.30], {"sign": 1, "number": 0.02}, "same direction"),
        ([0.20, 0.22, 0.24], {"sign": -1, "number": -0.02}, "not reproduced"),
    ],
)
def test_a_difference_is_judged_by_its_direction_or_by_the_published_number(
    comparisons, deep, given, verdict
):
    runs = runs_of(shallow=[0.1, 0.11, 0.12], deep=deep)
    about = {"claim": "x", "source": "y", "published": "z", "setting": "width 8"}
    claim = comparisons.compared(runs, pair(comparisons), **about, **given)
    assert (claim.verdict.value, claim.n) == (verdict, len(deep))
    assert claim.of == ("seed" if len(deep) == 1 else "seeds")
    assert ("no seed of both networks" in claim.setting) == (not deep)
