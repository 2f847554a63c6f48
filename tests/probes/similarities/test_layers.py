"""Which layers are compared, and whose images their values are."""

import pytest
import torch
from nets import AkamasterNet, random_batches
from torch import nn

from resprobe.chain import unravel
from resprobe.probes.similarities.gram import centred_gram
from resprobe.probes.similarities.layers import grams


class Head(nn.Module):
    """Blocks between a convolution and a classifier."""

    def __init__(self, *blocks):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(*blocks)
        self.fc = nn.Linear(4, 10)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class Windows(nn.Module):
    """A branch that works on quarters of the map as if they were images."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        n, c, h, w = x.shape
        parts = x.reshape(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 1, 3, 5)
        inside = self.outer(torch.relu(self.inner(parts.reshape(-1, c, h // 2, w // 2))))
        whole = inside.reshape(n, 2, 2, c, h // 2, w // 2).permute(0, 3, 1, 4, 2, 5)
        return x + whole.reshape(n, c, h, w)


class Gated(nn.Module):
    """A branch that is multiplied by a gate of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        out = self.conv(x)
        return x + out * torch.sigmoid(self.gate(out.mean((2, 3), keepdim=True)))


class Preactivation(nn.Module):
    """A plain block that ends in a convolution without a norm."""

    def __init__(self):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.conv2(torch.relu(self.bn2(self.conv1(torch.relu(self.bn1(x))))))


def compared(model, n=6):
    x = next(iter(random_batches(n, size=8)))[0]
    chain = unravel(model.eval(), x[:2])
    layers, rows = grams(chain, x, interiors=True)
    return [(layer.name, layer.place) for layer in layers], rows, chain, x


def test_windows_are_parts_of_an_image():
    names, rows, chain, x = compared(Head(Windows(), Windows()))
    assert names[0] == ("blocks.0.inner", "interior")
    hidden = chain.stem(x)
    inner = chain.blocks[0].branch.get_submodule("blocks.0.inner")
    whole = inner(hidden)  # a 1x1 convolution does not see the windows
    assert torch.allclose(rows[0], centred_gram(whole), rtol=1e-4)


@pytest.mark.parametrize(
    ("block", "inside"),
    [(Windows, ["inner", "outer"]), (Gated, ["conv", "gate"]), (Preactivation, ["conv1"])],
)
def test_interiors_are_what_is_not_the_branch_itself(block, inside):
    names, *_ = compared(Head(block(), block()))
    wanted = [
        name
        for i in range(2)
        for name in [*((f"blocks.{i}.{layer}", "interior") for layer in inside),
                     (f"blocks.{i}", "output")]
    ]  # fmt: skip
    assert names == wanted


def test_a_branch_that_ends_in_its_last_layer_leaves_that_out():
    names, *_ = compared(AkamasterNet(n=1))
    assert names[:2] == [("layer1.0.conv1", "interior"), ("layer1.0", "output")]
    assert len(names) == 6
