import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from analyses.conftest import ANALYSES, commands

from resprobe.results import Result

KINDS = ("depth", "growth", "shattering", "grid", "direct", "identities", "training")


@pytest.fixture(scope="session")
def smoke(module, tmp_path_factory):
    """The folder that the smoke command of the page leaves."""
    (words,) = [w for w in commands() if "--smoke" in w and "initialisation" in w[1]]
    folder, threads = tmp_path_factory.mktemp("initialisation"), torch.get_num_threads()
    module("initialisation").THEME.main([*words[2:], "--out", str(folder)])
    torch.set_num_threads(threads)
    return folder


def test_every_kind_is_a_table_and_every_claim_has_a_verdict(smoke):
    for kind in KINDS:
        assert len(Result.load(smoke / f"{kind}.csv").frame)
    table = Result.load(smoke / "claims.csv").frame
    assert len(table) > 20
    assert set(table["verdict"]) <= {"reproduced", "same direction", "not reproduced"}
    page = (smoke / "README.md").read_text()
    part = page.partition("<!-- initialisation:begin -->")[2].partition("<!-- initialisation:end")[
        0
    ]
    assert len(
        re.findall(r"\*\*(?:reproduced|same direction|not reproduced)\*\* \|$", part, re.M)
    ) == (len(table))
    for name in ("depth", "shattering", "training"):
        assert (smoke / f"{name}.png").stat().st_size > 10_000


def test_what_must_be_exact_is_exact_in_a_tiny_run_too(smoke):
    table = Result.load(smoke / "claims.csv").frame.set_index("claim")
    exact = table[table.index.str.contains("begin as their shortcuts")]
    assert (exact["measured"] == 0).all()
    gaps = table[table.index.str.contains("sum of F")]["measured"]
    assert gaps.iloc[0] < 1e-13 < 0.01 < gaps.iloc[1]
    assert table.loc[
        "shortcuts times 0.5: gradient that is left on them after 3 units", "measured"
    ] == pytest.approx(1 / 8, rel=1e-6)


@pytest.mark.long
def test_redrawing_changes_nothing(smoke, module, tmp_path):
    again = shutil.copytree(smoke, tmp_path / "again", ignore=shutil.ignore_patterns("parts"))
    (again / "claims.csv").unlink()
    module("initialisation").THEME.main(["--smoke", "--redraw", "--out", str(again)])
    for name in ("claims.csv", "README.md", "shattering.png"):
        assert (again / name).read_bytes() == (smoke / name).read_bytes(), name


def test_networks_are_drawn_from_their_seed_with_the_variance_of_he(module):
    found = module("fully_connected")
    one, other, again = (
        found.FullyConnected(200, 2, seed=seed, design=found.Design()).state_dict()
        for seed in (0, 1, 0)
    )
    weight = one["blocks.0.linear.weight"]
    assert torch.equal(weight, again["blocks.0.linear.weight"])
    assert not torch.equal(weight, other["blocks.0.linear.weight"])
    assert float(weight.var()) == pytest.approx(2 / 200, rel=0.03)


def test_noise_is_of_variance_one_and_the_grid_goes_from_minus_two_to_two(module):
    found = module("fully_connected")
    ((x, _),) = found.noise(100, 200)
    assert float(x.var()) == pytest.approx(1, rel=0.02)
    assert abs(float(x.mean())) < 0.02
    ((x, _),) = found.grid()
    assert x.flatten().tolist() == pytest.approx(np.linspace(-2, 2, 256).tolist(), abs=1e-6)


@pytest.mark.parametrize("fields", [{"multiplier": 0.0, "norm": False}, {"fixup": True}])
def test_networks_that_begin_as_identities_are_ones(module, fields):
    found = module("fully_connected")
    network = found.FullyConnected(16, 3, seed=0, design=found.Design(**fields))
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.blocks(x), x)


def test_the_best_rate_is_that_of_the_lowest_loss_at_the_end(module):
    rows = [
        {"network": name, "rate": rate, "draw": draw, "step": step, "loss": loss}
        for name, rate, losses in (
            ("a", 0.1, (9.0, math.inf)), ("a", 0.01, (2.0, 1.0)), ("b", 0.1, (2.0, 0.5)),
            ("b", 0.01, (1.0, 0.9)),
        )
        for draw in (0, 1)
        for step, loss in zip((5, 10), losses, strict=True)
    ]  # fmt: skip
    best = module("initialisation_figures").best(pd.DataFrame(rows))
    assert best.groupby("network")["rate"].unique().map(list).to_dict() == {
        "a": [0.01], "b": [0.1],
    }  # fmt: skip


@pytest.mark.parametrize("folder", [path.parent for path in ANALYSES.glob("*/depth.csv")], ids=str)
def test_the_published_claims_are_what_the_results_say(module, folder):
    results = {kind: Result.load(folder / f"{kind}.csv") for kind in KINDS}
    tabulated = module("claims").tabulated(module("initialisation_claims").claims(results), {})
    kept = Result.load(folder / "claims.csv").frame
    pd.testing.assert_frame_equal(tabulated.frame, kept, check_dtype=False)
