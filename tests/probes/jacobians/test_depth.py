import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from resprobe.probes import depth_slopes
from resprobe.probes.jacobians.depth import power_law


def frame(**networks):
    rows = [{"network": n, "sigma_1": s} for n, values in networks.items() for s in values]
    return pd.DataFrame(rows)


def test_a_power_law_is_found_again_whatever_the_blocks_are_like():
    table = frame(**{f"net{n}": [1 / n] * n for n in (2, 4, 8)}, plain=[1.0, 1.0])
    (residual, plain) = depth_slopes(table, {"plain": True})
    assert residual["networks"] == "residual"
    assert (residual["slope"], residual["depths"], residual["n"]) == pytest.approx((-1, 3, 3))
    assert residual["high"] - residual["low"] == pytest.approx(0, abs=1e-9)
    assert (plain["networks"], plain["depths"]) == ("plain", 1)
    assert np.isnan([plain["slope"], plain["low"], plain["high"]]).all()


def test_the_interval_is_students_with_two_degrees_fewer_than_points():
    x, y = [4, 8, 16, 32], [1.0, 0.6, 0.2, 0.15]
    found, fit = power_law(x, y), linregress(np.log(x), np.log(y))
    assert found.slope == pytest.approx(fit.slope)
    assert found.high - found.slope == pytest.approx(4.302653 * fit.stderr, rel=1e-6)


@pytest.mark.parametrize(
    ("x", "y"), [([4, 8], [1, 2]), ([4, 4, 8], [1, 1, 2]), ([1, 2, 3], [1, 0, 1]),
                 ([1, 2, 3], [1, float("nan"), 1])],
)  # fmt: skip
def test_of_too_few_depths_or_no_positive_values_there_is_no_slope(x, y):
    found = power_law(x, y)
    assert np.isnan(found[:3]).all()
    assert found.n == len(x)
