"""Plain networks: which modules stand for their blocks."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from chain.custom import IMAGES
from torch import nn

from resprobe.chain import PlainBlock, unravel
from resprobe.errors import ChainError


def test_a_plain_network_without_modules_for_its_blocks_is_refused():
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()]
    vgg = nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.LazyLinear(10))
    vgg(IMAGES)
    with pytest.raises(ChainError, match="no plain blocks"):
        unravel(vgg, IMAGES)

    class Long(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(4))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    with pytest.raises(ChainError, match="one to three weighted layers"):
        unravel(nn.Sequential(Long(), nn.Flatten()), IMAGES)


def test_plain_blocks_are_those_of_the_models_own_classes():
    class Pair(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 3, stride, 1), nn.Conv2d(4, 4, 3, 1, 1)

        def forward(self, x):
            return F.relu(self.b(F.relu(self.a(x))))

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Pair(1), Pair(2), nn.Flatten(), nn.LazyLinear(10))
    model(IMAGES)
    chain = unravel(model, IMAGES)
    assert all(isinstance(block, PlainBlock) for block in chain.blocks)
    assert [(b.name, b.deletable) for b in chain.blocks] == [("1", True), ("2", False)]


class Layers(nn.Module):
    """So many convolutions with their activations, in a class of its own."""

    def __init__(self, number, inside=4):
        super().__init__()
        sizes = [inside, *[4] * number]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1) for a, b in pairwise(sizes))

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


def plain_chain(*layers):
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    return unravel(nn.Sequential(*layers, head), IMAGES)


def test_without_larger_modules_single_layers_are_the_plain_blocks():
    chain = plain_chain(Layers(1, inside=3), Layers(1), nn.MaxPool2d(2), Layers(1))
    assert [(b.name, b.kind) for b in chain.blocks] == [
        ("0", "transition"),
        ("1", "identity"),
        ("3", "identity"),
    ]
    chain = plain_chain(Layers(1, inside=3), Layers(2), Layers(1))
    assert [block.name for block in chain.blocks] == ["1"]


def test_plain_blocks_of_two_and_of_three_layers_keep_their_order():
    chain = plain_chain(nn.Conv2d(3, 4, 1), Layers(3), Layers(2), Layers(3))
    assert [block.name for block in chain.blocks] == ["1", "2", "3"]


def test_single_layers_of_a_network_that_forks_are_no_blocks():
    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Layers(1)

        def forward(self, x):
            return torch.cat([x[:, :2], self.layer(x)[:, :2]], 1)

    with pytest.raises(ChainError, match="merge by cat"):
        plain_chain(Layers(1, inside=3), Forked())
