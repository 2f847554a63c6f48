"""All single deletions in one sweep against deleting one block after the other.

The other side is what a user would write: plain eager PyTorch, one pass over the images per
deletion, the block's forward replaced by its shortcut.
"""

import pytest
import torch

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import lesion


def one_by_one(model, data):
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    counts = [correct(model, data)]
    for block in blocks:
        block.forward = lambda x, block=block: torch.relu(block.shortcut(x))
        counts.append(correct(model, data))
        del block.forward
    return counts


def correct(model, data):
    with torch.inference_mode():
        return sum(int((model(x).argmax(1) == y).sum()) for x, y in data)


@pytest.mark.parametrize(("name", "n"), [("resnet20", 512), ("resnet32", 256), ("resnet56", 128)])
def test_lesion_sweep(name, n, images, side_by_side):
    data = images(n)
    # small weights in the branches keep a random network's activations finite in eval mode
    model = Architecture(name).build().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)
    chain = unravel(model, data.example())
    assert lesion(chain, data).frame["correct"].tolist() == one_by_one(model, data)
    ratio = side_by_side(lambda: one_by_one(model, data), lambda: lesion(chain, data))
    assert ratio > 1.5
