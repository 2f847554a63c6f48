"""What is said when numbers stop being finite, wherever that is noticed."""

import dataclasses

import pytest
import torch

from resprobe.datasets import Batches
from resprobe.errors import ResprobeError
from resprobe.training import Pace, Recipe, train
from resprobe.training.divergence import Diverged
from resprobe.training.finite import finite
from resprobe.training.loop import Loop

QUICK = Recipe(name="quick", batch_size=16, learning_rate=0.05, pad=1, flip=False)
WITHOUT = r"lower the learning rate"


@pytest.fixture
def spoilt(monkeypatch):
    """Let a step leave a value that is not finite, after its loss was looked at."""

    def spoil(step, name):
        def stepped(loop, x, y, **more):
            original(loop, x, y, **more)
            if loop.iteration == step:
                with torch.no_grad():
                    loop.model.state_dict()[name].fill_(float("nan"))

        original = Loop.step
        monkeypatch.setattr(Loop, "step", stepped)

    return spoil


@pytest.mark.parametrize("name", ["layer2.0.conv1.weight", "layer2.0.bn1.running_var"])
def test_a_last_step_that_spoils_a_value_is_a_divergence(two_kinds, tiny, tmp_path, spoilt, name):
    spoilt(3, name)
    recipe = dataclasses.replace(QUICK, validation_fraction=0.0)
    wanted = rf"not finite at iteration 3 \(learning rate [\d.]+\); they are in {name}; {WITHOUT}"
    with pytest.raises(Diverged, match=wanted):
        train(tiny, two_kinds(48), recipe=recipe, epochs=1, out=tmp_path / "net.pt")
    assert list(tmp_path.iterdir()) == []


def test_so_is_one_before_a_stop(two_kinds, tiny, tmp_path, spoilt):
    spoilt(1, "conv1.weight")
    with pytest.raises(Diverged, match=r"at iteration 1 .* they are in conv1"):
        train(
            tiny,
            two_kinds(48),
            recipe=QUICK,
            epochs=1,
            out=tmp_path / "net.pt",
            pace=Pace(stop=lambda: True),
        )


def test_a_spoilt_statistic_is_named_by_the_validation(two_kinds, tiny, tmp_path, spoilt):
    spoilt(3, "layer2.0.bn1.running_var")
    wanted = r"the validation loss is nan at iteration 3 .*, as in layer2\.0\.bn1\.running_var"
    with pytest.raises(Diverged, match=wanted):
        train(tiny, two_kinds(50), recipe=QUICK, epochs=1, out=tmp_path / "net.pt")


@pytest.fixture
def loop(two_kinds, tiny, half):
    recipe = dataclasses.replace(QUICK, iterations=4, milestones=())
    feed = two_kinds(32).feed(half, recipe.augmentation)
    return Loop(tiny.build(seed=1), feed, recipe=recipe, seed=0, depth=8)


def test_the_batch_in_which_a_layer_failed_is_searched_for(loop, two_kinds, half, monkeypatch):
    """Of three batches the second alone has images that the first layer cannot take."""
    batches = Batches(two_kinds(12, split="validation"), half, batch_size=4)

    def refuse(module, inputs, output):
        module.calls = getattr(module, "calls", 0) + 1
        return output * float("inf") if module.calls % 3 == 2 else output

    loop.model.layer1[0].conv1.register_forward_hook(refuse)
    wanted = r"the validation loss is nan .* not finite is layer1\.0\.conv1 \(Conv2d\)"
    with pytest.raises(Diverged, match=wanted):
        finite(loop, loop.model, batches, between=lambda: None)


def test_a_layer_is_searched_for_in_the_mode_that_failed(loop, two_kinds, half):
    """Statistics of a tiny variance matter in eval mode alone."""
    with torch.no_grad():
        loop.model.layer2[0].bn1.running_mean.fill_(-3e38)
        loop.model.layer2[0].bn1.weight.fill_(1e10)
    loop.model.train()
    batches = Batches(two_kinds(12, split="validation"), half)
    with pytest.raises(Diverged, match=r"not finite is layer2\.0\.bn1 \(BatchNorm2d\)"):
        finite(loop, loop.model, batches, between=lambda: None)


def test_a_test_loss_that_is_no_number_is_no_result(two_kinds, tiny, tmp_path, monkeypatch):
    """The kept network gives NaN on the test images only: one of them is out of its range."""
    test = two_kinds(12, split="test")

    def refuse(module, inputs, output):
        return output * float("nan") if not module.training and len(output) == 12 else output

    from resprobe.networks import Architecture

    build = Architecture.build

    def built(self, **where):
        model = build(self, **where)
        model.fc.register_forward_hook(refuse)
        return model

    monkeypatch.setattr(Architecture, "build", built)
    with pytest.raises(ResprobeError, match="the test loss is nan at iteration 3"):
        train(tiny, two_kinds(48), recipe=QUICK, epochs=1, out=tmp_path / "net.pt", test=test)
