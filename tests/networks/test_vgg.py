import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resprobe.networks import Architecture
from resprobe.networks.vgg import Layer


def test_the_cifar_network_has_fifteen_layers_in_five_groups():
    """The networks that Veit et al. 2016 compare with: 13 convolutions and 2 linear layers."""
    network = Architecture("vgg15").build(device="meta")
    kinds = [
        part.conv.out_channels if isinstance(part, Layer) else "M" for part in network.features
    ]
    assert kinds == [
        *(64, 64, "M", 128, 128, "M", 256, 256, 256, "M"),
        *(512, 512, 512, "M", 512, 512, 512, "M"),
    ]
    (hidden,) = network.classifier
    assert (hidden.linear.in_features, hidden.linear.out_features) == (512, 512)
    assert (network.fc.in_features, network.fc.out_features) == (512, 10)


def test_every_layer_of_the_cifar_network_but_the_last_is_normalised_and_rectified():
    network = Architecture("vgg15").build(device="meta")
    layers = [part for part in network.modules() if isinstance(part, Layer)]
    assert len(layers) == 14
    for layer in layers:
        assert isinstance(layer.bn, nn.BatchNorm2d | nn.BatchNorm1d)
        assert list(dict(layer.named_children()))[1:] == ["bn", "relu"]


@pytest.mark.parametrize(("name", "norms"), [("vgg16", 0), ("vgg16_bn", 13), ("vgg19_bn", 16)])
def test_imagenet_networks_normalise_convolutions_alone_and_only_by_name(name, norms):
    network = Architecture(name).build(device="meta")
    found = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(found) == norms
    assert not any(isinstance(part, nn.BatchNorm1d) for part in network.modules())


def test_a_layer_is_its_equation(lively):
    layer = lively(Layer(nn.Conv2d(3, 4, 3, padding=1), norm=True))
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    bn = layer.bn
    hidden = F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=1)
    hidden = F.batch_norm(hidden, bn.running_mean, bn.running_var, bn.weight, bn.bias)
    assert torch.equal(layer(x), torch.relu(hidden))


@pytest.mark.parametrize("size", [16, 28, 32, 33, 64, 224])
@pytest.mark.parametrize("name", ["vgg15", "vgg16"])
def test_images_of_any_size_reach_the_end(name, size):
    network = Architecture(name, width=1, num_classes=7).build().eval()
    assert network(torch.zeros(1, 3, size, size)).shape == (1, 7)


@pytest.mark.parametrize(("name", "places"), [("vgg15", 1), ("vgg16", 2), ("vgg19_bn", 2)])
def test_dropout_stands_behind_hidden_linear_layers_where_it_is_asked_for(name, places):
    def dropouts(network):
        return [part.p for part in network.modules() if isinstance(part, nn.Dropout)]

    assert dropouts(Architecture(name).build(device="meta")) == []
    assert dropouts(Architecture(name, dropout=0.4).build(device="meta")) == [0.4] * places
