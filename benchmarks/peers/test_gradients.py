"""How the gradient divides at every block: norms of what leaves it, and by which path.

A peer gives the gradient at the sum, g, and at the outputs of blocks. The rest is arithmetic
that a user adds: the identity part is J_s^T g, the residual part what remains of the whole.
resprobe takes both apart, checks their sum, and gives the gradients of all weights besides.
"""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd.functional import vjp

from benchmarks.peers.conftest import wrapped
from benchmarks.peers.networks import built
from resprobe.chain import unravel
from resprobe.probes import gradflow

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

IMAGES = 64
FIGURES = ["output", "identity", "residual", "input"]
CLOSE = 1e-4  # relative: a difference of float32 that is much smaller than either


def divided(model, at_sum, at_end):
    """Norms of the parts at every block, (blocks, 4), from gradients at sums and outputs."""
    rows, whole = [], at_end["stem"]
    for name in model.block_names:
        shortcut = model.get_submodule(name).downsample
        g = at_sum[name]
        # linear in eval mode: where it is taken does not matter
        identity = g if shortcut is None else vjp(shortcut, torch.zeros_like(whole), g)[1]
        parts = at_end[name], identity, whole - identity, whole
        rows.append(torch.stack([part.flatten(1).double().norm(dim=1) for part in parts]))
        whole = at_end[name]
    return torch.stack(rows)


def by_captum(model, data):
    from captum.attr import LayerGradientXActivation

    layers = [model.relu, *(model.get_submodule(name) for name in model.block_names)]
    layers += [model.get_submodule(f"{name}.bn2") for name in model.block_names]

    def losses(x, y):
        return F.cross_entropy(model(x), y, reduction="none")

    ask = LayerGradientXActivation(losses, layers, multiply_by_inputs=False)
    found = []
    for x, y in data:
        gradients = ask.attribute(x, additional_forward_args=y)
        ends = ["stem", *model.block_names]
        at_end = dict(zip(ends, gradients, strict=False))
        at_sum = dict(zip(model.block_names, gradients[len(ends) :], strict=True))
        found.append(divided(model, at_sum, at_end))
    return torch.cat(found, 2).mean(2)


def by_torchlens(model, data):
    found = []
    for x, y in data:
        at_sum, at_end = asked_of_torchlens(model, x, y)
        found.append(divided(model, at_sum, at_end))
    return torch.cat(found, 2).mean(2)


def asked_of_torchlens(model, x, y):
    """Return the gradients at sums and at outputs; None where it has none."""
    import torchlens as lens

    ends = {"stem": "relu", **{name: name for name in model.block_names}}
    wanted = lens.module("fc")
    for path in [*ends.values(), *(f"{name}.bn2" for name in model.block_names)]:
        wanted = wanted | lens.module(path)
    options = lens.options.CaptureOptions(save_grads=wanted)
    trace = lens.trace(model, x.clone().requires_grad_(), save=wanted, capture=options)
    trace.log_backward(F.cross_entropy(trace["output_1"].out, y, reduction="sum"))
    model.zero_grad()
    at_sum = {name: trace[f"{name}.bn2"].grad for name in model.block_names}
    return at_sum, {name: trace[path].grad for name, path in ends.items()}


def without_gradient(model, data):
    """Count the places of one image at which torchlens has no gradient, and all places."""
    pytest.importorskip("torchlens", reason="torchlens is not installed: pip install '.[peers]'")
    x, y = next(iter(data))
    with wrapped():
        asked = asked_of_torchlens(model, x[:1], y[:1])
    found = [gradient for places in asked for gradient in places.values()]
    missing = sum(gradient is None for gradient in found)
    return (missing, len(found)) if missing else None


def by_resprobe(chain, data):
    frame = gradflow(chain, data, identity=False).blocks.frame
    return torch.tensor(frame[FIGURES].to_numpy())


WAYS = {"captum": by_captum, "torchlens": by_torchlens}
MORE = {"captum": "; captum takes gradients of layers alone, resprobe those of all weights as well"}


@pytest.mark.parametrize("against", WAYS)
@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_gradients_by_path(name, against, images, beside, tables):
    model, data = built(name), images(IMAGES)
    chain = unravel(model, data.example())
    way = WAYS[against]
    if against == "torchlens" and (places := without_gradient(model, data)):
        count, of = places
        tables.add(
            "peers", work="gradients by path", network=name, against=against, images=IMAGES,
            rounds=0, note=f"none: no gradient at {count} of {of} places that were asked for",
        )  # fmt: skip
        pytest.skip("torchlens gave no gradient at some places; the table says at how many")

    def agreement(theirs, ours):
        return float(((theirs - ours).abs() / ours).max())

    gap = beside(
        "gradients by path", name, against, IMAGES,
        lambda: way(model, data), lambda: by_resprobe(chain, data), agreement,
        note=f"largest relative difference{MORE.get(against, '')}",
    )  # fmt: skip
    assert gap < CLOSE


def test_a_backward_hook_on_the_branch_raises(images, tables):
    """PyTorch's own full backward hook cannot be had where the sum is in place."""
    model, data = built("resnet20"), images(8)
    x, y = next(iter(data))
    refused = 0
    for name in model.block_names:
        handle = model.get_submodule(f"{name}.bn2").register_full_backward_hook(lambda *_: None)
        try:
            F.cross_entropy(model(x), y).backward()
        except RuntimeError as error:
            refused += "is being modified inplace" in str(error)
        handle.remove()
    model.zero_grad()
    tables.add(
        "peers", work="gradients by path", network="resnet20", images=8, rounds=0,
        against="register_full_backward_hook on every branch",
        note=f"none: it raises RuntimeError at {refused} of {len(model.block_names)} branches",
    )  # fmt: skip
    assert refused == len(model.block_names)
