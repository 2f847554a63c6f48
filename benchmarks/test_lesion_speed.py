"""Deletions in one sweep against deleting one set of blocks after the other.

The other side is what a user would write: plain eager PyTorch, one pass over the images per
deletion, the forward of a deleted block replaced by its shortcut.
"""

from itertools import combinations

import pytest
import torch

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import lesion
from resprobe.probes.lesions.studies import Pairs, Single


def one_by_one(model, data, most):
    """Return the right answers: intact, with each block deleted, with each pair deleted."""
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    counts = [correct(model, data)]
    for k in range(1, most + 1):
        for chosen in combinations(blocks, k):
            for block in chosen:
                block.forward = lambda x, block=block: torch.relu(block.downsample(x))
            counts.append(correct(model, data))
            for block in chosen:
                del block.forward
    return counts


def correct(model, data):
    with torch.inference_mode():
        return sum(int((model(x).argmax(1) == y).sum()) for x, y in data)


@pytest.mark.parametrize(
    ("name", "study", "n", "pairs", "least"),
    [
        ("resnet20", Single(), 256, 5, 2.0),
        ("resnet56", Single(), 64, 5, 2.5),
        ("resnet56", Pairs(), 16, 2, 3.0),
    ],
    ids=["20-single", "56-single", "56-pairs"],
)
def test_deletions(name, study, n, pairs, least, images, side_by_side):
    data = images(n)
    # small weights in the branches keep a random network's activations finite in eval mode
    model = Architecture(name).build().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)
    chain = unravel(model, data.example())
    most = 2 if isinstance(study, Pairs) else 1
    found = lesion(chain, data, study=study).frame["correct"].tolist()
    assert found == one_by_one(model, data, most)
    ratio = side_by_side(
        lambda: one_by_one(model, data, most),
        lambda: lesion(chain, data, study=study),
        pairs=pairs,
    )
    assert ratio > least
