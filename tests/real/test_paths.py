"""Gradient by path length of trained weights on real images."""

import json

import numpy as np
import pytest

from resprobe.probes import paths

pytestmark = pytest.mark.real


def test_the_whole_that_the_paths_add_up_to_is_the_reference_gradient(reference, subject):
    file = reference / "reference" / "gradient-paths.json"
    figures = json.loads(file.read_text())
    blocks = next(v for k, v in figures.items() if k.startswith("resnet20"))["blocks"]
    result = paths(*subject("resnet20", 200), at="block")
    (found,) = result.meta["networks"][0]["paths"]
    assert found["gradient"] == pytest.approx(blocks[0]["input"], rel=1e-3)
    assert result.frame["projection"].sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["resnet20", pytest.param("resnet32", marks=pytest.mark.long)])
def test_random_signs_and_single_paths_meet(reference, subject, name):
    chain, data = subject(name, 8)
    frame = paths(chain, data, method="all", draws=12, transitions="counted", seed=1).frame
    exact, rms, sampled = (frame[frame["method"] == m] for m in ("exact", "rms", "sampled"))
    # of the one path without a branch and of the one without a shortcut all say the same
    for end in (0, -1):
        assert sampled["norm"].iloc[end] == pytest.approx(exact["together"].iloc[end], rel=1e-4)
        assert sampled["rms"].iloc[end] == pytest.approx(rms["rms"].iloc[end], rel=1e-4)
    gap = (rms["rms"].to_numpy() - sampled["rms"].to_numpy())[1:-1]
    error = np.hypot(rms["rms_se"].to_numpy(), sampled["rms_se"].to_numpy())[1:-1]
    assert np.median(np.abs(gap) / error) < 2
    assert (rms["rms_se"].iloc[1:-1] < sampled["rms_se"].iloc[1:-1].to_numpy()).mean() > 0.8


@pytest.mark.long
def test_where_long_paths_fade_the_effective_ones_are_short(reference, subject):
    """In ResNet-32 a path of all branches carries 1 % of what the shortest do; not in ResNet-20."""
    ranges = {}
    for name in ("resnet20", "resnet32"):
        chain, data = subject(name, 16)
        result = paths(chain, data, method="rms", draws=4)
        rms = result.frame["rms"].to_numpy()
        ranges[name] = result.meta["networks"][0]["paths"][0]["effective"]
        assert (rms[-1] < 0.1 * rms[0]) == (name == "resnet32")
    assert ranges["resnet32"]["high"] / 15 < ranges["resnet20"]["high"] / 9
    assert (ranges["resnet32"]["low"], ranges["resnet32"]["high"]) == (3, 9)
