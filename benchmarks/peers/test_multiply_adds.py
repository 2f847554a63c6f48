"""Multiply-adds of a forward pass: the same count as fvcore's, to the digit."""

import pytest
import torch
from torchvision.models import resnet50

from benchmarks.peers.networks import built
from resprobe.networks import multiply_adds

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

NETWORKS = {
    **{name: (lambda name=name: built(name), 32) for name in ("resnet20", "resnet56", "resnet110")},
    "torchvision resnet50": (lambda: resnet50().eval(), 224),
}


def by_fvcore(model, x):
    from fvcore.nn import FlopCountAnalysis

    counted = FlopCountAnalysis(model, x).unsupported_ops_warnings(False)
    return counted.uncalled_modules_warnings(False).by_operator()


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds(name, beside):
    pytest.importorskip("fvcore", reason="fvcore is not installed: pip install '.[peers]'")
    build, size = NETWORKS[name]
    model, x = build(), torch.zeros(1, 3, size, size)

    def products(operators):
        return operators["conv"] + operators["linear"]

    total, mine = sum(by_fvcore(model, x).values()), multiply_adds(model, x)
    gap = beside(
        "multiply-adds", name, "fvcore", 1,
        lambda: by_fvcore(model, x), lambda: multiply_adds(model, x),
        lambda theirs, ours: abs(products(theirs) - ours),
        note=f"multiply-adds that differ, of {mine}; fvcore's total of {total} has norms and "
        "pooling in it",
    )  # fmt: skip
    assert gap == 0
