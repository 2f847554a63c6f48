"""Slow twins of what a workbench measures, and networks to put on it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from probes.lesions.twin import by_hand
from torch import nn

from resprobe.probes.bench import Arrangement
from resprobe.probes.lesions.making import OneRound


@dataclass(frozen=True)
class ByHand(OneRound):
    """One arrangement of the blocks as a study, for the sweep of ``lesion``."""

    arrangement: Arrangement
    name: ClassVar[str] = "by-hand"

    @property
    def settings(self):
        return {}

    def lesions(self, chain, generator):
        yield self.arrangement.lesion(chain)


@torch.no_grad()
def by_brute_force(chain, arrangement, data):
    """Run the blocks of the chain one after the other, with nothing kept and nothing folded."""
    whole, answers = [], []
    for x, _ in data:
        whole.append(chain(x))
        hidden = chain.stem(x)
        for block in arrangement.order:
            step = chain.blocks[block]
            branch = 0 if block in arrangement.deleted else step.branch(hidden)
            hidden = step.after(step.shortcut(hidden) + branch)
        answers.append(chain.head(hidden))
    logits = [torch.cat(parts).double().numpy() for parts in (whole, answers)]
    return by_hand(*logits, data.data.labels.numpy())


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.all = nn.LayerNorm(width), nn.Linear(width, 3 * width)

    def forward(self, x):
        query, key, value = self.all(self.norm(x)).chunk(3, dim=-1)
        return F.softmax(query @ key.transpose(1, 2), dim=-1) @ value


class Transformer(nn.Module):
    """Patches, two layers of attention and two of an MLP, a mean, a linear layer."""

    def __init__(self, width=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.parts = nn.ModuleList(
            [Attention(width), nn.Linear(width, width), Attention(width), nn.Linear(width, width)]
        )
        self.linear = nn.Linear(width, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        for part in self.parts:
            x = x + torch.tanh(part(x))
        return self.linear(x.mean(1))
