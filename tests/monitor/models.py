"""Networks whose blocks are seen in different ways."""

import torch
import torch.nn.functional as F
from nets import AkamasterNet, TorchvisionNet
from torch import nn

from resprobe.networks import Architecture


class Net(nn.Module):
    """A stem, blocks of one kind, a head."""

    def __init__(self, *blocks, width=4):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Convolutions(nn.Module):
    """Two convolutions without norm: images do not see one another."""

    def __init__(self, width=4):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def branch(self, x):
        return self.second(torch.tanh(self.first(x)))

    def forward(self, x):
        return torch.relu(x + self.branch(x))


class InPlace(Convolutions):
    """The branch's output becomes the sum."""

    def forward(self, x):
        out = self.branch(x)
        out += x
        return F.relu(out, inplace=True)


class BeginsWithFunction(Convolutions):
    """The branch begins with a function: its input enters by no module of its own."""

    def branch(self, x):
        return super().branch(torch.tanh(x))


class Scaled(Convolutions):
    """The branch's output is multiplied by a number, behind the last module."""

    def forward(self, x):
        return x - 0.3 * self.branch(x)


class Learned(Convolutions):
    """The branch's output is multiplied by a weight, behind the last module."""

    def __init__(self, width=4):
        super().__init__(width)
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return x + self.gain * self.branch(x)


class Strided(nn.Module):
    """The shortcut is a function: no module gives its output."""

    def __init__(self, inside=4, outside=8):
        super().__init__()
        self.outside = outside
        self.conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1)

    def forward(self, x):
        added = self.outside - x.shape[1]
        return torch.relu(self.conv(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, added)))


class Attention(nn.Module):
    """A layer of a transformer: two blocks, and no module around either."""

    def __init__(self, width=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 8), nn.GELU(), nn.Linear(8, width), nn.Dropout(0))
        self.drop = nn.Dropout(0.0)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.drop(self.attention(y, y, y, need_weights=False)[0])
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, layers=2, width=4):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.layers = nn.Sequential(*(Attention(width) for _ in range(layers)))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.layers(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


def own(name, **options):
    return lambda: Architecture(name, width=4, **options).build()


MODELS = {
    "akamaster": AkamasterNet,
    "torchvision": TorchvisionNet,
    "resnet A": own("resnet8"),
    "resnet C": own("resnet8", shortcut="C"),
    "zero-bn": own("resnet8", init="zero-bn"),
    "skipinit": own("resnet8", init="skipinit"),
    "pre-activation": own("preresnet8", shortcut="B"),
    "bottleneck": own("resnet11", block="bottleneck"),
    "gated shortcut": own("resnet8", shortcut="shortcut-gate"),
    "scaled shortcut": own("resnet8", shortcut="scaled"),
    "plain": own("plain8"),
    "in place": lambda: Net(InPlace(), InPlace()),
    "no module around the branch": lambda: Net(BeginsWithFunction(), BeginsWithFunction()),
    "scaled branch": lambda: Net(Scaled(), Scaled()),
    "shortcut without module": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), Strided(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    ),
    "transformer": Transformer,
}
