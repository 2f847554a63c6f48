"""Delete each block, and count the right answers: one sweep beside a run for each deletion."""

import pytest
import torch

from benchmarks.peers.networks import built
from resprobe.chain import unravel
from resprobe.probes import lesion

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]


def by_hooks(model, data):
    """The forward hook that a user writes: the branch's last norm gives zeros."""
    counts = [correct(model, data)]
    for name in model.block_names:
        norm = model.get_submodule(f"{name}.bn2")
        handle = norm.register_forward_hook(lambda _m, _i, output: torch.zeros_like(output))
        counts.append(correct(model, data))
        handle.remove()
    return counts


def correct(model, data):
    with torch.inference_mode():
        return sum(int((model(x).argmax(1) == y).sum()) for x, y in data)


def by_torchlens(model, data):
    import torchlens as lens

    def right(**options):
        total = 0
        with torch.no_grad():
            for x, y in data:
                trace = lens.trace(model, x, save=lens.module("fc"), **options)
                total += int((trace["output_1"].out.argmax(1) == y).sum())
        return total

    ablated = (lens.when(lens.module(f"{n}.bn2"), lens.zero_ablate()) for n in model.block_names)
    return [right(), *(right(intervene=decision) for decision in ablated)]


WAYS = {"hooks": by_hooks, "torchlens": by_torchlens}


@pytest.mark.parametrize(
    ("name", "against", "n"),
    [("resnet20", "hooks", 64), ("resnet56", "hooks", 32), ("resnet20", "torchlens", 32)],
)
def test_single_deletions(name, against, n, images, beside):
    model, data = built(name), images(n)
    chain = unravel(model, data.example())
    way = WAYS[against]
    wrong = beside(
        "single deletions", name, against, n,
        lambda: way(model, data), lambda: lesion(chain, data).frame["correct"].tolist(),
        lambda theirs, ours: sum(abs(a - b) for a, b in zip(theirs, ours, strict=True)),
        note="right answers that differ, in all",
    )  # fmt: skip
    assert wrong == 0
