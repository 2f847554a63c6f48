"""What must hold of every network, ours or a user's."""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from nets import random_images
from torch import Tensor, nn

from resprobe.chain import Call, Chain, Link, run
from resprobe.datasets import Batches, Normalisation
from resprobe.probes import gradflow, lesion


@torch.no_grad()
def enlivened(model: nn.Module, x: Tensor) -> nn.Module:
    """Move weights that start at one value, and give BatchNorm the statistics of ``x``.

    Zeros and ones, and signals that fade, would hide much from a test.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.min() == parameter.max():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    model(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return model


def batches(n: int, *, size: int, classes: int, channels: int = 3) -> Batches:
    images = random_images(n, channels, size, classes)
    return Batches(images, Normalisation((0.5,) * channels, (0.25,) * channels), n)


def without(chain: Chain, blocks: set[int], x: Tensor) -> Tensor:
    """Run the chain with some of its blocks deleted."""
    places = [i for i, step in enumerate(chain.steps) if not isinstance(step, Link)]
    gone = {places[block] for block in blocks}
    program = tuple(Call(i, 0.0 if i in gone else 1.0) for i in range(len(chain.steps)))
    ((_, logits),) = run(chain, [program], x)
    return logits


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Equal up to a share of the largest value: sums in another order differ by float32's."""
    scale = float(expected.abs().max())
    assert scale > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * scale)


@torch.no_grad()
def computes_what_the_model_computes(chain: Chain, model: nn.Module, x: Tensor) -> None:
    expected = model(x.clone())
    assert expected.isfinite().all()
    assert expected.std(0).max() > 0  # the answer depends on the image
    close(chain(x), expected)


@torch.no_grad()
def deletion_is_the_model_without_the_block(
    chain: Chain, model: nn.Module, x: Tensor, cut: Callable[[nn.Module, str], None]
) -> None:
    """Compare deletions with a copy of the model that was cut by hand, block by block."""
    number = len(chain.blocks)
    some = {0, number // 2, number - 1}
    transitions = [i for i, b in enumerate(chain.blocks) if b.kind == "transition"]
    some |= set(transitions[:1] + transitions[-1:])
    whole = chain(x)
    for blocks in [{block} for block in sorted(some)] + [set(range(number))]:
        blocks = {b for b in blocks if chain.blocks[b].deletable}
        if not blocks:
            continue
        twin = copy.deepcopy(model)
        for block in blocks:
            cut(twin, chain.blocks[block].name)
        found = without(chain, blocks, x)
        close(found, twin(x.clone()))
        assert not torch.allclose(found, whole, rtol=1e-3, atol=0)


def fingerprint(model: nn.Module, x: Tensor) -> dict[str, object]:
    with torch.no_grad():
        answer = model(x.clone())
    return {
        "weights": {k: v.clone() for k, v in model.state_dict().items()},
        "modes": [(name, m.training) for name, m in model.named_modules()],
        "flags": [(name, p.requires_grad, p.grad) for name, p in model.named_parameters()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for m in model.modules()
        ],
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "answer": answer,
        "rng": torch.get_rng_state(),
    }


def same_fingerprint(before: dict[str, object], after: dict[str, object]) -> None:
    for key in ("modes", "flags", "hooks", "attributes"):
        assert before[key] == after[key], key
    assert before["weights"].keys() == after["weights"].keys()
    for key, value in before["weights"].items():
        assert torch.equal(value, after["weights"][key]), key
    assert torch.equal(before["answer"], after["answer"])
    assert torch.equal(before["rng"], after["rng"])


def gradient_parts_add_up_to_the_models_own_gradient(
    chain: Chain, model: nn.Module, data: Batches
) -> None:
    """The sums are asserted inside; the weights' gradients are those of the model itself."""
    flow = gradflow(chain, data)
    frame = flow.blocks.frame
    assert len(frame) == len(chain.blocks)
    assert (frame[["output", "input"]] > 0).all().all()
    residual = not chain.is_plain
    assert (frame["residual_share"].between(0, 1)).all()
    assert (frame["identity"].gt(0) if residual else frame["identity"].eq(0)).all()
    ((x, y),) = list(data)
    parameters = dict(model.named_parameters())
    loss = F.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    norms = {
        name: 0.0 if gradient is None else float(gradient.double().norm())
        for name, gradient in zip(parameters, gradients, strict=True)
    }
    found = flow.weights.frame.set_index("parameter")["gradient_norm"]
    largest = max(norms.values())
    for name, expected in norms.items():
        assert abs(found[name] - expected) <= 1e-4 * expected + 1e-6 * largest, name


def lesions_are_one_row_a_block(chain: Chain, data: Batches) -> None:
    frame = lesion(chain, data).frame
    assert len(frame) == 1 + len(chain.blocks)
    assert frame["name"].tolist()[1:] == [block.name for block in chain.blocks]
