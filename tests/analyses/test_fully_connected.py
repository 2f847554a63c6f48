"""The networks of theory, and what is computed of their draws."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from resprobe.statistics import spread


@pytest.fixture(scope="module")
def networks(module):
    return module("kit.fully_connected")


@pytest.fixture(scope="module")
def draws(module):
    return module("kit.draws")


def test_networks_are_drawn_from_their_seed_with_the_variance_of_he(networks):
    one, other, again = (
        networks.FullyConnected(200, 2, seed=seed, design=networks.Design()).state_dict()
        for seed in (0, 1, 0)
    )
    weight = one["blocks.0.linear.weight"]
    assert torch.equal(weight, again["blocks.0.linear.weight"])
    assert not torch.equal(weight, other["blocks.0.linear.weight"])
    assert float(weight.var()) == pytest.approx(2 / 200, rel=0.03)


def test_noise_is_of_variance_one_and_the_grid_goes_from_minus_two_to_two(networks):
    ((x, _),) = networks.noise(100, 200)
    assert float(x.var()) == pytest.approx(1, rel=0.02)
    assert abs(float(x.mean())) < 0.02
    ((x, _),) = networks.grid()
    assert x.flatten().tolist() == pytest.approx(np.linspace(-2, 2, 256).tolist(), abs=1e-6)


@pytest.mark.parametrize("fields", [{"multiplier": 0.0, "norm": False}, {"fixup": True}])
def test_networks_that_begin_as_identities_are_ones(networks, fields):
    network = networks.FullyConnected(16, 3, seed=0, design=networks.Design(**fields))
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.blocks(x), x)


def test_factors_of_shortcut_and_branch_are_applied(networks):
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    usual, scaled = (
        networks.FullyConnected(16, 1, seed=0, design=design).blocks(x)
        for design in (networks.Design(norm=False),
                       networks.Design(norm=False, shortcut=0.5, scale=2.0))
    )  # fmt: skip
    assert torch.allclose(scaled, 0.5 * x + 2 * (usual - x), atol=1e-6)


def test_draws_are_summed_up_by_mean_and_t_interval(draws):
    found, wanted = draws.of_draws([1.0, 2.0, 6.0]), spread([1.0, 2.0, 6.0])
    assert (found["measured"], found["low"], found["high"]) == (wanted.mean, wanted.low,
                                                                wanted.high)  # fmt: skip
    assert (found["n"], found["of"]) == (3, "draws")
    assert draws.near_draws(found, wanted.high) == "reproduced"
    assert draws.near_draws(found, wanted.high + 1, away_from=0) == "same direction"


def test_draws_that_are_not_finite_have_no_interval(draws):
    frame = pd.DataFrame({"step": [1, 1, 2, 2], "loss": [1.0, 3.0, 2.0, math.inf]})
    one, two = draws.over_draws(frame, ["step"], "loss").itertuples()
    assert (one.mean, one.n) == (2.0, 2)
    assert one.low < 2 < one.high
    assert two.mean == math.inf
    assert math.isnan(two.low)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_autocorrelation_is_the_textbooks_sum(module, lag):
    values = np.random.default_rng(0).normal(size=20)
    centred = values - values.mean()
    wanted = sum(centred[i] * centred[i + lag] for i in range(20 - lag)) / sum(centred**2)
    found = module("shattering").with_lag(torch.from_numpy(values), lag)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_slopes_are_those_of_finite_differences_with_batch_norm_held(module, networks):
    shattering, data = module("shattering"), networks.grid()
    network = networks.FullyConnected(8, 2, seed=0, design=networks.Design(), inputs=1, outputs=1)
    found = shattering.slopes_of(network, data)
    ((x, _),) = data
    x, step = x.double(), 1e-7
    with torch.no_grad():
        held = network.double().eval()
        wanted = ((held(x + step) - held(x - step)) / (2 * step)).flatten()
    # at a kink the two differ
    assert ((found - wanted).abs() < 1e-3 * wanted.abs().max()).float().mean() > 0.95
