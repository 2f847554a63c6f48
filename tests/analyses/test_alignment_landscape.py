"""The scripts on residual alignment and on the loss around networks, tiny."""

import contextlib
import io
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from analyses.conftest import ANALYSES

from resprobe.errors import UsageError
from resprobe.results import Result


@pytest.fixture
def run(module, tmp_path, monkeypatch):
    """Return the function that runs a theme's script in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def main(name, *arguments):
        threads = torch.get_num_threads()
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            module(name).THEME.main([*map(str, arguments)])
        torch.set_num_threads(threads)
        return tmp_path / f"{name}-smoke"

    return main


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("alignment", ("values", "matrices", "stream")),
        ("landscape", ("line", "plane")),
    ],
)
@pytest.mark.long
def test_a_tiny_run_leaves_tables_figures_and_claims_and_is_redrawn_the_same(run, name, figures):
    out = run(name, "--smoke")
    claims = Result.load(out / "claims.csv").frame
    assert len(claims) >= 6
    assert (claims["n"] == 2).all()
    assert claims["claim"].iloc[0] in (out / "README.md").read_text()
    before = (out / "claims.csv").read_bytes()
    for figure in figures:
        (out / f"{figure}.png").unlink()
    shutil.rmtree(out / "parts")
    run(name, "--smoke", "--redraw")
    assert (out / "claims.csv").read_bytes() == before
    for figure in figures:
        assert (out / f"{figure}.png").stat().st_size > 10_000


def test_four_networks_are_wanted_for_the_landscape(run):
    with pytest.raises(UsageError, match="four networks are wanted"):
        run("landscape", "--ckpt", "a.pt", "--ckpt", "b.pt")


def test_a_valley_is_the_run_of_places_around_the_network(module):
    low = module("landscape")._run
    assert low(np.array([True, False, True, True, True, False, True])) == 3
    assert low(np.array([False, False, False])) == 0
    assert low(np.array([True, True, True])) == 3


def toy_runs(sigma):
    """Three depths and two seeds; what falls, rises and is missing is known."""
    rows = [
        {"network": "x", "family": "fully connected", "depth": depth, "residual": residual,
         "seed": seed, "trained": trained, "blocks": depth, "n": 8, "train_error": 0.0,
         "sigma_1": sigma / depth, "beyond_classes": 0.1 if trained else 0.6 + 0.01 * seed,
         "within_classes": 1.0, "chance_cosine": depth**-0.5, "variation": 0.1 if trained else 0.5,
         "straightness": 1.0, "first_axis": 0.9 if residual else 0.3, "cosine": 0.95,
         "alignment": 0.5 + 0.01 * seed if residual else 0.02, "diagonal": 0.5, "captured": 1.0,
         "chance": 0.01}
        for depth in (4, 8, 16)
        for residual in (True, False)
        for seed in (0, 1)
        for trained in (True, False)
    ]  # fmt: skip
    return Result("alignment-runs", pd.DataFrame(rows))


def test_networks_that_have_all_the_properties_reproduce_every_claim(module):
    found = list(module("alignment_claims").claims({"runs": toy_runs(2.0)}))
    assert {claim.verdict.value for claim in found} == {"reproduced"}
    (slope,) = [claim for claim in found if "exponent" in claim.claim]
    assert slope.measured == pytest.approx(-1)


@pytest.mark.parametrize("name", ["alignment", "landscape"])
def test_the_published_claims_follow_from_the_published_tables(module, name):
    folder = ANALYSES / name
    theme = module(name).THEME
    results = {kind: Result.load(folder / f"{kind}.csv") for kind in theme.kinds}
    found = module("claims").tabulated(theme.claims(results), {}).frame
    pd.testing.assert_frame_equal(
        found, Result.load(folder / "claims.csv").frame, check_dtype=False
    )
