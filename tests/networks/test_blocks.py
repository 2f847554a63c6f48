"""Each block against its equation, written out with functional calls, in float64."""

import pytest
import torch
import torch.nn.functional as F

from resprobe.networks import Architecture, BlockKind, Layout, Order, Shortcut
from resprobe.networks.blocks import BlockDesign, PlainBlock, ResidualBlock
from resprobe.networks.orders import run

relu = F.relu


def x_of(channels, size=6, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, size, size, generator=generator, dtype=torch.float64)


class Calls:
    """The layers of a block as functions of their number, with the block's own values."""

    def __init__(self, block, *, stride, strided=1):
        self.block, self.stride, self.strided = block, stride, strided

    def conv(self, number, x):
        weight = self.block.get_parameter(f"conv{number}.weight")
        stride = self.stride if number == self.strided else 1
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def bn(self, number, x):
        return self.norm(self.block.get_submodule(f"bn{number}"), x)

    def norm(self, bn, x):
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias)

    def project(self, x, *, norm):
        out = F.conv2d(x, self.block.downsample[0].weight, stride=self.stride)
        assert len(self.block.downsample) == (2 if norm else 1)
        return self.norm(self.block.downsample[1], out) if norm else out


def original(at, x, shortcut):
    branch = at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, x)))))
    return relu(branch + shortcut(x, norm=True))


def bn_after(at, x, shortcut):
    branch = at.conv(2, relu(at.bn(1, at.conv(1, x))))
    return relu(at.bn(2, branch + shortcut(x, norm=False)))


def relu_before(at, x, shortcut):
    branch = relu(at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, x))))))
    return branch + shortcut(x, norm=True)


def relu_only_pre(at, x, shortcut):
    branch = at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, relu(x))))))
    return branch + shortcut(x, relu(x), norm=True)


def full_pre(at, x, shortcut):
    activated = relu(at.bn(1, x))
    branch = at.conv(2, relu(at.bn(2, at.conv(1, activated))))
    return branch + shortcut(x, activated, norm=False)


EQUATIONS = {
    Order.ORIGINAL: original,
    Order.BN_AFTER: bn_after,
    Order.RELU_BEFORE: relu_before,
    Order.RELU_ONLY_PRE: relu_only_pre,
    Order.FULL_PRE: full_pre,
}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("order", list(Order))
def test_an_order_is_its_equation_around_the_identity_and_zero_padding(order, stride, lively):
    design = BlockDesign(order=order, shortcut=Shortcut.A)
    block = lively(ResidualBlock(4, 4 * stride, stride=stride, design=design))

    def option_a(x, _activated=None, *, norm):
        return x if stride == 1 else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))

    x = x_of(4)
    assert torch.equal(block(x), EQUATIONS[order](Calls(block, stride=stride), x, option_a))


@pytest.mark.parametrize("order", list(Order))
def test_an_order_is_its_equation_around_a_projection_of_the_activated_input(order, lively):
    design = BlockDesign(order=order, shortcut=Shortcut.B)
    block = lively(ResidualBlock(4, 8, stride=2, design=design))
    at, x = Calls(block, stride=2), x_of(4)

    def option_b(x, activated=None, *, norm):
        return at.project(x if activated is None else activated, norm=norm)

    assert torch.equal(block(x), EQUATIONS[order](at, x, option_b))


@pytest.mark.parametrize(("layout", "strided"), [(Layout.PAPER, 1), (Layout.V1_5, 2)])
def test_a_bottleneck_has_three_convolutions_and_its_stride_where_the_layout_says(
    layout, strided, lively
):
    design = BlockDesign(block=BlockKind.BOTTLENECK, shortcut=Shortcut.B, layout=layout)
    block = lively(ResidualBlock(8, 4, stride=2, design=design))
    at, x = Calls(block, stride=2, strided=strided), x_of(8)
    hidden = relu(at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, x))))))
    expected = relu(at.bn(3, at.conv(3, hidden)) + at.project(x, norm=True))
    assert torch.equal(block(x), expected)
    assert expected.shape == (2, 16, 3, 3)


def test_a_pre_activation_bottleneck_shares_its_first_activation_with_the_projection(lively):
    design = BlockDesign(
        block=BlockKind.BOTTLENECK, shortcut=Shortcut.B, order=Order.FULL_PRE, layout=Layout.V1_5
    )
    block = lively(ResidualBlock(8, 4, stride=2, design=design))
    at, x = Calls(block, stride=2, strided=2), x_of(8)
    activated = relu(at.bn(1, x))
    hidden = at.conv(2, relu(at.bn(2, at.conv(1, activated))))
    expected = at.conv(3, relu(at.bn(3, hidden))) + at.project(activated, norm=False)
    assert torch.equal(block(x), expected)


def test_option_b_projects_where_shapes_change_and_option_c_everywhere():
    for shortcut, same, wider in [("A", 0, 0), ("B", 0, 1), ("C", 1, 1)]:
        design = BlockDesign(shortcut=Shortcut(shortcut))
        for width, projections in ((4, same), (8, wider)):
            block = ResidualBlock(4, width, stride=width // 4, design=design)
            names = [name for name, _ in block.named_parameters() if "downsample" in name]
            assert len(names) == 3 * projections


@pytest.mark.parametrize("order", list(Order))
def test_a_plain_block_is_the_block_without_its_sum(order, lively):
    block = lively(PlainBlock(4, 8, stride=2, design=BlockDesign(order=order)))
    at = Calls(block, stride=2)
    x = x_of(4)
    expected = EQUATIONS[order](at, x, lambda *_, norm: 0)
    assert torch.equal(block(x), expected)


def without_shortcut(block, x):
    """Return F(x) of a block of the original order."""
    at = Calls(block, stride=1)
    return at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, x)))))


def ablation(shortcut, lively, *, width=4, **numbers):
    design = BlockDesign(shortcut=Shortcut(shortcut), **numbers)
    return lively(ResidualBlock(4, width, stride=width // 4, design=design))


@pytest.mark.parametrize("scales", [(0.5, 1.0), (0.5, 0.5), (0.0, 1.0)])
def test_constant_scaling_multiplies_the_shortcut_and_the_branch(scales, lively):
    block = ablation("scaled", lively, scale=scales[0], branch_scale=scales[1])
    x = x_of(4)
    expected = relu(scales[1] * without_shortcut(block, x) + scales[0] * x)
    assert torch.equal(block(x), expected)


def test_a_scaled_transition_scales_the_padded_input(lively):
    block = ablation("scaled", lively, width=8, scale=0.25)
    x = x_of(4)
    padded = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
    assert torch.equal(block.downsample(x), padded / 4)


@pytest.mark.parametrize("shortcut", ["exclusive-gate", "shortcut-gate"])
def test_a_gate_weighs_the_shortcut_and_only_an_exclusive_one_the_branch(shortcut, lively):
    block = ablation(shortcut, lively)
    x = x_of(4)
    g = torch.sigmoid(F.conv2d(x, block.gate.conv.weight, block.gate.conv.bias))
    branch = without_shortcut(block, x)
    expected = (1 - g) * x + (g * branch if shortcut == "exclusive-gate" else branch)
    assert torch.equal(block(x), relu(expected))
    assert g.std() > 0.1  # a gate that is not the same everywhere


def test_a_gate_follows_a_transition(lively):
    block = ablation("exclusive-gate", lively, width=8)
    x = x_of(4)
    g = torch.sigmoid(F.conv2d(x, block.gate.conv.weight, block.gate.conv.bias, stride=2))
    padded = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
    at = Calls(block, stride=2)
    branch = at.bn(2, at.conv(2, relu(at.bn(1, at.conv(1, x)))))
    assert torch.equal(block(x), relu(g * branch + (1 - g) * padded))


def test_dropout_acts_on_the_shortcut_alone_and_in_training_alone(lively):
    block = ablation("dropout", lively, dropout=0.5)
    x = x_of(4)
    assert torch.equal(block(x), relu(without_shortcut(block, x) + x))
    block.downsample.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dropped = F.dropout(x, 0.5)
        torch.manual_seed(0)
        found = block(x)
    assert set((dropped / x).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(found, relu(without_shortcut(block, x) + dropped))


@pytest.mark.parametrize("text", ["preresnet8", "resnet8:order=relu-only-pre"])
def test_the_first_block_of_a_pre_activation_network_activates_before_its_paths_part(text):
    network = Architecture.parse(text, width=4).build(seed=2).eval().double()
    block, second = network.layer1[0], network.layer2[0]
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    activated = torch.relu(block.bn1(x) if text.startswith("pre") else x)
    torch.testing.assert_close(
        block(x), activated + run(block, block.layers.branch, x), rtol=0, atol=1e-12
    )
    assert second.shared == ()  # a transition of option A carries its raw input


def test_the_first_block_of_an_original_network_is_like_the_others():
    for text in ("resnet20", "resnet20:init=fixup"):
        first, second = Architecture.parse(text).build(device="meta").layer1[:2]
        assert first.shared == second.shared == ()
