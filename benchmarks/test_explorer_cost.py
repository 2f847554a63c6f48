"""A click in the explorer against running the same lesion from the stem.

Both sides run the faster form of the chain. The other side is one pass through the whole
network; a click computes what follows the deleted block, measures the size of each branch on
the way, and works out the figures. In multiply-adds the ratio would be that of the whole network
to the rest of it; at least half of that is asserted, for the sizes take their time.
"""

import pytest
import torch

from resprobe.chain import block_table, for_inference, left_as_found, run, unravel, without
from resprobe.networks import Architecture
from resprobe.probes import Workbench


@pytest.mark.parametrize(("name", "block"), [("resnet20", 6), ("resnet56", 13), ("resnet56", 21)])
@pytest.mark.usefixtures("one_thread")
def test_click(name, block, images, side_by_side):
    data = images(256)
    model = Architecture(name, width=8).build().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)
    chain = unravel(model, data.example())
    fast, program = for_inference(chain, data.example()).chain, without(chain, [block])

    def anew():
        with left_as_found(chain, training=False), torch.inference_mode():
            logits = [next(run(fast, [program], x))[1] for x, _ in data]
        return sum(int((a.argmax(1) == y).sum()) for a, (_, y) in zip(logits, data, strict=True))

    bench = Workbench(chain, data, memory=2**30)

    def click():
        bench._looks.clear()  # as if it were clicked for the first time
        return bench.look(delete=[block], keep=False)

    assert click().figures["correct"] == anew()
    costs = block_table(chain)["multiply_adds"].to_numpy()
    theory = (costs.sum() - costs[block + 1]) / costs[block + 2 :].sum()
    measured = side_by_side(anew, click)
    assert measured > theory / 2
    assert click().steps_run == len(chain.blocks) - block
