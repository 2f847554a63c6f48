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


def test_convolutions_and_linear_layers_are_told_by_name_and_dimensions(fake, ax, shown):
    result = fake.weights(foreign=1)
    names = ["cls_token", "pos_embed", "patch.proj.weight", "norm.weight", "attn.qkv.weight"]
    names += ["attn.qkv.bias", "attn.in_proj_weight", "head.weight", "head.bias"]
    result.frame["parameter"] = names
    result.frame["dimensions"] = [3, 3, 4, 1, 2, 1, 2, 2, 1]
    plot_weight_gradients(result, ax)
    np.testing.assert_allclose(shown.line(ax, "foreign").get_ydata(), [1e-2, 1e-4, 1e-6, 1e-7])
    assert ax.get_xlabel() == "Weighted layer (0 is nearest the input)"


def test_projections_and_gates_are_left_out_of_the_line_and_the_axis_says_so(fake, ax, shown):
    result = fake.weights(resnet8=1)
    names = ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.downsample.0.weight"]
    names += ["layer1.0.gate.weight", "downsample.1.weight", "stages.1.downsample.1.weight"]
    result.frame["parameter"] = [*names, "fc.weight", "fc.bias", "bn.weight"]
    result.frame["dimensions"] = [4, 4, 4, 4, 4, 4, 2, 1, 1]
    result.frame["block"] = [-1, 0, 0, 0, -1, -1, 1, 1, 1]
    plot_weight_gradients(result, ax)
    drawn = shown.line(ax, "resnet8").get_ydata()
    np.testing.assert_allclose(drawn, [1, 0.1, 1e-4, 1e-5, 1e-6])
    left_out = "without projections and gates"
    assert ax.get_xlabel() == f"Weighted layer (0 is nearest the input; {left_out})"


def test_networks_of_different_depth_share_a_relative_axis(fake, ax, shown):
    plot_weight_gradients(fake.weights(plain8=1, resnet20=4), ax)
    assert shown.line(ax, "plain8").get_xdata().tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(shown.line(ax, "resnet20").get_xdata(), np.arange(9) / 8)
    assert ax.get_xlabel() == "Position of the weighted layer (0 first, 1 last)"


def test_a_network_without_convolutions_is_refused(fake, ax):
    result = fake.weights(mixer=1)
    frame = result.frame[result.frame["parameter"].str.startswith("fc")]
    with pytest.raises(InputError, match=r"no parameter .* is the weight of a layer"):
        plot_weight_gradients(Result("gradflow-weights", frame, {}), ax)
