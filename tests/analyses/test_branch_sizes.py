"""Branch sizes: the slope within stages, and what is cut off behind the sum."""

import math

import numpy as np
import pytest
from analyses.made_results import entry, result

from resprobe.statistics import spread


@pytest.fixture(scope="module")
def script(module):
    return module("branch_sizes")


def sizes(ratios, *, cut=0.3, **facts):
    rows = [
        {"network": "net", "block": i, "stage": 1 + i // 4, "ratio": ratio, "negative_share": cut,
         "kind": "transition" if i and i % 4 == 0 else "identity"}
        for i, ratio in enumerate(ratios)
    ]  # fmt: skip
    return {
        "magnitude": result(
            "magnitude", rows, entry("net", blocks=len(ratios), **{"bare_sum": False, **facts})
        )
    }


def test_the_slope_within_groups_is_that_of_a_regression_with_a_height_for_each(script):
    generator = np.random.default_rng(0)
    groups, x = np.repeat([1, 2, 3], 5), np.arange(15)
    y = 0.3 * x + 5 * groups + generator.normal(size=15)
    design = np.column_stack([x, *(groups == g for g in (1, 2, 3))]).astype(float)
    wanted, (left,), *_ = np.linalg.lstsq(design, y)
    slope, low, high = script.slope_within(groups, x, y)
    assert slope == pytest.approx(wanted[0])
    error = np.sqrt(left / 11 * np.linalg.inv(design.T @ design)[0, 0])
    assert (high - low) / 2 == pytest.approx(2.2009851600916384 * error)


@pytest.mark.parametrize(("step", "verdict"), [(-0.2, "reproduced"), (0.2, "not reproduced")])
def test_the_ratio_falls_by_its_logarithm_and_transitions_do_not_count(script, step, verdict):
    ratios = [math.exp(step * (i % 4) + 0.001 * (-1) ** i) for i in range(8)]
    ratios[4] = 100.0
    slope, no_widths, cut = script.claims(sizes(ratios))
    assert slope.measured == pytest.approx(step, abs=0.01)
    assert (slope.n, slope.verdict) == (7, verdict)
    assert no_widths.verdict == "not testable here"
    assert cut.measured == pytest.approx(0.3)


def test_nothing_is_cut_off_where_no_activation_lies_behind_the_sum(script):
    claims = list(script.claims(sizes([1.0] * 8, bare_sum=True)))
    assert [claim for claim in claims if "cuts off" in claim.claim] == []


def test_plain_networks_have_no_branches(script):
    (only,) = script.claims(sizes([1.0] * 8, plain=True))
    assert only.verdict == "not testable here"


def test_what_is_cut_off_is_a_mean_over_blocks(script):
    made = sizes([1.0, 0.9, 0.8, 0.7])
    shares = [0.4, 0.55, 0.6, 0.5]
    made["magnitude"].frame["negative_share"] = shares
    *_, cut = script.claims(made)
    wanted = spread(shares)
    assert (cut.measured, cut.low, cut.n) == (wanted.mean, wanted.low, 4)
    assert cut.verdict == "not reproduced"
