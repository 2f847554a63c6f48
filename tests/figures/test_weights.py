from __future__ import annotations

import numpy as np
import pytest

from resprobe.errors import InputError
from resprobe.figures import plot_weight_gradients
from resprobe.results import Result


def test_only_the_weights_of_convolutions_are_drawn_in_the_order_of_the_layers(fake, ax, shown):
    result = fake.weights(resnet8=1)
    plot_weight_gradients(result, ax)
    line = shown.line(ax, "resnet8")
    assert line.get_xdata().tolist() == [0, 1, 2]
    np.testing.assert_allclose(line.get_ydata(), [1, 1e-3, 1e-4])
    assert ax.get_yscale() == "log"


def test_the_number_of_dimensions_tells_convolutions_where_the_frame_has_it(fake, ax, shown):
    result = fake.weights(foreign=1)
    result.frame["parameter"] = [f"features.{i}.weight" for i in range(len(result.frame))]
    result.frame["dimensions"] = [4, 1, 1, 4, 4, 1, 1, 2, 1]
    plot_weight_gradients(result, ax)
    np.testing.assert_allclose(shown.line(ax, "foreign").get_ydata(), [1, 1e-3, 1e-4])


def test_networks_of_different_depth_share_a_relative_axis(fake, ax, shown):
    plot_weight_gradients(fake.weights(plain8=1, resnet20=4), ax)
    assert shown.line(ax, "plain8").get_xdata().tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(shown.line(ax, "resnet20").get_xdata(), np.arange(9) / 8)
    assert ax.get_xlabel() == "Position of the convolution (0 first, 1 last)"


def test_a_network_without_convolutions_is_refused(fake, ax):
    result = fake.weights(mixer=1)
    frame = result.frame[result.frame["parameter"].str.startswith("fc")]
    with pytest.raises(InputError, match=r"no parameter .* is a convolution's weight"):
        plot_weight_gradients(Result("gradflow-weights", frame, {}), ax)
