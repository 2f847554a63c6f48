import pytest
import torch
from torch import nn

from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture, count_parameters, multiply_adds, names

PUBLISHED = {
    20: 269_722,
    32: 464_154,
    44: 658_586,
    56: 853_018,
    110: 1_727_962,
    1202: 19_421_274,
}


@pytest.mark.parametrize("family", ["resnet", "plain"])
@pytest.mark.parametrize(("depth", "parameters"), PUBLISHED.items())
def test_parameter_counts_are_the_published_ones(family, depth, parameters):
    network = Architecture(f"{family}{depth}").build(device="meta")
    assert count_parameters(network) == parameters


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet20", 40.55), ("resnet56", 125.49), ("resnet110", 252.89), ("plain56", 125.49)],
)
def test_multiply_adds_are_the_published_ones(name, millions):
    network = Architecture(name).build(device="meta")
    example = torch.empty(1, 3, 32, 32, device="meta")
    assert round(multiply_adds(network, example) / 1e6, 2) == millions


def test_depth_counts_the_weighted_layers():
    for depth in (8, 20, 56):
        layers = Architecture(f"resnet{depth}").build(device="meta").modules()
        assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in layers) == depth
        assert Architecture(f"plain{depth}").depth == depth


def test_plain_and_residual_networks_share_names_and_shapes():
    residual = Architecture("resnet20").build(device="meta").state_dict()
    plain = Architecture("plain20").build(device="meta").state_dict()
    assert {k: v.shape for k, v in residual.items()} == {k: v.shape for k, v in plain.items()}


def test_stages_halve_the_map_and_double_the_width():
    network = Architecture("resnet8", width=4, in_channels=1, num_classes=7).build()
    x = network.relu(network.bn1(network.conv1(torch.zeros(2, 1, 16, 16))))
    shapes = []
    for stage in (network.layer1, network.layer2, network.layer3):
        x = stage(x)
        shapes.append(tuple(x.shape))
    assert shapes == [(2, 4, 16, 16), (2, 8, 8, 8), (2, 16, 4, 4)]
    assert network(torch.zeros(2, 1, 16, 16)).shape == (2, 7)


def test_a_residual_block_adds_its_input_to_its_branch():
    block = Architecture("resnet8", width=4).build(seed=3).layer1[0].eval()
    plain = Architecture("plain8", width=4).build(seed=3).layer1[0].eval()
    x = torch.rand(2, 4, 8, 8)
    plain.relu2 = nn.Identity()
    assert torch.equal(block(x), torch.relu(plain(x) + x))


def test_convolutions_have_the_variance_of_he_initialisation():
    network = Architecture("resnet110").build(seed=1)
    for name, conv in network.named_modules():
        if isinstance(conv, nn.Conv2d) and conv.weight.numel() > 9000:
            expected = (2 / (9 * conv.in_channels)) ** 0.5
            # the standard error of a sample sd of n normal draws is sd / sqrt(2 n)
            n = conv.weight.numel()
            assert abs(conv.weight.std().item() / expected - 1) < 5 / (2 * n) ** 0.5, name


def test_the_seed_decides_the_weights_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (Architecture("resnet8").build(seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert all(torch.isfinite(value).all() for value in first.state_dict().values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", "6n\\+2; did you mean 'resnet20' or 'resnet26'"),
        ("resnet2", "did you mean 'resnet8'"),
        ("plane56", "did you mean 'plain56'"),
        ("plian8", "did you mean 'plain8'"),
        ("ResNet-110", "did you mean 'resnet110'"),
        ("vgg", "unknown architecture 'vgg': known are resnetN and plainN"),
        ("", "unknown architecture ''"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(name, message):
    with pytest.raises(UsageError, match=message):
        Architecture(name)


@pytest.mark.parametrize("field", ["num_classes", "in_channels", "width"])
def test_sizes_below_one_are_refused(field):
    with pytest.raises(UsageError, match=f"{field} of resnet20 must be a whole number >= 1; got 0"):
        Architecture("resnet20", **{field: 0})


def test_a_description_survives_the_way_to_a_file_and_back():
    architecture = Architecture("plain32", num_classes=100, in_channels=1, width=8)
    assert Architecture.from_dict(architecture.to_dict()) == architecture
    with pytest.raises(InputError, match="not the description of an architecture"):
        Architecture.from_dict({"name": "resnet20", "colour": "red"})


def test_every_listed_name_can_be_built():
    assert len(names()) == 12
    for name in names():
        assert Architecture(name).build(device="meta") is not None
