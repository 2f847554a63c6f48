"""Training loops as users write them."""

import contextlib
import copy

import pytest
import torch
import torch.nn.functional as F
from monitor.models import MODELS, Convolutions, InPlace, Net
from monitor.twin import figures_by_hand
from torch import nn

from resprobe.errors import ResprobeError
from resprobe.monitor import watch
from resprobe.networks import Architecture

FIGURES = slice(8, None)


def trained(model, batches, *, optimiser=None, steps=3, watched=True, **options):
    """Train for a few steps; return the losses and what was seen."""
    optimiser = optimiser or torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    seen = watch(model, batches[0][0], optimiser=optimiser, **options) if watched else None
    losses = []
    with seen or contextlib.nullcontext():
        for x, y in (batches * steps)[:steps]:
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses, seen


@pytest.fixture
def batches(batch):
    return [batch(6, dtype=torch.float32, seed=seed) for seed in (0, 1)]


@pytest.mark.parametrize("name", [*MODELS, "stochastic depth"])
def test_watching_changes_no_bit_of_a_run_and_leaves_no_trace(name, batches, model_state):
    depth = lambda: Architecture("resnet8", width=4, survival=0.5).build()  # noqa: E731
    torch.manual_seed(0)
    model = MODELS.get(name, depth)()
    twin = copy.deepcopy(model)
    torch.manual_seed(1)
    expected, _ = trained(twin, batches, watched=False)
    after_training = model_state(twin)
    torch.manual_seed(1)
    found, seen = trained(model, batches)
    assert found == expected
    assert model_state(model) == after_training
    assert seen.result().frame["step"].max() == 3


def test_an_exception_in_the_loop_leaves_the_model_as_it_was(batches, model_state):
    model = Net(InPlace())
    before = model_state(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop():
        with watch(model, batches[0][0], optimiser=optimiser):
            model(batches[0][0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert model_state(model) == before
    assert not optimiser._optimizer_step_pre_hooks
    assert not optimiser._optimizer_step_post_hooks


def test_every_nth_step_is_recorded_from_the_first_on(batches):
    _, seen = trained(Net(Convolutions()), batches, steps=7, every=3)
    assert seen.result().frame["step"].tolist() == [1, 4, 7]
    assert seen.step == 7


def test_passes_without_gradients_are_not_seen(batches):
    torch.manual_seed(0)
    model = Net(Convolutions())
    (x, y), (other, _) = batches
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser) as seen:
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            model(100 * other)
        optimiser.step()
    assert seen.result().frame["images"].tolist() == [6]


def test_a_pass_that_fails_is_not_seen(batches):
    model = Net(Convolutions())
    (x, y), _ = batches
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser) as seen:
        with pytest.raises(RuntimeError):
            model(x[:, :2])
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
    assert seen.result().frame["images"].tolist() == [6]


def test_the_loss_scale_of_amp_is_taken_out(batches):
    torch.manual_seed(0)
    model = Net(InPlace(), Convolutions())
    twin = copy.deepcopy(model)
    _, plain = trained(twin, batches, steps=1)
    (x, y), _ = batches
    for fused in (False, True):
        scaled = copy.deepcopy(model)
        optimiser = torch.optim.SGD(scaled.parameters(), lr=0.1, momentum=0.9, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        with watch(scaled, x, optimiser=optimiser, scaler=scaler) as seen:
            scaler.scale(F.cross_entropy(scaled(x), y)).backward()
            scaler.step(optimiser)
            scaler.update()
        found, expected = seen.result().frame, plain.result().frame
        assert not found["overflow"].any()
        figures = found.columns[FIGURES]
        assert found[figures].to_numpy() == pytest.approx(expected[figures].to_numpy(), rel=1e-6)


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_a_scaler_left_out_counts_and_is_said(fused, batches):
    torch.manual_seed(0)
    model = Net(Convolutions())
    x, y = batches[0]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    with watch(model, x, optimiser=optimiser, scaler=scaler) as seen:
        for factor in (1.0, 2.0**10, 1.0, 2.0**20):
            optimiser.zero_grad()
            scaler.scale(factor * F.cross_entropy(model(x), y)).backward()
            scaler.step(optimiser)
            scaler.update()
    frame = seen.result().frame
    assert frame["step"].tolist() == [1, 2, 3, 4]
    assert frame["overflow"].tolist() == [False, True, False, True]
    left_out = frame[frame["overflow"]]
    assert left_out[["input", "identity", "residual", "weight_gradient_norm"]].isna().all(axis=None)
    assert frame["images"].eq(6).all()
    assert frame.loc[~frame["overflow"], "update_ratio"].gt(0).all()


def test_activations_in_bfloat16_are_reduced_in_more(batches):
    torch.manual_seed(0)
    model = Net(InPlace(), Convolutions())
    x, y = batches[0]
    seen = {}

    def reference(module, args, output):
        norms = output.detach().double().flatten(1).norm(dim=1)
        seen["dtype"], seen["norm"] = output.dtype, norms.mean().item()

    model.blocks[1].second.register_forward_hook(reference)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser) as watched:
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
    assert seen["dtype"] is torch.bfloat16
    assert watched.result().frame["branch_norm"][1] == pytest.approx(seen["norm"], 1e-6)


def test_an_optimiser_with_a_closure_has_the_gradient_that_it_used(batches):
    torch.manual_seed(0)
    model = Net(Convolutions())
    x, y = batches[0]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure():
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with watch(model, x, optimiser=optimiser) as seen:
        optimiser.step(closure)
        optimiser.step(closure=closure)
    frame = seen.result().frame
    assert frame["update_norm"].tolist() == pytest.approx(
        (0.1 * frame["weight_gradient_norm"]).tolist(), 1e-5
    )
    assert frame["weight_gradient_norm"].nunique() == 2


def test_a_branch_that_was_not_computed_is_said_and_the_others_are_right(batches):
    model = Architecture("resnet8", width=4, survival=0.5).build()
    torch.manual_seed(3)
    _, seen = trained(model, batches, steps=12)
    frame = seen.result().frame
    missed = frame["branch_images"].eq(0)
    assert 3 < missed.sum() < len(frame)
    absent = ["ratio", "branch_norm", "response_std", "identity", "residual"]
    assert frame.loc[missed, absent].isna().all(axis=None)
    assert frame.loc[~missed, absent].notna().all(axis=None)
    assert frame[["input", "shortcut_norm", "images"]].gt(0).all(axis=None)


def test_stochastic_depth_that_scales_in_training_is_seen_as_it_is_added(batches):
    model = Architecture("resnet8", width=4, survival=0.5, survival_scaling="training").build()
    torch.manual_seed(0)
    x, y = batches[0]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    inner = {}
    model.layer3[0].bn2.register_forward_hook(
        lambda module, args, out: inner.update(norm=out.detach().flatten(1).norm(dim=1).mean())
    )
    with watch(model, x, optimiser=optimiser) as seen:
        inner.clear()
        while not inner:
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    row = seen.result().frame.query(f"step == {seen.step} and name == 'layer3.0'")
    survival = model.layer3[0].stochastic_depth.survival
    assert survival == 0.5
    assert row["branch_norm"].item() == pytest.approx(inner["norm"].item() / survival, 1e-5)


def test_a_branch_that_is_never_computed_is_an_error(batches):
    class Skipped(Convolutions):
        def forward(self, x):
            return x if self.training else x + self.branch(x)

    with pytest.raises(ResprobeError, match=r"'blocks\.0' was not computed in 64 passes"):
        trained(Net(Skipped()), batches, steps=65)


def test_a_loop_that_trains_another_object_is_an_error(batches):
    model = Net(Convolutions(), Convolutions())
    other = copy.deepcopy(model)
    (x, y), _ = batches
    optimiser = torch.optim.SGD(other.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser):
        F.cross_entropy(other(x), y).backward()
        with pytest.raises(ResprobeError, match=r"no hook of block 'blocks\.0' and 1 more was run"):
            optimiser.step()


def test_a_block_that_is_used_twice_is_seen_at_each_of_its_calls(batch, one_step):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.block = nn.Conv2d(3, 4, 3), Convolutions()
            self.head = nn.Linear(4, 10)

        def forward(self, x):
            return self.head(self.block(self.block(self.stem(x))).mean((2, 3)))

    torch.manual_seed(0)
    model = Twice().double()
    x, y = batch()
    expected = figures_by_hand(model, x, y)
    frame = one_step(model, x, y)
    for name in ("ratio", "identity", "residual", "input"):
        wanted = [figures[name].item() for figures in expected]
        assert frame[name].tolist() == pytest.approx(wanted, 1e-10)


def test_calls_that_cannot_be_told_apart_are_an_error(batches):
    class Drops(nn.Module):
        """Two blocks share a layer, and in training the first is sometimes left out."""

        def __init__(self):
            super().__init__()
            self.stem, self.shared = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
            self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
            self.head = nn.Linear(4, 10)

        def forward(self, x):
            x = self.stem(x)
            if not self.training:
                x = x + self.shared(self.first(x))
            x = x + self.shared(self.second(x))
            return self.head(x.mean((2, 3)))

    with pytest.raises(ResprobeError, match=r"'shared' was called 1 times .* and 2 times"):
        trained(Drops(), batches, steps=1)
