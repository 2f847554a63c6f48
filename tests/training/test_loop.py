import contextlib
import copy
import math

import pytest
import torch
import torch.nn.functional as F

from resprobe.datasets import augment
from resprobe.networks import Architecture
from resprobe.training import Recipe
from resprobe.training.divergence import Diverged, culprit
from resprobe.training.loop import Loop, epoch_order
from resprobe.training.recipe.schedule import WINDOW
from resprobe.training.tally import Tally


def loop_over(data, architecture, normalisation, *, seed=5, depth=8, **changes):
    changes = {"batch_size": 8, "iterations": 4, "milestones": (), **changes}
    recipe = Recipe(**changes)
    feed = data.feed(normalisation, recipe.augmentation)
    return Loop(architecture.build(seed=1), feed, recipe=recipe, seed=seed, depth=depth)


def run(loop, epochs=1, after=lambda _: None):
    """Train so many epochs; return their figures."""
    tallies = []
    for _ in range(epochs):
        tallies.append(loop.run_epoch(after))
        loop.next_epoch()
    return tallies


def test_steps_are_those_of_the_textbook(two_kinds, tiny, half):
    """v = 0.9 v + (g + 1e-4 w), w = w - 0.1 v, on batches in the order of (seed, epoch)."""
    data = two_kinds(16)
    loop = loop_over(data, tiny, half, iterations=2)
    twin = tiny.build(seed=1)
    velocity = [torch.zeros_like(weight) for weight in twin.parameters()]
    order = epoch_order(16, seed=5, epoch=1)
    for indices in (order[:8], order[8:]):
        x = (data.images[indices] / 255 - 0.5) / 0.25
        x = augment(x, seed=5, epoch=1, indices=indices)
        loss = F.cross_entropy(twin(x), data.labels[indices])
        gradients = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for weight, v, gradient in zip(twin.parameters(), velocity, gradients, strict=True):
                v.mul_(0.9).add_(gradient + 1e-4 * weight)
                weight.sub_(0.1 * v)

    (tally,) = run(loop)

    assert tally.n == 16
    for (name, weight), ours in zip(twin.named_parameters(), loop.model.parameters(), strict=True):
        torch.testing.assert_close(ours, weight, rtol=1e-4, atol=1e-6, msg=name)
    for name, statistic in twin.named_buffers():
        torch.testing.assert_close(loop.model.get_buffer(name), statistic, rtol=1e-4, atol=1e-6)


def test_a_layer_that_torch_cannot_take_channels_last_is_trained_all_the_same(half):
    """torch 2.14 ends with a segmentation fault in the backward pass, channels last."""
    from resprobe.datasets import ImageSet

    images = torch.randint(0, 256, (8, 1, 56, 56)).to(torch.uint8)
    data = ImageSet(images, torch.arange(8) % 2, ("a", "b"), "large", "train")
    narrow = Architecture.parse("resnet8:shortcut=B:width=8", num_classes=2, in_channels=1)
    loop = loop_over(data, narrow, half, iterations=2)
    assert loop.memory_format is torch.contiguous_format
    run(loop)
    wide = Architecture.parse("resnet8:shortcut=B:width=16", num_classes=2, in_channels=1)
    assert loop_over(data, wide, half).memory_format is torch.channels_last


def test_the_weight_decay_acts_on_every_parameter(two_kinds, tiny, half):
    loop = loop_over(two_kinds(16), tiny, half)
    (group,) = loop.optimiser.param_groups
    assert len(group["params"]) == len(list(loop.model.parameters()))
    assert group["weight_decay"] == 1e-4
    assert group["momentum"] == 0.9


@pytest.mark.parametrize(("images", "seen"), [(16, 16), (20, 20), (17, 16)])
def test_an_epoch_sees_every_image_once_but_leaves_out_a_batch_of_one(
    two_kinds, tiny, half, images, seen
):
    loop = loop_over(two_kinds(images), tiny, half, iterations=1_000)
    batches = loop.chosen()
    together = torch.cat(batches)
    assert len(together) == len(together.unique()) == seen
    assert {len(batch) for batch in batches[:-1]} == {8}


def test_every_epoch_has_its_own_order_and_every_run_of_a_seed_the_same():
    first = epoch_order(100, seed=0, epoch=1)
    assert torch.equal(first, epoch_order(100, seed=0, epoch=1))
    assert not torch.equal(first, epoch_order(100, seed=0, epoch=2))
    assert not torch.equal(first, epoch_order(100, seed=1, epoch=1))
    assert not torch.equal(epoch_order(100, seed=1, epoch=2), epoch_order(100, seed=2, epoch=1))
    assert sorted(first.tolist()) == list(range(100))


def test_an_epoch_is_learnt_in_training_mode_whatever_came_before(two_kinds, tiny, half):
    loop = loop_over(two_kinds(16), tiny, half)
    loop.model.eval()
    run(loop)
    assert all(module.training for module in loop.model.modules())
    assert loop.model.bn1.num_batches_tracked == 2


def test_a_run_ends_at_its_last_iteration_within_an_epoch(two_kinds, tiny, half):
    loop = loop_over(two_kinds(32), tiny, half, iterations=6)
    assert loop.epochs == 2
    assert [tally.n for tally in run(loop, 2)] == [32, 16]
    assert loop.iteration == 6


def test_progress_tells_the_state_after_every_iteration(two_kinds, tiny, half):
    seen = []
    loop = loop_over(two_kinds(20), tiny, half, iterations=6, milestones=(4,))
    tallies = run(loop, 2, seen.append)
    assert [(p.epoch, p.iteration) for p in seen] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 4),
        (2, 5),
        (2, 6),
    ]
    assert {(p.epochs, p.iterations) for p in seen} == {(2, 6)}
    assert [p.learning_rate for p in seen] == pytest.approx([0.1] * 4 + [0.01] * 2)
    assert [(seen[at].loss, seen[at].error) for at in (2, 5)] == [
        (tally.loss, tally.error) for tally in tallies
    ]


def test_a_deep_network_warms_up_and_returns_to_the_rate_of_the_schedule(two_kinds, half):
    """Two classes are told apart more often than 20 % of the time, so 100 batches suffice."""
    architecture = Architecture("resnet8", num_classes=2, in_channels=1, width=1)
    rates = []
    loop = loop_over(
        two_kinds(16), architecture, half, depth=110, iterations=150, milestones=(120,)
    )
    run(loop, loop.epochs, lambda progress: rates.append(progress.learning_rate))
    assert rates == pytest.approx([0.01] * WINDOW + [0.1] * 20 + [0.01] * 30)


def test_a_loss_that_is_no_number_stops_before_the_step_and_says_where(two_kinds, tiny, half):
    loop = loop_over(two_kinds(32), tiny, half)
    with torch.no_grad():
        loop.model.layer2[0].bn1.weight[0] = 3e38
    before = copy.deepcopy(list(loop.model.parameters()))
    wanted = (
        r"the loss is (nan|inf) at iteration 1 \(learning rate 0\.1\); .* layer2\.0\.bn1 \(Batch"
    )
    with pytest.raises(Diverged, match=wanted):
        run(loop)
    assert all(torch.equal(a, b) for a, b in zip(before, loop.model.parameters(), strict=True))
    assert loop.iteration == 0


def test_what_went_wrong_first_is_named(two_kinds, tiny, half):
    x, model = torch.ones(4, 1, 8, 8), tiny.build().train()
    assert culprit(model, x) == "every layer's output is finite, only the loss is not"
    assert "images themselves" in culprit(model, x / 0)
    with torch.no_grad():
        model.layer3[0].conv2.weight[0, 0, 0, 0] = float("nan")
    assert culprit(model, x).endswith("in the network, as in layer3.0.conv2.weight")
    assert not any(module._forward_hooks for module in model.modules())


def test_the_culprit_is_looked_for_with_the_branches_of_the_step_that_failed(two_kinds, half):
    """Every draw gives other branches, and only some of them have the bad layer."""
    architecture = Architecture.parse("resnet8:survival=0.5", num_classes=2, in_channels=1, width=2)
    named = set()
    for seed in range(6):
        loop = loop_over(two_kinds(16), architecture, half, seed=seed)
        with torch.no_grad():
            for block in (loop.model.layer2[0], loop.model.layer3[0]):
                block.bn1.weight.fill_(3e38)
        with contextlib.suppress(Diverged):
            run(loop)
            continue
        with pytest.raises(Diverged) as error:
            run(loop)
        named.add(str(error.value).split("not finite is ")[1].split(" ")[0])
    assert named == {"layer2.0.bn2", "layer3.0.bn2"} or named == {"layer2.0.bn1", "layer3.0.bn1"}


def test_a_tally_weighs_batches_by_their_images():
    tally = Tally().plus(1.0, 3, images=6).plus(4.0, 1, images=2).plus(2.0, 0, images=2)
    assert tally.loss == (6 * 1.0 + 2 * 4.0 + 2 * 2.0) / 10
    assert (tally.error, tally.n) == (0.4, 10)
    assert math.isnan(Tally().loss)


@pytest.mark.parametrize("text", ["resnet8", "resnet8:survival=0.5", "plain8"])
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_loop_goes_on_from_any_step_as_if_nothing_had_been(two_kinds, half, text, steps):
    """Two epochs of three batches, the last of them smaller, cut after some step."""

    class Cut(Exception):
        pass

    def cut(progress):
        if progress.iteration == steps:
            raise Cut

    data, architecture = two_kinds(20), random_network(text)
    changes = {"iterations": 6, "milestones": (4,), "nesterov": True, "warm_up_depth": 8}
    whole, first, second = (loop_over(data, architecture, half, **changes) for _ in range(3))
    wanted = run(whole, 2)
    done = []
    with contextlib.suppress(Cut):
        while True:
            done += [first.run_epoch(cut)]
            first.next_epoch()
    second.model.load_state_dict(first.model.state_dict())
    second.restore(first.state())
    while second.epoch <= 2:
        done += [second.run_epoch()]
        second.next_epoch()
    assert done == wanted
    assert equal(second.model.state_dict(), whole.model.state_dict())
    assert equal(momenta(second), momenta(whole))
    assert second.warm_up == whole.warm_up


def equal(first, second):
    return first.keys() == second.keys() and all(first[k].equal(second[k]) for k in first)


def momenta(loop):
    state = loop.optimiser.state_dict()["state"]
    return {place: kept["momentum_buffer"] for place, kept in state.items()}


def test_momenta_keep_the_memory_layout_of_their_weights(two_kinds, half):
    """Else vectorised kernels would take other paths, which may round differently."""
    architecture = Architecture("resnet8", num_classes=2, in_channels=1, width=4)
    loop, again = (loop_over(two_kinds(16), architecture, half) for _ in range(2))
    run(loop)
    kept = {
        name: value.contiguous() if isinstance(value, torch.Tensor) else value
        for name, value in loop.state().items()
    }
    for momentum in kept["optimiser"]["state"].values():
        momentum["momentum_buffer"] = momentum["momentum_buffer"].contiguous()
    again.restore(kept)
    for weight, state in again.optimiser.state.items():
        assert state["momentum_buffer"].stride() == weight.stride()


RANDOM = ["resnet8:survival=0.5", "resnet8:shortcut=dropout:survival=0.7", "vgg15:dropout=0.5"]


def random_network(text):
    return Architecture.parse(text, num_classes=2, in_channels=1, width=2)


def noise_at_the_global_state():
    torch.rand(17)


@pytest.mark.parametrize("text", RANDOM)
def test_random_layers_draw_alike_in_a_run_that_is_taken_up_again(two_kinds, half, text):
    data, architecture = two_kinds(24), random_network(text)
    whole = loop_over(data, architecture, half, iterations=6)
    first = loop_over(data, architecture, half, iterations=6)
    with torch.random.fork_rng(devices=[]):
        run(whole, 2)
        noise_at_the_global_state()
        run(first)
        second = loop_over(data, architecture, half, iterations=6)
        second.model.load_state_dict(first.model.state_dict())
        second.restore(first.state())
        run(second)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name


@pytest.mark.parametrize("text", RANDOM)
def test_training_with_random_layers_leaves_the_global_state_alone(two_kinds, half, text):
    before = torch.get_rng_state()
    run(loop_over(two_kinds(16), random_network(text), half))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_batch_has_its_own_draws_and_every_seed(two_kinds, half):
    """Which of three branches are computed, in the order of the batches."""

    def computed(seed):
        network = random_network("resnet8:survival=0.5")
        loop = loop_over(two_kinds(64), network, half, seed=seed, iterations=16)
        branches, steps = [], []
        for name in ("layer1", "layer2", "layer3"):
            conv = loop.model.get_submodule(f"{name}.0.conv1")
            conv.register_forward_hook(lambda *_, name=name: branches.append(name))
        loop.model.fc.register_forward_hook(lambda *_: steps.append(len(branches)))
        run(loop, 2)
        return [tuple(branches[a:b]) for a, b in zip([0, *steps], steps, strict=False)]

    found = computed(0)
    assert found == computed(0)
    assert found != computed(1)
    assert found[:8] != found[8:]  # the epochs
    assert len(set(found)) > 3
    assert ("layer1", "layer2", "layer3") in found


def test_a_network_without_random_layers_is_trained_with_no_state_set_at_all(
    two_kinds, tiny, half, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("set a random state")

    monkeypatch.setattr("resprobe.training.descent.seeded_draws", refuse)
    run(loop_over(two_kinds(16), tiny, half))
    with pytest.raises(AssertionError, match="set a random state"):
        run(loop_over(two_kinds(16), random_network(RANDOM[0]), half))


def test_the_images_stay_as_they_are(two_kinds, tiny, half):
    data = two_kinds(16)
    before = copy.deepcopy((data.images, data.labels))
    run(loop_over(data, tiny, half))
    assert torch.equal(data.images, before[0])
    assert torch.equal(data.labels, before[1])
