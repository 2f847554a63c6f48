"""Plain networks: which modules stand for their blocks."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from chain.custom import IMAGES
from torch import nn

from resprobe.chain import PlainBlock, run, single_deletions, unravel
from resprobe.errors import ChainError
from resprobe.networks import Architecture


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


def names_and_kinds(model, example=IMAGES):
    chain = unravel(model, example, layers=True)
    return [(block.name, block.kind) for block in chain.blocks]


class Normed(nn.Module):
    """A block of two convolutions with norms, as plain networks have them."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


def sequential_vgg():
    layers = [nn.Conv2d(3, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(inplace=True), nn.Dropout(), nn.Conv2d(4, 6, 1)]
    classifier = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8))
    return nn.Sequential(
        nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier, nn.Linear(8, 10)
    )


def test_layers_of_a_sequential_network_are_its_blocks_when_asked():
    model = sequential_vgg()
    chain = unravel(model, IMAGES, layers=True)
    assert [(b.name, b.deletable) for b in chain.blocks] == [
        ("0.0", False),
        ("0.3", True),
        ("0.6", True),
        ("0.9", False),
    ]
    layers = [
        [type(m).__name__ for m in b.modules() if not list(m.children())] for b in chain.blocks
    ]
    assert layers[0] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert layers[1] == ["Conv2d", "ReLU"]
    assert [type(s).__name__ for s in chain.steps] == [
        *["PlainBlock"] * 2,
        "Link",
        "PlainBlock",
        "Link",
        "PlainBlock",
    ]
    assert sum(isinstance(m, nn.Linear) for m in chain.head.modules()) == 3
    assert not list(chain.stem.parameters())
    with pytest.raises(ChainError, match="its single layers are blocks with layers=True"):
        unravel(model, IMAGES)


def test_a_deleted_layer_goes_with_its_norm_and_activation():
    model = sequential_vgg().eval()
    with torch.no_grad():
        for parameter in model[0].parameters():
            parameter.copy_(
                torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
            )
        chain = unravel(model, IMAGES, layers=True).eval()
        program = single_deletions(chain)[1]
        ((_, found),) = run(chain, [program], IMAGES)
        without = nn.Sequential(*model[0][:3], *model[0][5:])
        torch.testing.assert_close(found, model[1:](without(IMAGES)))


def test_layers_of_blocks_are_named_by_their_paths():
    model = nn.Sequential(Normed(3, 4, 1), Normed(4, 8, 2), nn.Flatten(), nn.LazyLinear(10))
    model(IMAGES)
    assert names_and_kinds(model) == [
        ("0.conv1", "transition"),
        ("0.conv2", "identity"),
        ("1.conv1", "transition"),
        ("1.conv2", "identity"),
    ]


def test_a_layer_that_is_called_twice_is_two_blocks():
    shared = nn.Conv2d(3, 3, 3, 1, 1)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Flatten(), nn.LazyLinear(10))
    model(IMAGES)
    assert [name for name, _ in names_and_kinds(model)] == ["0#1", "0#2"]


def test_a_layer_on_a_map_of_one_position_belongs_to_the_head():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Flatten()
    )
    assert names_and_kinds(model) == [("0", "transition")]


def test_residual_blocks_stay_whole():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = Normed(3, 3, 1)

        def forward(self, x):
            return F.relu(x + self.branch(x))

    model = nn.Sequential(nn.Conv2d(3, 3, 1), Residual(), Residual(), nn.Flatten())
    assert names_and_kinds(model) == [("1", "identity"), ("2", "identity")]
    chains = (unravel(model, IMAGES, layers=flag) for flag in (False, True))
    one, other = ([(type(s), s.name) for s in chain.steps] for chain in chains)
    assert one == other


def test_a_network_of_linear_layers_alone_has_no_layers():
    with pytest.raises(ChainError, match="no plain blocks"):
        names_and_kinds(nn.Sequential(nn.Flatten(), nn.Linear(IMAGES[0].numel(), 8), nn.ReLU()))


@pytest.mark.parametrize(
    ("spec", "layers", "deletable"), [("plain20:width=4", 19, 16), ("vgg15:width=4", 13, 9)]
)
def test_layers_of_our_own_plain_networks(spec, layers, deletable):
    model = Architecture.parse(spec).build()
    chain = unravel(model, torch.randn(2, 3, 32, 32), layers=True)
    assert len(chain.blocks) == layers
    assert sum(block.deletable for block in chain.blocks) == deletable
    paths = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert {block.name for block in chain.blocks} == paths


def test_layers_of_published_vgg():
    torchvision = pytest.importorskip("torchvision.models")
    chain = unravel(torchvision.vgg11_bn(), torch.randn(2, 3, 64, 64), layers=True)
    expected = [f"features.{i}" for i in (0, 4, 8, 11, 15, 18, 22, 25)]
    assert [block.name for block in chain.blocks] == expected
