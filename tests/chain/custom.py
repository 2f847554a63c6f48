"""A network whose blocks' forward a test writes."""

import torch
import torch.nn.functional as F
from torch import nn

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(5))


class Custom(nn.Module):
    """One block whose forward a test writes."""

    def __init__(self, forward, blocks=1):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.blocks = nn.ModuleList(CustomBlock(forward) for _ in range(blocks))
        self.fc = nn.Linear(4, 10)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))


class CustomBlock(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.f, self.g = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.drop_path = nn.Dropout(0.5)
        self.gain = nn.Parameter(torch.tensor([0.5, -1.0, 2.0, 0.1]))
        self.relu = nn.ReLU(inplace=True)
        self.body = forward

    def forward(self, x):
        return self.body(self, x)


def f(m, x):
    return m.norm(m.f(x))


SUMS = {
    "x + f": lambda m, x: x + f(m, x),
    "f + x": lambda m, x: f(m, x) + x,
    "in place": lambda m, x: f(m, x).add_(x),
    "sum of a list": lambda m, x: sum([x, f(m, x)]),
    "stacked": lambda m, x: torch.stack([x, f(m, x)]).sum(0),
    "stacked along another axis": lambda m, x: torch.stack((f(m, x), x), dim=1).sum(dim=1),
    "minus minus": lambda m, x: x - (-f(m, x)),
    "scaled": lambda m, x: torch.add(x, f(m, x), alpha=0.1),
    "drop path, called twice": lambda m, x: x + m.drop_path(f(m, m.drop_path(x))),
    "shared ReLU": lambda m, x: x + m.relu(f(m, m.relu(m.g(x)))),
    "three addends": lambda m, x: x + m.g(x) + f(m, x),
    "nested and scaled": lambda m, x: torch.add(x, m.g(x) - f(m, x), alpha=0.5),
    "minus a difference": lambda m, x: x - (m.g(x) - f(m, x)),
    "with a bias": lambda m, x: m.gain.view(1, -1, 1, 1) + x + f(m, x),
    "layer scale": lambda m, x: x + m.gain.view(1, -1, 1, 1) * f(m, x),
    "gated": lambda m, x: x + m.gain.tanh().mean() * f(m, x),
    "squeezed and excited": lambda m, x: (
        x + f(m, x) * torch.sigmoid(m.g(f(m, x).mean((2, 3), keepdim=True)))
    ),
    "functional convolution": lambda m, x: x + F.conv2d(x, m.f.weight, padding=1),
    "clone and add in place": lambda m, x: x.clone().add_(f(m, x)),
}
