"""Lesions by hand, drawn in the order in which they were tried."""

import lesion_frames
import numpy as np
import pytest
from lesion_frames import Net
from matplotlib.figure import Figure

from resprobe.errors import InputError
from resprobe.figures import plot_lesion
from resprobe.results import Result


def by_hand(count=3, *nets):
    made = lesion_frames.result("single", *(nets or (Net("net", count),)))
    return Result("lesion", made.frame.assign(study="by-hand"), {**made.meta, "study": "by-hand"})


def test_each_lesion_is_a_point_with_its_interval_and_its_name():
    result = by_hand(4)
    ax = plot_lesion(result, Figure().subplots())
    rows = result.frame[result.frame["k"] > 0]
    points = next(line for line in ax.lines if len(line.get_xdata()) == 4)
    assert points.get_ydata().tolist() == pytest.approx((100 * rows["error"]).tolist())
    assert [label.get_text() for label in ax.get_xticklabels()] == rows["lesion"].tolist()
    ends = np.array([bar[:, 1] for bar in ax.collections[0].get_segments()])
    assert ends[:, 1] == pytest.approx(100 - 100 * rows["accuracy_low"].to_numpy())


def test_very_many_are_numbered_and_several_networks_are_refused():
    ax = plot_lesion(by_hand(60), Figure().subplots())
    assert ax.get_xlabel() == "Lesion, in the order tried"
    with pytest.raises(InputError, match="one network at a time; got 2"):
        plot_lesion(by_hand(3, Net("a", 3), Net("b", 3)), Figure().subplots())
