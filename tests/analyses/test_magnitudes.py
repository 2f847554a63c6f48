"""The theme of magnitudes: what is judged follows from the tables; all runs in seconds."""

import json

import numpy as np
import pandas as pd
import pytest
from analyses.conftest import commands

from resprobe.results import Result
from resprobe.statistics import spread


@pytest.fixture(scope="module")
def judged(module):
    for name in ("claims", "page", "subjects", "script"):
        module(name)
    return module("magnitude_claims")


def layers(**networks):
    rows = []
    for name, responses in networks.items():
        for layer, response in enumerate(responses):
            row = {"network": name, "layer": layer, "block": layer // 2, "place": "branch"}
            row |= {"norm": "batch", "rank": 1.0, "response_std": response}
            rows.append(row | {"from_batch_norm": response})
    entries = [{"network": name, "plain": name.startswith("plain")} for name in networks]
    meta = {"networks": entries, "data": {"data_set": "tiny", "split": "test", "n": 10}}
    return Result("magnitude-responses", pd.DataFrame(rows), meta)


def test_plain_and_residual_networks_are_paired_by_depth_and_seeds_are_averaged(judged):
    result = layers(
        plain_a=[1.0, 2.0, 3.0],
        plain_b=[3.0, 2.0, 3.0],
        resnet=[1.0, 1.0, 1.3],
        deep=[0.5, 0.5, 0.6, 0.5, 0.4],
    )
    found = list(judged._responses(result.frame, judged._networks(result)))
    paired, deeper = found
    wanted = spread([1 - 2, 1 - 2, 1.3 - 3])
    assert (paired.measured, paired.low, paired.high) == pytest.approx(
        (wanted.mean, wanted.low, wanted.high)
    )
    assert paired.n == 3
    assert (paired.verdict, deeper.verdict) == ("reproduced", "reproduced")
    assert deeper.measured == pytest.approx(-0.6)
    assert "6 less 4 layers" in deeper.claim


def test_welch_is_that_of_the_textbook(judged):
    from scipy.stats import ttest_ind

    one, other = np.array([1.0, 2.5, 3.0, 4.0]), np.array([2.0, 4.0, 9.0])
    wanted = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    _, low, high = judged.welch(one, other)
    assert (low, high) == pytest.approx((wanted.low, wanted.high))


def test_the_slope_within_groups_is_that_of_a_regression_with_a_height_for_each(judged):
    generator = np.random.default_rng(0)
    groups, x = np.repeat([1, 2, 3], 5), np.arange(15)
    y = 0.3 * x + 5 * groups + generator.normal(size=15)
    design = np.column_stack([x, *(groups == g for g in (1, 2, 3))]).astype(float)
    wanted, (left,), *_ = np.linalg.lstsq(design, y)
    slope, low, high = judged.slope_within(groups, x, y)
    assert slope == pytest.approx(wanted[0])
    error = np.sqrt(left / 11 * np.linalg.inv(design.T @ design)[0, 0])
    assert (high - low) / 2 == pytest.approx(2.2009851600916384 * error)


@pytest.mark.parametrize(("gap", "verdict"), [(1e-4, "reproduced"), (-0.01, "not reproduced")])
def test_a_layer_that_its_norm_does_not_speak_for_is_found(judged, gap, verdict):
    result = layers(resnet=[1.0, 1.0, 1.0 + gap])
    frame = result.frame.assign(from_batch_norm=1.0)
    (claim,) = judged._identity(frame, judged._networks(result))
    assert claim.measured == pytest.approx(1 + gap)
    assert claim.verdict == verdict


def test_the_product_of_the_factors_leaves_transitions_out(judged):
    gain = [0.5**3 * 0.4, 0.5**2 * 0.4, 0.5 * 0.4, 0.5]
    frame = pd.DataFrame({"network": "net:scale=0.5", "block": range(4), "n": 8,
                          "identity_gain": gain,
                          "kind": ["identity", "identity", "transition", "identity"]})  # fmt: skip
    through, whole = judged._scaled(Result("gradflow", frame, {}))
    assert through.measured == pytest.approx(0.125)
    assert through.verdict == "reproduced"
    assert whole.measured == pytest.approx(0.05)
    assert whole.verdict == "same direction"


@pytest.mark.long
def test_the_tiny_run_writes_tables_figures_and_claims(script, tmp_path):
    (words,) = [w for w in commands() if "--smoke" in w and "magnitudes" in w[1]]
    done = script(words, tmp_path)
    assert done.code == 0, done.err
    out = tmp_path / "magnitudes-smoke"
    claims = Result.load(out / "claims.csv").frame
    assert {"He et al. 2015, Fig. 7", "He et al. 2016, eq. 8"} <= set(claims["source"])
    assert (out / "responses.png").stat().st_size > 10_000
    assert json.loads((out / "initial.json").read_text())["name"] == "gradflow"
    again = script([*words, "--redraw"], tmp_path)
    assert again.returncode == 0, again.stderr
    assert Result.load(out / "claims.csv").frame.equals(claims)
