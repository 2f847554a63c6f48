from fractions import Fraction

import pytest
import torch
from torch import nn

from resprobe.networks import Architecture, SurvivalScaling
from resprobe.networks.stochastic import (
    StochasticDepth,
    has_random_layers,
    seeded_draws,
    survival_probabilities,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("blocks", [1, 2, 9, 54, 600])
def test_three_quarters_of_the_blocks_survive_on_average(blocks):
    """Huang et al. 2016, section 3: (3L - 1) / 4, which is 40.25 for the 54 blocks of 110."""
    expected = float(Fraction(3 * blocks - 1, 4))
    assert sum(survival_probabilities(blocks, 0.5)) == pytest.approx(expected, rel=1e-12)


def test_the_rule_falls_linearly_to_the_last_block():
    assert survival_probabilities(4, 0.2) == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert survival_probabilities(3, 1.0) == [1, 1, 1]


def test_each_block_of_a_network_has_the_probability_of_its_place():
    network = Architecture("resnet18", survival=0.5, width=2, survival_scaling="training").build()
    layers = [layer for layer in network.modules() if isinstance(layer, StochasticDepth)]
    assert [layer.survival for layer in layers] == survival_probabilities(8, 0.5)
    assert {layer.scaling for layer in layers} == {SurvivalScaling.TRAINING}


def test_the_draws_are_those_of_torchs_generator():
    layer = StochasticDepth(0.3, scaling=SurvivalScaling.TEST)
    with seeded_draws(0, device=CPU):
        expected = [torch.rand(()).item() < 0.3 for _ in range(2_000)]
    with seeded_draws(0, device=CPU):
        found = [layer.survives() for _ in range(2_000)]
    assert found == expected
    # five standard errors of a share of 0.3
    assert abs(sum(found) / 2_000 - 0.3) < 5 * (0.3 * 0.7 / 2_000) ** 0.5


def block_of(scaling, *, name="resnet8", survival=0.5):
    """Return the last block of a network, whose survival probability is ``survival``."""
    network = Architecture(name, width=4, survival=survival, survival_scaling=scaling).build()
    return network.layer3[-1]


def draw(block, x, *, survives):
    """Run a block in training until its branch survives, or does not."""
    for seed in range(100):
        with seeded_draws(seed, device=CPU):
            if (torch.rand(()).item() < block.stochastic_depth.survival) is not survives:
                continue
        with seeded_draws(seed, device=CPU):
            return block(x)
    raise AssertionError("a hundred equal draws")


def branch_of(block, x):
    hidden = torch.relu(block.bn1(block.conv1(x)))
    return block.bn2(block.conv2(hidden))


@pytest.mark.parametrize(("scaling", "factor"), [("test", 1.0), ("training", 2.0)])
def test_in_training_a_survivor_is_whole_or_divided_by_its_probability(scaling, factor):
    block, x = block_of(scaling).train(), torch.randn(4, 8, 8, 8)
    found = draw(block, x, survives=True)
    torch.testing.assert_close(
        found, torch.relu(factor * branch_of(block, x) + block.downsample(x)), rtol=0, atol=0
    )


@pytest.mark.parametrize(("scaling", "factor"), [("test", 0.5), ("training", 1.0)])
def test_at_test_time_the_branch_is_multiplied_by_its_probability_or_whole(scaling, factor):
    block, x = block_of(scaling).eval(), torch.randn(4, 8, 8, 8)
    assert torch.equal(block(x), torch.relu(factor * branch_of(block, x) + block.downsample(x)))


@pytest.mark.parametrize("scaling", ["test", "training"])
@pytest.mark.parametrize("name", ["resnet8", "preresnet8", "preresnet11"])
def test_a_branch_that_is_left_out_is_not_computed_at_all(name, scaling):
    block = block_of(scaling, name=name).train()
    calls = []
    for layer in block.children():
        layer.register_forward_hook(lambda layer, *_: calls.append(type(layer).__name__))
    x = torch.randn(2, block.conv1.in_channels, 8, 8)
    found = draw(block, x, survives=False)
    assert "Conv2d" not in calls
    if name == "resnet8":
        assert torch.equal(found, torch.relu(block.downsample(x)))
        assert calls[0] == "ZeroPad"
        assert block.bn1.num_batches_tracked == 0
    if name == "preresnet11":  # its projection needs the first norm
        assert calls == ["BatchNorm2d", "ReLU", "Sequential"]


def test_the_share_of_branches_that_are_computed_is_the_expected_one():
    network = Architecture("resnet20", width=1, survival=0.5).build().train()
    calls = []
    for name, layer in network.named_modules():
        if name.endswith("conv1") and name != "conv1":
            layer.register_forward_hook(lambda *_: calls.append(1))
    x, runs = torch.randn(2, 3, 8, 8), 200
    with seeded_draws(3, device=CPU), torch.no_grad():
        for _ in range(runs):
            network(x)
    probabilities = survival_probabilities(9, 0.5)
    deviation = sum(runs * p * (1 - p) for p in probabilities) ** 0.5
    assert abs(len(calls) - runs * sum(probabilities)) < 4 * deviation


def multiplications(network):
    graph = torch.fx.Tracer().trace(network.eval())
    return sum("mul" in str(node.target) for node in graph.nodes)


def test_test_time_has_one_multiplication_per_block_and_none_where_none_is_needed():
    assert multiplications(Architecture("resnet20", survival=0.5).build(device="meta")) == 9
    assert multiplications(Architecture("resnet20").build(device="meta")) == 0
    inverted = Architecture("resnet20", survival=0.5, survival_scaling="training")
    assert multiplications(inverted.build(device="meta")) == 0


@pytest.mark.parametrize(
    ("text", "random"),
    [
        ("resnet8", False),
        ("resnet8:survival=0.5", True),
        ("resnet8:shortcut=dropout", True),
        ("vgg15", False),
        ("vgg15:dropout=0.5", True),
    ],
)
def test_networks_that_draw_in_training_are_told_apart(text, random):
    assert has_random_layers(Architecture.parse(text).build(device="meta")) is random


def test_seeded_draws_leave_the_global_state_alone_even_after_an_error():
    def fail_after_a_draw():
        with seeded_draws(1, 2, device=CPU):
            nn.functional.dropout(torch.ones(9), 0.5)
            raise RuntimeError("on purpose")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="on purpose"):
        fail_after_a_draw()
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_draws_differ_in_every_part():
    def value(*parts):
        with seeded_draws(*parts, device=CPU):
            return torch.rand(()).item()

    parts = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0), (0,)]
    assert len({value(*each) for each in parts}) == len(parts)
    assert value(4, 5, 6) == value(4, 5, 6)
