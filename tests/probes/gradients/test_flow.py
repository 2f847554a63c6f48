import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)
from torch import nn

from resprobe.chain import unravel
from resprobe.datasets import Batches
from resprobe.errors import InputError, ResprobeError
from resprobe.networks import Architecture
from resprobe.probes import gradflow, plan_gradflow
from resprobe.probes.gradients.planning import LOOKED_AT


def flow_of(model, data, **options):
    return gradflow(unravel(model, next(iter(data))[0][:2]), data, network="net", **options)


def gradients_by_hand(chain, block_number, x, y, *, cut):
    """The slow twin: one whole backward with one of a block's two paths detached."""
    hidden = chain.stem(x)
    for number, block in enumerate(chain.steps):
        if number == block_number:
            hidden = start = hidden.detach().requires_grad_()
            shortcut, branch = block.shortcut(hidden), block.branch(hidden)
            if cut == "branch":
                branch = branch.detach()
            elif cut == "shortcut":
                shortcut = shortcut.detach()
            hidden = block.after(shortcut + branch)
        else:
            hidden = block(hidden)
    loss = F.cross_entropy(chain.head(hidden), y, reduction="sum")
    return torch.autograd.grad(loss, start)[0].flatten(1)


@pytest.mark.parametrize("build", [AkamasterNet, TorchvisionNet])
def test_every_part_equals_a_backward_with_the_other_path_detached(build):
    model, data = with_lively_statistics(build()).eval(), random_batches(24, size=32, batch_size=10)
    chain = unravel(model, next(iter(data))[0][:2])
    frame = gradflow(chain, data).blocks.frame
    x, y = next(iter(Batches(data.data, data.normalisation, 24)))
    for number in range(len(chain.blocks)):
        parts = {
            name: gradients_by_hand(chain, number, x, y, cut=cut)
            for name, cut in (("identity", "branch"), ("residual", "shortcut"), ("input", ""))
        }
        for name, gradient in parts.items():
            assert frame.loc[number, name] == pytest.approx(
                float(gradient.norm(dim=1).mean()), rel=1e-5
            )
        identity, residual = parts["identity"], parts["residual"]
        cosine = F.cosine_similarity(identity, residual).mean()
        share = residual.norm(dim=1) / (identity.norm(dim=1) + residual.norm(dim=1))
        assert frame.loc[number, "cosine"] == pytest.approx(float(cosine), rel=1e-4, abs=1e-6)
        assert frame.loc[number, "residual_share"] == pytest.approx(float(share.mean()), rel=1e-5)
        standard_error = parts["input"].norm(dim=1).std() / 24**0.5
        assert frame.loc[number, "input_se"] == pytest.approx(float(standard_error), rel=1e-4)


def test_a_blocks_output_is_the_next_ones_input():
    frame = flow_of(with_lively_statistics(AkamasterNet()), random_batches(20)).blocks.frame
    np.testing.assert_allclose(frame["output"][:-1], frame["input"][1:], rtol=1e-12)


def test_a_linear_block_sends_one_part_in_one_plus_a_through_its_shortcut():
    factors, data = (0.5, -0.25, 2.0), random_batches(12, channels=4, size=1, classes=4)
    frame = flow_of(LinearResNet(*factors), data).blocks.frame
    for number, a in enumerate(factors):
        row = frame.loc[number]
        assert row["identity"] / row["input"] == pytest.approx(1 / (1 + a), rel=1e-6)
        assert row["residual"] / row["input"] == pytest.approx(abs(a) / (1 + a), rel=1e-6)
        assert row["residual_share"] == pytest.approx(abs(a) / (1 + abs(a)), rel=1e-6)
        assert row["cosine"] == pytest.approx(np.sign(a), rel=1e-6)
        assert row["input"] / row["output"] == pytest.approx(1 + a, rel=1e-6)


def test_a_branch_of_zero_carries_no_gradient():
    model = with_lively_statistics(AkamasterNet())
    nn.init.zeros_(model.layer1[1].bn2.weight)
    frame = flow_of(model, random_batches(20)).blocks.frame
    assert frame.loc[1, "residual"] == 0
    assert frame.loc[1, "residual_share"] == 0
    assert frame.loc[1, "identity"] == frame.loc[1, "input"] > 0
    assert frame.loc[0, "residual"] > 0


def test_a_plain_block_has_no_identity_part():
    frame = flow_of(
        Architecture("plain20", width=4).build(), random_batches(10), batch_norm="batch"
    )
    frame = frame.blocks.frame
    assert (frame["identity"] == 0).all()
    assert (frame["residual"] == frame["input"]).all()
    assert (frame["residual_share"] == 1).all()
    assert (frame["input"] > 0).all()


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_weight_gradients_are_those_of_the_mean_loss(batch_norm):
    model, data = with_lively_statistics(AkamasterNet()), random_batches(30, batch_size=30)
    weights = flow_of(model, data, batch_norm=batch_norm).weights.frame
    model.train(batch_norm == "batch")
    x, y = next(iter(data))
    F.cross_entropy(model(x), y).backward()
    expected = {name: float(p.grad.norm()) for name, p in model.named_parameters()}
    found = dict(zip(weights["parameter"], weights["gradient_norm"], strict=True))
    assert found == pytest.approx(expected, rel=1e-4)
    norms = {name: float(p.detach().norm()) for name, p in model.named_parameters()}
    assert dict(zip(weights["parameter"], weights["weight_norm"], strict=True)) == pytest.approx(
        norms
    )


def test_weights_know_the_block_that_they_are_in():
    weights = flow_of(AkamasterNet(), random_batches(8), batch_norm="batch").weights.frame
    place = weights.set_index("parameter")["block"]
    assert place["conv1.weight"] == -1
    assert place["layer1.0.conv1.weight"] == 0
    assert place["layer2.0.bn2.bias"] == 2
    assert place["linear.weight"] == 6


def test_figures_in_eval_mode_do_not_depend_on_the_batches():
    model = with_lively_statistics(AkamasterNet())
    one, many = (flow_of(model, random_batches(20, batch_size=size)) for size in (3, 20))
    numbers = ["output", "identity", "residual", "input", "residual_share", "input_se"]
    np.testing.assert_allclose(one.blocks.frame[numbers], many.blocks.frame[numbers], rtol=1e-4)
    np.testing.assert_allclose(
        one.weights.frame["gradient_norm"], many.weights.frame["gradient_norm"], rtol=1e-3
    )


def test_under_batch_statistics_a_plain_network_grows_and_a_residual_one_does_not():
    # Yang et al. 2019: sqrt(pi / (pi - 1)) = 1.211 per layer in a plain ReLU network
    data = random_batches(32, size=16, batch_size=32)
    growth = {}
    for name in ("plain32", "resnet32"):
        frame = flow_of(Architecture(name, width=8).build(), data, batch_norm="batch").blocks.frame
        growth[name] = frame.loc[0, "input"] / frame.loc[14, "output"]
    assert growth["plain32"] > 5 * growth["resnet32"]


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_the_model_is_left_as_found_also_when_interrupted(model_state, batch_norm):
    model, data = with_lively_statistics(AkamasterNet()).train(), random_batches(20)
    model.linear.bias.requires_grad_(False)
    chain = unravel(model, next(iter(data))[0][:2])
    before = model_state(model)
    gradflow(chain, data, batch_norm=batch_norm)
    assert model_state(model) == before

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradflow(chain, data, batch_norm=batch_norm, progress=stop)
    assert model_state(model) == before


def test_it_works_where_gradients_are_switched_off():
    with torch.no_grad():
        frame = flow_of(with_lively_statistics(AkamasterNet()), random_batches(8)).blocks.frame
    assert (frame["input"] > 0).all()


def test_gradients_that_overflow_are_named():
    model = with_lively_statistics(AkamasterNet())
    chain = unravel(model, torch.zeros(2, 3, 16, 16))
    with torch.no_grad():
        model.linear.weight.fill_(float("inf"))
    with pytest.raises(ResprobeError, match=r"gradient at block layer3.1 is not finite"):
        gradflow(chain, random_batches(4))


def test_a_block_that_does_not_enter_the_loss_is_named():
    class Dead(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Conv2d(3, 3, 1)
            self.fc = nn.Linear(3, 10)

        def forward(self, x):
            x = x + self.f(x)
            return self.fc(torch.zeros_like(x).mean((2, 3)))

    with pytest.raises(ResprobeError, match="no gradient reached block f; "):
        flow_of(Dead(), random_batches(4))


def test_under_batch_statistics_nothing_but_batch_norm_is_in_training_mode():
    class Dropped(AkamasterNet):
        def __init__(self, p):
            super().__init__()
            self.drop = nn.Dropout(p)

        def forward(self, x):
            return super().forward(self.drop(x))

    data = random_batches(12)
    dropping, keeping = Dropped(0.9), Dropped(0.0)
    keeping.load_state_dict(dropping.state_dict())
    with_dropout, without = (
        flow_of(model, data, batch_norm="batch").blocks.frame for model in (dropping, keeping)
    )
    np.testing.assert_array_equal(with_dropout["input"], without["input"])


def test_a_frozen_layer_that_nothing_uses_has_gradient_zero():
    model = with_lively_statistics(AkamasterNet())
    model.aux = nn.Linear(3, 3).requires_grad_(False)
    weights = flow_of(model, random_batches(8)).weights.frame.set_index("parameter")
    assert weights.loc["aux.weight", "gradient_norm"] == 0
    assert weights.loc["linear.weight", "gradient_norm"] > 0
    assert not model.aux.weight.requires_grad


def test_images_that_do_not_fit_are_refused():
    chain = unravel(AkamasterNet(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(InputError, match="head has 10 classes and random has 3"):
        gradflow(chain, random_batches(4, classes=3))


def test_the_plan_runs_nothing_for_keeps(model_state):
    model, data = with_lively_statistics(AkamasterNet()), random_batches(40, batch_size=20)
    before = model_state(model)
    plan = plan_gradflow(unravel(model, next(iter(data))[0][:2]), data)
    assert (plan.images, plan.programs, plan.block_evaluations) == (40, 1, 6)
    assert plan.duration_s > 0
    # what is held: parameters and images; what is saved: at least the input of each convolution
    held = sum(p.numel() * 4 for p in model.parameters()) + 40 * 3 * 16 * 16
    saved = 20 * 4 * (3 * 256 + 5 * 4 * 256 + 4 * 8 * 64 + 4 * 16 * 16)
    assert held + saved < plan.memory_bytes < 5 * (held + saved)
    assert model_state(model) == before


def test_the_plan_scales_what_it_timed_to_all_images(monkeypatch):
    monkeypatch.setattr("time.perf_counter", iter(range(100)).__next__)  # all takes a second
    data = random_batches(160, batch_size=16)
    plan = plan_gradflow(unravel(AkamasterNet(), data.example()), data)
    assert plan.duration_s == LOOKED_AT * 160 / 16


@pytest.mark.parametrize("n", [9, 3])
def test_a_last_batch_of_one_image_joins_the_one_before_it(n):
    model = Architecture("resnet8", width=4).build()
    data = random_batches(n, batch_size=n - 1)
    joined = flow_of(model, data, batch_norm="batch")
    whole = flow_of(model, random_batches(n, batch_size=n), batch_norm="batch")
    assert (joined.blocks.frame["n"] == n).all()
    pd.testing.assert_frame_equal(joined.blocks.frame, whole.blocks.frame)
    pd.testing.assert_frame_equal(joined.weights.frame, whole.weights.frame)
    running = flow_of(model, data, batch_norm="running").blocks.meta
    assert running["data"]["batch_size"] == n - 1


@pytest.mark.parametrize("measure", [gradflow, plan_gradflow])
@pytest.mark.parametrize(
    ("n", "batch_size", "advice"), [(1, 64, "more images"), (5, 1, "a larger batch size")]
)
def test_one_image_has_no_statistics_of_a_batch(measure, n, batch_size, advice):
    data = random_batches(n, batch_size=batch_size)
    chain = unravel(Architecture("resnet8", width=4).build(), data.example())
    with pytest.raises(InputError, match=f"at least 2 images in a batch; got {n} .*{advice}"):
        measure(chain, data, batch_norm="batch")
    measure(chain, data, batch_norm="running")


def test_a_network_without_batch_norm_takes_any_batch_and_claims_no_statistics():
    data = random_batches(3, batch_size=1)
    fixup = flow_of(Architecture("resnet8", width=4, init="fixup").build(),
                    data, batch_norm="batch")  # fmt: skip
    assert fixup.blocks.meta["batch_norm"] is fixup.weights.meta["batch_norm"] is None
    with_norm = flow_of(Architecture("resnet8", width=4).build(), data)
    assert with_norm.blocks.meta["batch_norm"] == "running"
