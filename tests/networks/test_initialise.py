import pytest
import torch
from torch import nn

from resprobe.networks import Architecture
from resprobe.networks.blocks import ResidualBlock
from resprobe.networks.initialise import initialise

ZERO_BRANCHES = [
    "resnet20:init=zero-bn",
    "resnet20:init=zero-bn:shortcut=B",
    "resnet29:init=zero-bn",
    "resnet18:init=zero-bn",
    "resnet20:init=zero-bn:order=relu-only-pre",
    "resnet20:init=skipinit",
    "resnet29:init=skipinit",
    "preresnet20:init=skipinit",
    "preresnet29:init=skipinit",
    "resnet20:init=skipinit:order=relu-before",
    "resnet20:init=fixup",
    "resnet20:init=fixup:shortcut=C",
    "resnet29:init=fixup",
    "resnet20:init=zero-bn:shortcut=scaled:scale=0.5",
    "resnet20:init=fixup:shortcut=shortcut-gate",
]


def built(text, **sizes):
    return Architecture.parse(text, **{"width": 4, **sizes}).build(seed=2)


def blocks_of(network):
    return [block for block in network.modules() if isinstance(block, ResidualBlock)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("text", ZERO_BRANCHES)
def test_every_block_begins_as_its_shortcut(text, training):
    network = built(text).train(training)
    assert len(blocks_of(network)) >= 8
    for block in blocks_of(network):
        x = torch.randn(2, block.conv1.in_channels, 8, 8)
        start = x
        for name in block.shared:
            start = block.get_submodule(name)(start)
        expected = block.downsample(start)
        if block.gate is not None:
            expected = (1 - block.gate(x)) * expected
        if block.layers.after:
            expected = torch.relu(expected)
        assert torch.equal(block(x), expected)
        assert expected.abs().max() > 0


@pytest.mark.parametrize("text", ["resnet20", "preresnet20", "resnet20:order=relu-only-pre"])
def test_a_block_of_he_initialisation_is_more_than_its_shortcut(text):
    block = blocks_of(built(text).eval())[0]
    x = torch.rand(2, 4, 8, 8)
    assert (block(x) - x).abs().max() > 0.1


@pytest.mark.parametrize("text", ZERO_BRANCHES)
def test_what_began_at_zero_learns_in_the_first_step(text):
    """The reason why a BN scale of 0 before a ReLU is refused: nothing would pass it."""
    network = built(text)
    with torch.no_grad():  # Fixup's classifier is 0 as well, and lets no gradient back at first
        network.fc.weight.copy_(torch.randn(network.fc.weight.shape) / 4)
    network(torch.randn(8, 3, 32, 32)).logsumexp(1).sum().backward()
    for block in blocks_of(network):
        values = [v for name, v in block.named_parameters() if "downsample" not in name]
        assert max(value.grad.abs().max() for value in values) > 0


@pytest.mark.parametrize("text", ["resnet20:init=skipinit", "preresnet29:init=skipinit"])
def test_skipinit_has_one_multiplier_per_block_in_place_of_normalisation(text):
    network = built(text)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    kept = [value for name, value in network.named_parameters() if name.endswith("scale")]
    assert [value.tolist() for value in kept] == [[0.0]] * 9


@pytest.mark.parametrize(("text", "layers"), [("resnet110", 2), ("resnet164", 3), ("resnet34", 2)])
def test_fixup_scales_branches_by_a_negative_power_of_their_number(text, layers):
    """Zhang et al. 2019: L^(-1 / (2m - 2)), against He's standard deviation."""
    network = built(f"{text}:init=fixup", width=16)
    blocks = blocks_of(network)
    factor = len(blocks) ** (-1 / (2 * layers - 2))
    assert factor < 0.6
    for block in blocks[-3:]:
        for i in range(1, layers):
            weight = block.get_parameter(f"conv{i}.weight")
            expected = factor * (2 / weight[0].numel()) ** 0.5
            # five standard errors of a standard deviation of n normal draws
            assert abs(weight.std() / expected - 1) < 5 / (2 * weight.numel()) ** 0.5
        assert not block.get_parameter(f"conv{layers}.weight").any()
    assert not network.fc.weight.any()
    assert abs(network.conv1.weight.std() / (2 / network.conv1.weight[0].numel()) ** 0.5 - 1) < 0.2


@pytest.mark.parametrize(("text", "biases"), [("resnet20", 4), ("resnet29", 6)])
def test_fixup_has_a_bias_before_each_convolution_and_relu_and_one_multiplier(text, biases):
    network = built(f"{text}:init=fixup")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    for block in blocks_of(network):
        scalars = {n: v.tolist() for n, v in block.named_parameters() if v.numel() == 1}
        assert len([name for name in scalars if "bias" in name]) == biases
        assert scalars.pop("scale.scale") == [1.0]
        assert set(map(tuple, scalars.values())) == {(0.0,)}
    assert network.bias1.bias.item() == network.bias2.bias.item() == 0


def test_fixup_adds_its_biases_and_multiplies_where_the_authors_do():
    block = blocks_of(built("resnet20:init=fixup:shortcut=B"))[3].double().eval()
    with torch.no_grad():
        for value in block.parameters():
            value.copy_(torch.randn(value.shape))
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    conv = nn.functional.conv2d
    start = x + block.bias1a.bias
    hidden = torch.relu(conv(start, block.conv1.weight, stride=2, padding=1) + block.bias1b.bias)
    hidden = conv(hidden + block.bias2a.bias, block.conv2.weight, padding=1)
    branch = hidden * block.scale.scale + block.bias2b.bias
    shortcut = conv(start, block.downsample[0].weight, stride=2)
    assert torch.equal(block(x), torch.relu(branch + shortcut))


def test_gates_begin_at_their_bias_and_scaled_shortcuts_at_their_product():
    gated = built("resnet20:shortcut=exclusive-gate")
    assert all((block.gate.conv.bias == -6).all() for block in blocks_of(gated))
    gated = built("resnet20:shortcut=shortcut-gate:gate_bias=-0.5")
    assert all((block.gate.conv.bias == -0.5).all() for block in blocks_of(gated))
    x = torch.rand(1, 1, 16, 16)
    network = built("resnet110:shortcut=scaled:init=zero-bn", width=1).eval()
    for stage in (network.layer1, network.layer2, network.layer3):
        x_in, x = x, stage(x)
    assert x.max() > 0
    assert x_in.shape == (1, 2, 8, 8)
    kept = x[:, 1:2]  # padding puts a channel behind the first, then one on each side
    assert torch.equal(kept, x_in[:, :1, ::2, ::2] * 0.5**18)


def test_all_scaled_shortcuts_together_leave_two_to_the_minus_54():
    """He et al. 2016, section 3.1: the product of the factors, transitions included."""
    network = built("resnet110:shortcut=scaled:init=zero-bn", width=1).eval()
    blocks = blocks_of(network)
    x = torch.ones(1, 1, 4, 4)
    for block in blocks:
        x = block(x)
    assert len(blocks) == 54
    assert sorted(x.unique().tolist()) == [0.0, 0.5**54]


@pytest.mark.parametrize("text", ["resnet110", "resnet34", "preresnet164", "vgg15", "vgg16"])
def test_weights_before_a_relu_have_the_variance_of_he_initialisation(text):
    network = built(text, width=16)
    checked = 0
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 9_000:
            gain = 1 if name == "fc" else 2
            expected = (gain / layer.weight[0].numel()) ** 0.5
            # five standard errors of a standard deviation of n normal draws
            error = 5 / (2 * layer.weight.numel()) ** 0.5
            assert abs(layer.weight.std().item() / expected - 1) < error, name
            checked += 1
    assert checked >= 10


@pytest.mark.parametrize(
    "text",
    [
        *ZERO_BRANCHES,
        "resnet20:shortcut=exclusive-gate",
        "vgg15",
        "vgg16_bn",
        "preresnet18",
        "resnet20:survival=0.5",
    ],
)
def test_a_seed_sets_every_value(text):
    """Whatever the memory held before."""
    first, network = built(text).state_dict(), built(text)
    for value in network.state_dict().values():
        value.fill_(float("nan") if value.is_floating_point() else 99)
    init = Architecture.parse(text).init
    initialise(network, init=init, generator=torch.Generator().manual_seed(2))
    for key, value in network.state_dict().items():
        assert torch.equal(value, first[key]), key
