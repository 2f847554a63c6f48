"""Which optimiser a recipe means, and that Adam's runs go on as those of SGD do."""

import dataclasses

import pytest
import torch
from torch import nn
from training.small_run import RECIPE, Killed, assert_same, at_steps, trained

from resprobe.checkpoints import load
from resprobe.datasets import Normalisation
from resprobe.errors import UsageError
from resprobe.networks import Architecture
from resprobe.training import Optimiser, Recipe, Stopped, recipes
from resprobe.training.checking import check_state
from resprobe.training.loop import Loop
from resprobe.training.optimisers import MOMENTA, lay_out_momenta, optimiser_of

ADAM = dataclasses.replace(RECIPE, name="adam", optimiser=Optimiser.ADAM, learning_rate=0.01)


@pytest.fixture
def weight():
    """A weight of 2 whose gradient is 3."""
    weight = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    weight.grad = torch.tensor([3.0], dtype=torch.float64)
    return weight


def test_the_first_step_of_adam_has_the_length_of_the_rate_whatever_the_gradient(weight):
    """g = 3 + 0.25 * 2 = 3.5, and both moments are corrected: 2 - 0.1 * 3.5 / (3.5 + 1e-8)."""
    recipe = Recipe(optimiser="adam", learning_rate=0.1, weight_decay=0.25)
    optimiser_of(recipe, [weight]).step()
    assert weight.item() == pytest.approx(2 - 0.1 * 3.5 / (3.5 + 1e-8), abs=1e-15)


def test_the_second_step_of_adam_weighs_the_first_by_the_momentum(weight):
    recipe = Recipe(optimiser="adam", learning_rate=0.1, weight_decay=0.0, momentum=0.8)
    optimiser = optimiser_of(recipe, [weight])
    optimiser.step()
    before = weight.item()
    weight.grad = torch.tensor([-1.0], dtype=torch.float64)
    optimiser.step()
    mean = (0.8 * 0.2 * 3 + 0.2 * -1) / (1 - 0.8**2)
    square = (0.999 * 0.001 * 9 + 0.001 * 1) / (1 - 0.999**2)
    assert weight.item() == pytest.approx(before - 0.1 * mean / (square**0.5 + 1e-8), rel=1e-12)


def test_the_usual_optimiser_is_gradient_descent_with_the_recipes_numbers(weight):
    """Nesterov: 2 - 0.5 * (g + 0.9 * g) with g = 3 + 0.25 * 2."""
    recipe = Recipe(learning_rate=0.5, weight_decay=0.25, nesterov=True)
    optimiser = optimiser_of(recipe, [weight])
    assert type(optimiser) is torch.optim.SGD
    optimiser.step()
    assert weight.item() == pytest.approx(2 - 0.5 * 1.9 * 3.5, rel=1e-12)


def test_the_loop_takes_the_steps_of_a_loop_written_by_hand(data):
    feed = data.feed(Normalisation((0.5,), (0.25,)), ADAM.augmentation)
    recipe = dataclasses.replace(ADAM, iterations=4, milestones=(), warm_up_depth=None)
    network = Architecture("resnet8", num_classes=2, in_channels=1, width=2)
    loop = Loop(network.build(seed=0), feed, recipe=recipe, seed=0, depth=8)
    other = network.build(seed=0).to(memory_format=loop.memory_format).train()
    adam = torch.optim.Adam(other.parameters(), lr=0.01, weight_decay=1e-4)
    loop.model.train()
    x, y = next(iter(feed.batches([torch.arange(8)], seed=0, epoch=1)))
    for _ in range(3):
        loop.step(x, y)
        adam.zero_grad()
        nn.functional.cross_entropy(other(loop.laid_out(x)), y).backward()
        adam.step()
    for ours, theirs in zip(loop.model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.fixture(scope="module")
def whole_adam(data, tmp_path_factory):
    """The small run with Adam, interrupted by nobody."""
    return trained(data, tmp_path_factory.mktemp("adam") / "net.pt", recipe=ADAM)


def test_a_run_with_adam_that_was_interrupted_ends_bit_for_bit_as_one_that_never_was(
    data, whole_adam, tmp_path
):
    out = tmp_path / "net.pt"
    with pytest.raises(Stopped):
        trained(data, out, recipe=ADAM, pace=at_steps(2))
    kept = load(tmp_path / "net-last.pt").state["loop"]["optimiser"]["state"]
    assert {"step", "exp_avg", "exp_avg_sq"} == set(kept[0])
    with pytest.raises(Killed):
        trained(data, out, recipe=ADAM, resume=True, pace=at_steps(5, raises=Killed))
    assert_same(trained(data, out, recipe=ADAM, resume=True), whole_adam, tmp_path)


def test_a_run_with_adam_is_not_gone_on_with_by_gradient_descent(data, tmp_path):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", recipe=ADAM, pace=at_steps(2))
    other = dataclasses.replace(ADAM, optimiser=Optimiser.SGD)
    with pytest.raises(UsageError, match="its recipe has optimiser = adam, and not sgd"):
        trained(data, tmp_path / "net.pt", recipe=other, resume=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exp_avg", None),
        ("exp_avg_sq", torch.zeros(3)),
        ("exp_avg", torch.nan),
        ("step", torch.tensor(0.0)),
        ("step", torch.tensor(torch.nan)),
        ("step", None),
    ],
)
def test_a_state_that_adam_cannot_have_left_is_refused(data, name, value):
    feed = data.feed(Normalisation((0.5,), (0.25,)), ADAM.augmentation)
    network = Architecture("resnet8", num_classes=2, in_channels=1, width=2)
    loop = Loop(network.build(seed=0), feed, recipe=ADAM.for_run(32, epochs=1), seed=0, depth=8)
    loop.run_epoch(lambda _: None)
    state = loop.state()
    check_state(state, loop)
    first = state["optimiser"]["state"][0]
    first[name] = torch.full_like(first[name], value) if value is torch.nan else value
    with pytest.raises(ValueError, match="weight 0"):
        check_state(state, loop)


def test_momenta_take_the_memory_layout_of_their_weights():
    weight = nn.Parameter(torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last))
    values = torch.arange(96.0).reshape(2, 3, 4, 4)
    state = {weight: {"exp_avg": values, "exp_avg_sq": values + 1, "step": torch.tensor(1.0)}}
    lay_out_momenta(state, MOMENTA[Optimiser.ADAM])
    for name, wanted in (("exp_avg", values), ("exp_avg_sq", values + 1)):
        assert state[weight][name].is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(state[weight][name], wanted)


def test_a_recipe_becomes_adam_by_a_text_and_by_its_american_name_only_with_a_hint():
    changed = Recipe().changed({"optimiser": "adam", "learning_rate": "0.001"})
    assert changed.optimiser is Optimiser.ADAM
    assert Recipe.from_dict(changed.to_dict()) == changed
    with pytest.raises(UsageError, match="'optimizer': did you mean 'optimiser'"):
        Recipe().changed({"optimizer": "adam"})
    with pytest.raises(UsageError, match="nesterov of short must be false with optimiser=adam"):
        recipes["short"].changed({"optimiser": "adam"})
