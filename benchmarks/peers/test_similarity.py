"""CKA of all pairs of blocks: both average the unbiased HSIC over the same batches.

torch_cka computes in float32, where sums of large numbers nearly cancel: in float64 it must give
resprobe's numbers. It works on Gram matrices that are not centred first, each pair of layers
anew and every layer's own HSIC once for each pair; and it holds tensors by reference, so that
what it calls a branch's output is the sum.
"""

import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.networks import built
from resprobe.chain import unravel
from resprobe.probes import similarity
from resprobe.probes.similarities.compared import Compared, shuffled

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

IMAGES, BATCH = 128, 64
CLOSE = 1e-4  # of a CKA, where torch_cka is given float64


def loader(chain, data):
    """The same images in the same batches."""
    (one,) = shuffled([Compared(chain=chain, data=data, network="network")], 0)
    x, y = (torch.cat(parts) for parts in zip(*one.data, strict=True))
    return DataLoader(TensorDataset(x, y), batch_size=BATCH)


def by_torch_cka(model, batches, layers):
    from torch_cka import CKA

    asked = CKA(model, model, "one", "other", model1_layers=layers, model2_layers=layers)
    with torch.no_grad():
        asked.compare(batches, batches)
    found = asked.export()["CKA"].double()
    for module in model.modules():  # it leaves its hooks
        module._forward_hooks.clear()
    return found


def in_float64(model, batches, layers):
    """The same with features, Gram matrices and sums in float64."""
    x, y = batches.dataset.tensors
    exact = DataLoader(TensorDataset(x.double(), y), batch_size=BATCH)
    with doubles():
        return by_torch_cka(copy.deepcopy(model).double(), exact, layers)


@contextlib.contextmanager
def doubles():
    """torch_cka makes its ones and zeros in the default type."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_cka_of_all_blocks(name, images, beside):
    pytest.importorskip("torch_cka", reason="torch_cka is not installed: pip install '.[peers]'")
    model, data = built(name), images(IMAGES, batch_size=BATCH)
    chain = unravel(model, data.example())
    batches, blocks = loader(chain, data), len(model.block_names)

    def ours():
        table = similarity(chain, data).layers.frame
        return torch.tensor(table["cka"].to_numpy()).reshape(blocks, blocks)

    exact = float((in_float64(model, batches, model.block_names) - ours()).abs().max())
    beside(
        "CKA of all pairs of blocks", name, "torch_cka", IMAGES,
        lambda: by_torch_cka(model, batches, model.block_names), ours,
        lambda theirs, ours: float((theirs - ours).abs().max()),
        note=f"largest difference of a CKA; {exact:.1g} where torch_cka is given float64",
    )  # fmt: skip
    assert exact < CLOSE


def test_a_branch_that_is_held_by_reference_is_the_sum(images, tables):
    """torch_cka's CKA of branches beside that of the same branches, cloned in time."""
    pytest.importorskip("torch_cka", reason="torch_cka is not installed: pip install '.[peers]'")
    model, data = built("resnet20"), images(IMAGES, batch_size=BATCH)
    layers = [f"{name}.bn2" for name in model.block_names]
    batches = loader(unravel(model, data.example()), data)
    found = by_torch_cka(model, batches, layers)
    for name in model.block_names:  # a copy goes on: what is held stays what it was
        block = model.get_submodule(name)
        block.bn2 = nn.Sequential(block.bn2, Copy())
    right = by_torch_cka(model, batches, [f"{layer}.0" for layer in layers])
    gap = float((found - right).abs().max())
    tables.add(
        "peers", work="CKA of all pairs of branches", network="resnet20", against="torch_cka",
        images=IMAGES, rounds=0, agreement=gap,
        note="largest difference to torch_cka on clones: it holds the sum F(x) + x",
    )  # fmt: skip
    assert gap > 0.01


class Copy(nn.Module):
    def forward(self, x):
        return x.clone()
