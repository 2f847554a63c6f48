"""Published sizes and costs."""

from functools import cache

import pandas as pd
import pytest
import torch
from lanes import lanes
from torch import nn

from resprobe.networks import (
    Architecture,
    block_costs,
    count_parameters,
    multiply_adds,
    names,
    size_table,
)

CIFAR = {
    8: 75_290,
    20: 269_722,
    32: 464_154,
    44: 658_586,
    56: 853_018,
    110: 1_727_962,
    1202: 19_421_274,
}
IMAGENET = {
    18: (11_689_512, 1.814),
    34: (21_797_672, 3.664),
    50: (25_557_032, 4.089),
    101: (44_549_160, 7.801),
    152: (60_192_808, 11.514),
}
PLAIN = [name for name in names() if name.startswith("plain")]
PAPER_LAYOUT = {50: 3.858, 101: 7.570, 152: 11.282}


def deep(name):
    """Say whether it takes seconds to build, of blocks that others have fewer of."""
    return Architecture.parse(name).depth > 200


@cache
def on_meta(text):
    return Architecture.parse(text).build(device="meta")


def cost(text):
    size = Architecture.parse(text).image_size
    return multiply_adds(on_meta(text), torch.empty(1, 3, size, size, device="meta"))


@pytest.mark.parametrize("line", ["resnet", "plain"])
@pytest.mark.parametrize(("depth", "parameters"), CIFAR.items())
def test_cifar_networks_have_the_published_parameters(line, depth, parameters):
    assert count_parameters(on_meta(f"{line}{depth}")) == parameters


@pytest.mark.parametrize("depth", CIFAR)
def test_option_b_adds_its_two_projections(depth):
    # 1x1 convolutions 16 to 32 and 32 to 64, with BN
    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert projections == 2_752
    assert count_parameters(on_meta(f"resnet{depth}:shortcut=B")) == CIFAR[depth] + projections


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet20", 40.55), ("resnet56", 125.49), ("resnet110", 252.89), ("plain56", 125.49)],
)
def test_cifar_networks_cost_what_was_published(name, millions):
    assert round(cost(name) / 1e6, 2) == millions


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet164", 1.7), ("preresnet164", 1.7), ("resnet1001", 10.2), ("preresnet1001", 10.2)],
)
def test_cifar_bottleneck_networks_have_the_published_weights(name, millions):
    """The paper's 10.2 M are the weights of convolutions and linear layer; with BN 10.33 M."""
    layers = (nn.Conv2d, nn.Linear)
    weights = sum(count_parameters(m) for m in on_meta(name).modules() if isinstance(m, layers))
    assert round(weights / 1e6, 1) == millions


def test_the_longest_pre_activation_network_is_counted_by_hand():
    """111 blocks a stage of BN-ReLU-conv on widths 16, 32, 64, four times that between them."""
    count = 3 * 3 * 3 * 16  # the stem
    channels = 16
    for width in (16, 32, 64):
        for _ in range(111):
            count += 2 * channels + channels * width  # BN, 1x1
            count += 2 * width + 9 * width**2  # BN, 3x3
            count += 2 * width + 4 * width**2  # BN, 1x1
            count += 0 if channels == 4 * width else channels * 4 * width  # projection, no BN
            channels = 4 * width
    count += 2 * channels + 10 * channels + 10  # BN, linear layer
    assert count_parameters(on_meta("preresnet1001")) == count == 10_327_706


@pytest.mark.parametrize(("depth", "size"), IMAGENET.items())
def test_imagenet_networks_have_the_published_size_and_cost(depth, size):
    parameters, billions = size
    assert count_parameters(on_meta(f"resnet{depth}")) == parameters
    assert round(cost(f"resnet{depth}") / 1e9, 3) == billions


@pytest.mark.parametrize(("depth", "billions"), PAPER_LAYOUT.items())
def test_the_papers_layout_costs_less_for_the_same_parameters(depth, billions):
    text = f"resnet{depth}:layout=paper"
    assert round(cost(text) / 1e9, 3) == billions
    assert count_parameters(on_meta(text)) == IMAGENET[depth][0]


@pytest.mark.parametrize(
    ("depth", "parameters", "billions"), [(18, 11_515_688, 1.795), (34, 21_623_848, 3.644)]
)
@pytest.mark.parametrize("text", ["resnet{}:shortcut=A", "plain{}"])
def test_option_a_and_plain_networks_are_a_little_smaller(text, depth, parameters, billions):
    assert count_parameters(on_meta(text.format(depth))) == parameters
    assert round(cost(text.format(depth)) / 1e9, 3) == billions


@pytest.mark.parametrize("name", lanes(PLAIN, long=deep))
def test_a_plain_network_has_the_parameters_of_option_a_under_the_same_names(name):
    residual = on_meta(f"{name.replace('plain', 'resnet')}:shortcut=A").state_dict()
    plain = on_meta(name).state_dict()
    assert {k: v.shape for k, v in residual.items()} == {k: v.shape for k, v in plain.items()}


@pytest.mark.parametrize(
    ("name", "parameters", "billions"),
    [
        ("vgg16", 138_357_544, 15.470),
        ("vgg19", 143_667_240, 19.632),
        ("vgg16_bn", 138_365_992, 15.470),
        ("vgg19_bn", 143_678_248, 19.632),
    ],
)
def test_vgg_has_the_published_size_and_cost(name, parameters, billions):
    assert count_parameters(on_meta(name)) == parameters
    assert round(cost(name) / 1e9, 3) == billions


@pytest.mark.parametrize("name", lanes(names(), long=deep))
def test_the_depth_counts_the_weighted_layers_but_for_projections(name):
    layers = on_meta(name).named_modules()
    weighted = [path for path, layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    depth = sum("downsample" not in path for path in weighted)
    assert depth == Architecture(name).depth


@pytest.mark.parametrize("name", ["resnet20", "preresnet29", "resnet18", "resnet50", "vgg15"])
def test_width_multiplies_the_weights_of_inner_layers_by_its_square(name):
    usual = Architecture(name)
    wide = on_meta(f"{name}:width={3 * usual.width}")
    narrow = on_meta(name)
    key = "features.1.conv.weight" if name == "vgg15" else "layer2.0.conv2.weight"
    assert wide.get_parameter(key).numel() == 9 * narrow.get_parameter(key).numel()


def test_counting_leaves_the_mode_and_does_not_depend_on_it():
    network = Architecture("vgg15", width=2).build()
    network.features.eval()
    modes = [module.training for module in network.modules()]
    example = torch.zeros(1, 3, 32, 32)
    found = multiply_adds(network, example)
    assert [module.training for module in network.modules()] == modes
    assert found == multiply_adds(network.eval(), example)


def test_the_size_table_has_a_row_for_each_network_and_layout():
    texts = ["resnet18", "resnet50", "resnet50:layout=paper", "plain20:width=8", "vgg15"]
    table = size_table(Architecture.parse(text) for text in texts)
    pd.testing.assert_frame_equal(
        table,
        pd.DataFrame(
            [
                ("resnet18", "", "basic", 8, 18, 64, 11_689_512, 1_814_073_344, 224),
                ("resnet50", "v1.5", "bottleneck", 16, 50, 64, 25_557_032, 4_089_184_256, 224),
                ("resnet50", "paper", "bottleneck", 16, 50, 64, 25_557_032, 3_857_973_248, 224),
                ("plain20:width=8", "", "basic", 9, 20, 8, 68_050, 10_248_512, 32),
                ("vgg15", "", "", 14, 15, 64, 14_991_946, 313_463_808, 32),
            ],
            columns=[
                "network",
                "layout",
                "block",
                "blocks",
                "depth",
                "width",
                "parameters",
                "multiply_adds",
                "image_size",
            ],
        ),
    )


def test_a_wide_bottleneck_costs_about_what_a_narrow_basic_block_does():
    table = block_costs().set_index("block")
    assert table["channels"].to_dict() == {"basic": 64, "bottleneck": 256}
    assert table["weights"].to_dict() == {"basic": 73_728, "bottleneck": 69_632}
    assert (table["multiply_adds"] / 1e6).round().to_dict() == {"basic": 231, "bottleneck": 218}
    assert set(table["map_size"]) == {56}


class Attending(nn.Module):
    """Multi-head attention over 5 tokens of 8 channels."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def test_the_products_inside_attention_are_counted():
    # queries, keys, values and output: 4 of 8x8 for each token; scores and their use: 5x5x8 each
    expected = 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8
    assert multiply_adds(Attending(), torch.zeros(1, 5, 8)) == expected
    assert multiply_adds(Attending().to("meta"), torch.zeros(1, 5, 8, device="meta")) == expected


def test_torchvisions_models_cost_what_torchvision_publishes():
    models = pytest.importorskip("torchvision").models
    for name in ("vit_b_16", "swin_t", "convnext_tiny", "mobilenet_v2", "efficientnet_b0"):
        published = models.get_model_weights(name).DEFAULT.meta
        with torch.device("meta"):
            network = models.get_model(name)
        example = torch.empty(1, 3, 224, 224, device="meta")
        assert count_parameters(network) == published["num_params"]
        assert round(multiply_adds(network, example) / 1e9, 3) == published["_ops"], name
