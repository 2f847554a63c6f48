"""The same signals by plain loops, and networks of which the laws are known."""

import math

import numpy as np
import torch
from torch import nn

from resprobe.datasets import Batches, ImageSet, Normalisation


class Branch(nn.Module):
    """x + scale W relu(norm(x)), or only W relu(norm(x))."""

    def __init__(self, width, *, norm, scale, residual):
        super().__init__()
        self.norm = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.linear = nn.Linear(width, width, bias=False)
        self.relu, self.scale, self.residual = nn.ReLU(), scale, residual

    def forward(self, x):
        branch = self.linear(self.relu(self.norm(x)))
        return x + self.scale * branch if self.residual else branch


class Ideal(nn.Module):
    """The fully connected network of the laws, drawn from a seed of its own."""

    def __init__(self, width, depth, *, seed, norm=True, scale=1.0, residual=True):
        super().__init__()
        blocks = (Branch(width, norm=norm, scale=scale, residual=residual) for _ in range(depth))
        self.flatten, self.blocks = nn.Flatten(), nn.Sequential(*blocks)
        self.head = nn.Linear(width, 10, bias=False)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    spread = math.sqrt(2 / parameter.shape[1])
                    parameter.normal_(0, spread, generator=generator)

    def forward(self, x):
        return self.head(self.blocks(self.flatten(x)))


def noise(width, n, *, seed=0):
    """Images without any structure: independent pixels of mean 0 and variance 1."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 1, 1, width), generator=generator).to(torch.uint8)
    images = ImageSet(
        pixels, torch.zeros(n, dtype=torch.long), tuple("abcdefghij"), "noise", "test"
    )
    spread = math.sqrt((256**2 - 1) / 12) / 255
    return Batches(images, Normalisation((0.5,), (spread,)), n)


def brute_force_correlation(gradients):
    """Every pair by itself."""
    rows = gradients.flatten(1).double().numpy()
    pairs = [rows[a] @ rows[b] for a in range(len(rows)) for b in range(len(rows)) if a != b]
    return np.mean(pairs) / np.mean((rows**2).sum(1))


def by_channel_slowly(tensor):
    """Second moment and variance of each channel of (N, C, ...), then their means."""
    array = tensor.detach().double().numpy()
    channels = [array[:, c].ravel() for c in range(array.shape[1])]
    return (
        np.mean([(one**2).mean() for one in channels]),
        np.mean([one.var() for one in channels]),
    )
