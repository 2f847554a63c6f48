import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import UsageError
from resprobe.probes.landscapes import Grid, shape_facts


@given(points=st.integers(1, 60).map(lambda n: 2 * n + 1), span=st.floats(1e-3, 100))
def test_a_grid_is_even_symmetric_and_has_the_network_in_its_middle(points, span):
    along = np.array(Grid(points=points, span=span).along)
    assert along[points // 2] == 0
    assert (along[0], along[-1]) == (-span, span)
    np.testing.assert_array_equal(along, -along[::-1])
    np.testing.assert_allclose(np.diff(along), 2 * span / (points - 1))


def test_the_first_direction_changes_last():
    assert Grid(points=3, span=1.0).places[:4] == [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    assert Grid(points=3, span=1.0, line=True).places == [(-1,), (0,), (1,)]


@pytest.mark.parametrize(
    ("points", "span", "said"),
    [(4, 1.0, "an odd number"), (1, 1.0, "from 3"), (1003, 1.0, "1,001"), (3, 0.0, "above 0"),
     (3, float("inf"), "above 0"), (3, float("nan"), "above 0")],
)  # fmt: skip
def test_what_is_no_grid_is_refused(points, span, said):
    with pytest.raises(UsageError, match=said):
        Grid(points=points, span=span)


def plane(function, points=5):
    along = np.linspace(-1, 1, points)
    return np.array([[function(a, b) for b in along] for a in along])


def test_a_bowl_rises_everywhere_and_bends_up():
    found = shape_facts(plane(lambda a, b: a * a + 2 * b * b + 0.5))
    assert found == {
        "centre": 0.5, "lowest": 0.5, "highest": 3.5, "rays_rising": 1, "outward_rising": 1,
        "negative_curvature": 0, "not_finite": 0,
    }  # fmt: skip


def test_a_saddle_rises_on_the_rays_of_one_axis_only():
    found = shape_facts(plane(lambda a, b: a * a - b * b))
    assert found["rays_rising"] == 2 / 8
    assert found["outward_rising"] == 0.5
    assert found["negative_curvature"] == 0.5


def test_one_bump_on_a_line_is_counted():
    found = shape_facts(np.array([4.0, 5.0, 1.0, 0.0, 1.0, 2.5, 4.0]))
    assert found["rays_rising"] == 0.5
    assert found["outward_rising"] == 5 / 6
    # second differences: -5, 3, 2, 0.5, 0
    assert found["negative_curvature"] == 1 / 5


def test_what_is_not_finite_is_counted_and_high_up():
    inf, nan = np.inf, np.nan
    found = shape_facts(np.array([inf, 2.0, 1.0, 2.0, nan]))
    assert (found["lowest"], found["highest"], found["not_finite"]) == (1, 2, 2)
    assert found["rays_rising"] == 1
    assert found["negative_curvature"] == 0
    nothing = shape_facts(np.full(3, nan))
    assert nothing["not_finite"] == 3
    assert np.isnan([nothing["lowest"], nothing["negative_curvature"]]).all()
    assert nothing["rays_rising"] == 0
