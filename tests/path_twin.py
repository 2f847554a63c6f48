"""All paths of a small network, one by one: plain automatic differentiation with detached routes.

The network of eight blocks has a transition with a padded shortcut (option A) and one with a
projection (option B), and a ReLU after every sum.
"""

import itertools

import torch
import torch.nn.functional as F
from nets import AkamasterBlock, with_lively_statistics
from torch import nn

from resprobe.chain import Link, left_as_found, unravel


class Projected(AkamasterBlock):
    def __init__(self, inside, outside, stride):
        super().__init__(inside, outside, stride)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
        )


class EightBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        sizes = [(4, 4, 1)] * 3 + [(4, 8, 2)] + [(8, 8, 1)] * 2
        blocks = [AkamasterBlock(*size) for size in sizes]
        self.blocks = nn.Sequential(*blocks, Projected(8, 16, 2), AkamasterBlock(16, 16, 1))
        self.linear = nn.Linear(16, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.conv(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


def eight_blocks():
    return with_lively_statistics(EightBlocks()).eval()


def chain_of(model, data):
    return unravel(model, data.example())


def path_gradient(chain, x, y, branches, *, apart=False):
    """The gradient at the images along the path that takes these branches (first block first)."""
    turns = iter(branches)
    leaf = x.detach().requires_grad_()
    hidden = chain.stem(leaf)
    for step in chain.steps:
        whole = isinstance(step, Link) or (apart and step.kind == "transition")
        if whole:
            hidden = step(hidden)
            continue
        shortcut, branch = step.shortcut(hidden), step.branch(hidden)
        by_branch = next(turns)
        total = shortcut.detach() + branch if by_branch else shortcut + branch.detach()
        hidden = step.after(total)
    loss = F.cross_entropy(chain.head(hidden), y, reduction="sum")
    gradient = torch.autograd.grad(loss, leaf, materialize_grads=True)[0]
    return gradient.double()


def all_paths(chain, x, y, blocks, *, apart=False):
    """Every path's branches, and its gradient."""
    with left_as_found(chain, training=False):
        return {
            branches: path_gradient(chain, x, y, branches, apart=apart)
            for branches in itertools.product((False, True), repeat=blocks)
        }


def by_length(gradients, blocks):
    """The gradients of each length, stacked: (paths, images, ...)."""
    return [
        torch.stack([g for branches, g in gradients.items() if sum(branches) == k])
        for k in range(blocks + 1)
    ]
