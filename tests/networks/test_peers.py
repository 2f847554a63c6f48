"""The same networks in other packages: the same keys, weights and outputs."""

import re

import pytest
import torch

from resprobe.networks import Architecture, count_parameters


@pytest.fixture(scope="module")
def torchvision():
    return pytest.importorskip("torchvision")


@pytest.fixture(scope="module")
def timm():
    return pytest.importorskip("timm")


def same_outputs(ours, theirs):
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.double().eval()(x)
        found = ours.double().eval()(x)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_a_state_of_torchvision_fits_strictly_into_ours(torchvision, depth):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(f"resnet{depth}", weights=None).state_dict()
    ours = Architecture(f"resnet{depth}").build(device="meta")
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.items()
    }
    ours.load_state_dict(theirs, strict=True, assign=True)


@pytest.mark.parametrize("depth", [18, 50])
def test_ours_computes_what_torchvisions_does(torchvision, depth, lively):
    theirs = lively_again(torchvision.models.get_model(f"resnet{depth}", weights=None))
    ours = Architecture(f"resnet{depth}").build()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    same_outputs(ours, theirs)


@pytest.mark.parametrize("name", ["vgg16", "vgg19_bn"])
def test_vgg_has_torchvisions_layers_in_torchvisions_order(torchvision, name):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, weights=None)
    ours = Architecture(name).build(device="meta")
    shapes = [parameter.shape for parameter in theirs.parameters()]
    assert [parameter.shape for parameter in ours.parameters()] == shapes


def test_ours_computes_what_torchvisions_vgg_does(torchvision):
    """With the channels of all layers cut, for the real ones take seconds."""
    configuration = [2, 2, "M", 4, 4, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
    features = torchvision.models.vgg.make_layers(configuration, batch_norm=True)
    theirs = torchvision.models.VGG(features, num_classes=5, dropout=0.0)
    theirs.classifier[0] = torch.nn.Linear(16 * 49, 128)
    theirs.classifier[3] = torch.nn.Linear(128, 128)
    theirs.classifier[6] = torch.nn.Linear(128, 5)
    theirs = lively_again(theirs)
    ours = Architecture("vgg16_bn", width=2, num_classes=5).build()
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    same_outputs(ours, theirs)


def test_pre_activation_networks_are_those_of_timm(timm):
    theirs = lively_again(timm.create_model("resnetv2_50", num_classes=7))
    ours = Architecture("preresnet50", num_classes=7).build()
    assert count_parameters(ours) == count_parameters(theirs)
    renamed = {_ours(key): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(renamed | {"fc.weight": renamed["fc.weight"].flatten(1)}, strict=True)
    same_outputs(ours, theirs)


def test_a_pre_activation_network_of_basic_blocks_is_timms_but_for_the_first_shortcut(timm):
    theirs = lively_again(timm.create_model("resnetv2_18", num_classes=7))
    ours = Architecture("preresnet18", num_classes=7).build()
    renamed = {_ours(key): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(renamed | {"fc.weight": renamed["fc.weight"].flatten(1)}, strict=True)
    first = ours.layer1[0]
    assert first.shared == ("bn1", "relu1")  # the paper's appendix; timm's carries raw input
    first.shared, first.rest = (), first.shared + first.rest
    same_outputs(ours, theirs)


def _ours(key):
    key = re.sub(r"stages\.(\d)\.blocks", lambda m: f"layer{int(m[1]) + 1}", key)
    key = key.replace("stem.conv", "conv1").replace("head.fc", "fc")
    key = key.replace("downsample.conv", "downsample.0")
    return re.sub(r"\bnorm", "bn", key)


def lively_again(network):
    """Give BN statistics, scales and shifts that are not those of a new network."""
    generator = torch.Generator().manual_seed(5)
    for name, value in network.state_dict().items():
        if value.dim() == 1 and value.is_floating_point():
            value.copy_(0.2 * torch.randn(value.shape, generator=generator))
            if "var" in name or name.endswith("weight"):
                value.add_(1).abs_()
    return network
