import numpy as np
import pandas as pd
import pytest
from matplotlib.contour import QuadContourSet

from resprobe.errors import InputError
from resprobe.figures import COLUMN, figure, plot_landscape, plot_landscape_line
from resprobe.results import Result

ALONG = np.linspace(-1, 1, 9)


def row(name, a, b, loss):
    return {
        "network": name, "a": a, "b": b, "n": 10, "loss": loss, "loss_low": 0.9 * loss,
        "loss_high": 1.1 * loss, "error": 0.5 + 0.3 * a, "error_low": 0.1, "error_high": 0.9,
    }  # fmt: skip


def plane(**losses):
    rows = [
        row(name, a, b, loss(a, b)) for name, loss in losses.items() for a in ALONG for b in ALONG
    ]
    return Result("landscape", pd.DataFrame(rows), {"seed": 0})


def line(**losses):
    rows = [row(name, a, 0.0, loss(a)) for name, loss in losses.items() for a in ALONG]
    return Result("landscape", pd.DataFrame(rows), {"seed": 0})


def bowl(a, b):
    return 0.5 + 4 * a * a + b * b


def contours(ax):
    return [c for c in ax.collections if isinstance(c, QuadContourSet)]


def test_contours_lie_where_the_loss_has_their_level(ax):
    plot_landscape(plane(net=bowl), ax)
    filled, lines = contours(ax)
    levels = np.exp(lines.levels)
    assert levels[0] == pytest.approx(0.5)
    assert levels[-1] == pytest.approx(5.5)
    np.testing.assert_allclose(levels[1:] / levels[:-1], levels[1] / levels[0])
    np.testing.assert_allclose(filled.levels, lines.levels)
    middle = 6
    for path in lines.get_paths()[middle : middle + 1]:
        a, b = path.vertices.T
        np.testing.assert_allclose(bowl(a, b), levels[middle], rtol=0.12)


def test_the_first_direction_lies_along_the_page(ax):
    plot_landscape(plane(net=lambda a, b: np.exp(2 * a)), ax)
    _, lines = contours(ax)
    for path in lines.get_paths():
        if len(path.vertices):
            assert np.ptp(path.vertices[:, 0]) < 1e-6


def test_networks_side_by_side_share_their_levels():
    made = figure(plane(low=bowl, high=lambda a, b: 3 * bowl(a, b)))
    first, second = (contours(ax)[1].levels for ax in made.axes if contours(ax))
    np.testing.assert_allclose(first, second)
    np.testing.assert_allclose(np.exp(first[[0, -1]]), [0.5, 16.5])


def test_what_is_far_above_chance_takes_no_levels_and_is_said(ax):
    plot_landscape(plane(net=lambda a, b: 0.5 * 10 ** (6 * abs(a))), ax)
    assert np.exp(contours(ax)[1].levels[-1]) == pytest.approx(25)
    (bar,) = ax.child_axes
    assert "25 and more alike" in bar.get_ylabel()


def test_what_is_not_finite_is_left_out_and_said(ax, shown):
    plot_landscape(plane(net=lambda a, b: np.inf if a > 0.7 else bowl(a, b)), ax)
    assert shown.legend(ax) == ["not finite"]


@pytest.mark.parametrize("loss", [np.nan, np.inf, 0.0])
def test_a_plane_without_any_finite_loss_is_drawn_all_the_same(loss):
    figure(plane(net=lambda a, b: loss))


def test_lines_are_overlaid_with_intervals_in_two_panels(shown):
    made = figure(line(one=lambda a: 1 + a * a, other=lambda a: 2 + a))
    losses, errors = made.axes
    assert shown.shared(made) == ["one", "other", "95 % over images"]
    curves = [curve for curve in losses.lines if len(curve.get_xdata()) == 9]
    np.testing.assert_allclose(curves[0].get_ydata(), 1 + ALONG**2)
    np.testing.assert_allclose(
        next(c for c in errors.lines if len(c.get_xdata()) == 9).get_ydata(), 50 + 30 * ALONG
    )
    assert losses.get_yscale() == "linear"
    assert len(losses.collections) == 2


def test_a_steep_line_is_logarithmic_and_what_is_not_finite_is_marked(ax, shown):
    plot_landscape_line(line(net=lambda a: 10 ** (3 * abs(a)) if a < 0.9 else np.inf), ax)
    assert ax.get_yscale() == "log"
    (marks,) = shown.marks(ax, "x")
    assert marks.get_xdata().tolist() == [1.0]
    assert "not finite" in shown.legend(ax)


def test_axes_for_one_panel_get_the_line_or_the_plane(ax):
    plot_landscape(line(net=lambda a: 1.0), ax)
    assert ax.get_ylabel().startswith("Loss")
    with pytest.raises(InputError, match="no line"):
        plot_landscape_line(plane(net=bowl), ax)
    with pytest.raises(InputError, match="here 2"):
        plot_landscape(plane(a=bowl, b=bowl), ax)


@pytest.mark.parametrize("width", [COLUMN, 7])
@pytest.mark.parametrize("networks", [1, 3, pytest.param(4, marks=pytest.mark.long)])
def test_every_figure_is_made_at_either_width(width, networks):
    names = [f"network-{number}" for number in range(networks)]
    figure(plane(**dict.fromkeys(names, bowl)), width=width)
    figure(line(**dict.fromkeys(names, lambda a: 1 + a)), width=width)
