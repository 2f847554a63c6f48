import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)

from resprobe.chain import ResidualBlock, unravel
from resprobe.networks import Architecture
from resprobe.probes import gradflow

PATH = ["identity_path", "identity_path_cosine", "identity_gain"]


def frame_of(model, data, **options):
    return gradflow(unravel(model, data.example()), data, **options).blocks.frame


def test_along_identity_shortcuts_the_gradient_at_the_top_arrives_unchanged():
    data = random_batches(12, channels=4, size=1, classes=4, batch_size=5)
    frame = frame_of(LinearResNet(0.5, -0.25, 2.0), data)
    top = frame["output"].iloc[-1]
    assert frame["identity_path"].tolist() == pytest.approx([top] * 3, rel=1e-6)
    assert frame["identity_gain"].tolist() == pytest.approx([1.0] * 3, rel=1e-6)
    assert frame["identity_path_se"].tolist() == pytest.approx(
        [frame["output_se"].iloc[-1]] * 3, rel=1e-6
    )
    assert frame["identity_path_cosine"].tolist() == pytest.approx([1.0] * 3, rel=1e-6)


def test_where_the_branches_turn_the_gradient_round_the_path_points_the_other_way():
    frame = frame_of(LinearResNet(-3.0), random_batches(8, channels=4, size=1, classes=4))
    assert frame["identity_path_cosine"].tolist() == pytest.approx([-1.0], rel=1e-6)


def through_shortcuts_alone(chain, x, y):
    """The slow twin: a whole backward for each block, in which no branch has a gradient."""
    parts = []
    for number in range(len(chain.blocks)):
        hidden, seen, place = chain.stem(x), None, 0
        for step in chain.steps:
            if not isinstance(step, ResidualBlock):
                hidden = step(hidden)
                continue
            if place == number:
                hidden = seen = hidden.detach().requires_grad_()
            branch = step.branch(hidden).detach() if place >= number else step.branch(hidden)
            hidden = step.after(step.shortcut(hidden) + branch)
            place += 1
        loss = F.cross_entropy(chain.head(hidden), y, reduction="sum")
        parts.append(torch.autograd.grad(loss, seen)[0].flatten(1).double())
    return parts


def build(name):
    if name == "akamaster":
        return with_lively_statistics(AkamasterNet())
    if name == "torchvision":
        return with_lively_statistics(TorchvisionNet())
    return with_lively_statistics(Architecture.parse(name).build())


@pytest.mark.parametrize(
    "name", ["akamaster", "torchvision", "preresnet14:width=4", "resnet14:width=4:shortcut=B"]
)
def test_the_path_is_a_backward_without_branches(name):
    model, data = build(name).eval(), random_batches(10, size=32, batch_size=10)
    chain = unravel(model, data.example())
    frame = gradflow(chain, data).blocks.frame
    ((x, y),) = data
    top = None
    for number, part in reversed(list(enumerate(through_shortcuts_alone(chain, x, y)))):
        norms = part.norm(dim=1)
        assert frame.loc[number, "identity_path"] == pytest.approx(norms.mean().item(), rel=1e-5)
        error = (norms.std() / 10**0.5).item()
        assert frame.loc[number, "identity_path_se"] == pytest.approx(error, rel=1e-4)
        top = frame["output"].iloc[-1] if top is None else top
    # in the last block it is the block's own identity part
    last = frame.iloc[-1]
    assert last["identity_path"] == pytest.approx(last["identity"], rel=1e-6)


def test_cosine_and_gain_are_means_over_images():
    model, data = build("akamaster").eval(), random_batches(9, size=16, batch_size=4)
    chain = unravel(model, data.example())
    frame = gradflow(chain, data).blocks.frame
    x, y = (torch.cat(parts) for parts in zip(*data, strict=True))
    path = through_shortcuts_alone(chain, x, y)[0]
    hidden = chain.stem(x).detach().requires_grad_()
    ends = hidden
    for step in chain.steps:
        ends = step(ends)
    loss = F.cross_entropy(chain.head(ends), y, reduction="sum")
    whole, top = (g.flatten(1).double() for g in torch.autograd.grad(loss, [hidden, ends]))
    cosine = F.cosine_similarity(path, whole).mean().item()
    gain = (path.norm(dim=1) / top.norm(dim=1)).mean().item()
    assert frame.loc[0, "identity_path_cosine"] == pytest.approx(cosine, rel=1e-4)
    assert frame.loc[0, "identity_gain"] == pytest.approx(gain, rel=1e-5)


@pytest.mark.parametrize(
    ("factor", "batch_norm"), [pytest.param(0.5, "batch", marks=pytest.mark.long), (0.9, "running")]
)
def test_scaled_shortcuts_leave_the_product_of_their_factors(factor, batch_norm):
    """He et al. 2016, eq. 8: 0.5 ** 54 = 5.6e-17 in a network of 110 layers."""
    model = Architecture.parse(f"preresnet110:width=2:shortcut=scaled:scale={factor}").build()
    frame = frame_of(model, random_batches(6, size=8, batch_size=3), batch_norm=batch_norm)
    gain = frame["identity_gain"].to_numpy()
    assert len(gain) == 54
    np.testing.assert_allclose(gain[37:], factor ** np.arange(17, 0, -1), rtol=1e-5)
    step = gain[:-1] / gain[1:]
    identity = (frame["kind"] == "identity").to_numpy()[:-1]
    np.testing.assert_allclose(step[identity], factor, rtol=1e-5)
    # where channels are padded, what came back to the padding ends there
    assert (step[~identity] < factor).all()
    assert 0.05 * factor**54 < gain[0] < factor**54


class ScaledShortcut(torch.nn.Module):
    """0.5 x + 0.5 x, the second by a layer."""

    def __init__(self):
        super().__init__()
        self.f = torch.nn.Conv2d(4, 4, 1, bias=False)
        self.f.weight = torch.nn.Parameter(0.5 * torch.eye(4)[:, :, None, None])

    def forward(self, x):
        return 0.5 * x + self.f(x)


@pytest.mark.parametrize("blocks", [3, 180])
def test_a_product_beyond_float32_does_not_vanish(blocks):
    """0.5 ** 180 is 6.5e-55, and float32 ends at 1.4e-45."""
    model = torch.nn.Sequential(*(ScaledShortcut() for _ in range(blocks)), torch.nn.Flatten())
    data = random_batches(5, channels=4, size=1, classes=4)
    frame = frame_of(model, data)
    expected = 0.5 ** np.arange(blocks, 0, -1)
    np.testing.assert_allclose(frame["identity_gain"], expected, rtol=1e-5)
    np.testing.assert_allclose(frame["input"], frame["output"].iloc[-1], rtol=1e-4)
    assert frame["identity_path_cosine"].min() > 0.999
    assert frame["layers"].tolist() == [1] * blocks


def test_a_plain_network_has_no_such_path_and_it_can_be_left_out():
    data = random_batches(6)
    plain = frame_of(Architecture("plain8", width=2).build(), data, batch_norm="batch")
    assert plain[PATH].isna().all(axis=None)
    model = with_lively_statistics(AkamasterNet())
    without, with_it = (frame_of(model, data, identity=choice) for choice in (False, True))
    assert without[PATH].isna().all(axis=None)
    assert with_it[PATH].notna().all(axis=None)
    same = [c for c in with_it if not c.startswith("identity_")]
    assert without[same].equals(with_it[same])


def test_the_identity_path_does_not_depend_on_the_batches_in_eval_mode():
    model = with_lively_statistics(AkamasterNet())
    one, many = (frame_of(model, random_batches(20, batch_size=size)) for size in (3, 20))
    np.testing.assert_allclose(one[PATH], many[PATH], rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-3, 3).filter(lambda a: abs(1 + a) > 0.1), min_size=1, max_size=5))
def test_in_any_linear_network_whole_and_path_differ_by_the_product_of_the_blocks(factors):
    frame = frame_of(LinearResNet(*factors), random_batches(4, channels=4, size=1, classes=4))
    products = np.cumprod(1 + np.array(factors)[::-1])[::-1]
    ratio = frame["input"] / frame["identity_path"]
    np.testing.assert_allclose(ratio, np.abs(products), rtol=1e-4)
    np.testing.assert_allclose(frame["identity_path_cosine"], np.sign(products), rtol=1e-5)
