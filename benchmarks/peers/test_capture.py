"""What the branches and shortcuts of all blocks are like: capture, and a norm of each image.

The peer gives tensors, of which a norm is taken here; resprobe takes some ten figures more of
each. The network adds in place, as most do: what a hook keeps by reference is not the branch.
"""

import pytest
import torch

from benchmarks.peers.networks import built
from resprobe.chain import unravel
from resprobe.probes import magnitude

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),  # what the peers' own code warns of
]

IMAGES = 64
CLOSE = 1e-5  # relative: sums of float32 in another order


def by_hooks(model, data, *, clone):
    """Keep what the last norm of every branch gives, and every block's output."""
    kept, handles = {}, []
    for name in model.block_names:
        block = model.get_submodule(name)
        for part, module in (("branch", block.bn2), ("shortcut", block.downsample), ("end", block)):
            if module is not None:
                hook = _keeper(kept, (name, part), clone)
                handles.append(module.register_forward_hook(hook))
    handles.append(model.relu.register_forward_hook(_keeper(kept, ("stem", "end"), clone)))
    found = []
    with torch.inference_mode():
        for x, _ in data:
            model(x)
            found.append(norms(model, lambda name, part: kept.get((name, part))))
    for handle in handles:
        handle.remove()
    return means(found)


def _keeper(kept, key, clone):
    def hook(_module, _inputs, output):
        kept[key] = output.clone() if clone else output

    return hook


def by_captum(model, data):
    from captum.attr import LayerActivation

    parts = places(model)
    ask = LayerActivation(model, [model.get_submodule(path) for path in parts.values()])
    found = []
    with torch.no_grad():
        for x, _ in data:
            kept = dict(zip(parts, ask.attribute(x), strict=True))
            found.append(norms(model, lambda name, part, kept=kept: kept.get((name, part))))
    return means(found)


def by_torchlens(model, data):
    import torchlens

    parts = places(model)
    wanted = torchlens.module("relu")
    for path in parts.values():
        wanted = wanted | torchlens.module(path)
    found = []
    with torch.no_grad():
        for x, _ in data:
            trace = torchlens.trace(model, x, save=wanted)
            kept = {key: trace[path].out for key, path in parts.items()}
            found.append(norms(model, lambda name, part, kept=kept: kept.get((name, part))))
    return means(found)


def places(model):
    """The modules whose outputs are wanted: by block and part."""
    parts = {("stem", "end"): "relu"}
    for name in model.block_names:
        parts[name, "branch"] = f"{name}.bn2"
        if model.get_submodule(name).downsample is not None:
            parts[name, "shortcut"] = f"{name}.downsample"
        parts[name, "end"] = name
    return parts


def norms(model, of):
    """Each image's norm of branch and shortcut of every block, (blocks, 2, N)."""
    rows, start = [], of("stem", "end")
    for name in model.block_names:
        shortcut = of(name, "shortcut")
        pair = (of(name, "branch"), start if shortcut is None else shortcut)
        rows.append(torch.stack([part.detach().flatten(1).double().norm(dim=1) for part in pair]))
        start = of(name, "end")
    return torch.stack(rows)


def means(found):
    return torch.cat(found, 2).mean(2)


def by_resprobe(chain, data):
    frame = magnitude(chain, data).blocks.frame
    return torch.tensor(frame[["branch_norm", "shortcut_norm"]].to_numpy())


WAYS = {
    "hooks, cloned": lambda model, data: by_hooks(model, data, clone=True),
    "hooks, by reference": lambda model, data: by_hooks(model, data, clone=False),
    "captum": by_captum,
    "torchlens": by_torchlens,
}
MORE = {"hooks, by reference": ": the sum is in place, what is held is not the branch"}


@pytest.mark.parametrize("against", WAYS)
@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_norms_of_branches_and_shortcuts(name, against, images, beside):
    model, data = built(name), images(IMAGES)
    chain = unravel(model, data.example())
    way = WAYS[against]

    def agreement(theirs, ours):
        return float(((theirs - ours).abs() / ours).max())

    gap = beside(
        "norms of branches and shortcuts", name, against, IMAGES,
        lambda: way(model, data), lambda: by_resprobe(chain, data), agreement,
        note=f"largest relative difference{MORE.get(against, '')}",
    )  # fmt: skip
    if against == "hooks, by reference":
        assert gap > 0.01, "the sum is in place: the hook holds F(x) + x"
    else:
        assert gap < CLOSE
