"""Training with K of L blocks in every batch."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from training.small_run import EPOCHS, RECIPE, SEED, STEPS, Killed, assert_same, at_steps

from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.errors import UsageError
from resprobe.monitor import Watching
from resprobe.networks import Architecture
from resprobe.networks.blocks import ResidualBlock
from resprobe.training import Execution, Recipe, Stopped, evaluate, plan_training, train
from resprobe.training.loop import Loop

NETWORK = Architecture.parse("resnet20:blocks_per_batch=4", num_classes=2, in_channels=1, width=2)


def trained(data, out, **more):
    return train(
        NETWORK, data, out=out, **{"recipe": RECIPE, "epochs": EPOCHS, "seed": SEED, **more}
    )


@pytest.fixture(scope="module")
def whole_of_it(data, tmp_path_factory):
    return trained(data, tmp_path_factory.mktemp("whole") / "net.pt")


@pytest.mark.parametrize("cuts", [[(2, False)], [(1, True), (4, False)], [(STEPS, False)]])
def test_a_run_that_was_interrupted_ends_as_one_that_never_was(data, whole_of_it, tmp_path, cuts):
    for step, killed in cuts:
        pace = at_steps(step, raises=Killed if killed else None)
        with contextlib.suppress(Killed, Stopped):
            trained(data, tmp_path / "net.pt", resume=True, pace=pace)
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole_of_it, tmp_path)


def drawn(data, half, *, recipe, seed=0, epochs=1):
    loop = Loop(
        NETWORK.build(seed=0),
        data.feed(half, recipe.augmentation),
        recipe=recipe.for_run(len(data), epochs=epochs),
        seed=seed,
        depth=20,
    )
    batches, blocks = [], [m for m in loop.model.modules() if isinstance(m, ResidualBlock)]
    loop.model.register_forward_pre_hook(lambda *_: batches.append([]))
    for place, block in enumerate(blocks):
        block.conv2.register_forward_hook(lambda *_, place=place: batches[-1].append(place))
    while loop.epoch <= loop.epochs:
        loop.run_epoch()
        loop.next_epoch()
    return batches


def test_every_batch_draws_k_blocks_by_seed_epoch_and_batch(two_kinds, half):
    data, recipe = two_kinds(64), dataclasses.replace(RECIPE, batch_size=8)
    first, again = (drawn(data, half, recipe=recipe, epochs=3) for _ in range(2))
    other = drawn(data, half, recipe=recipe, epochs=3, seed=1)
    assert first == again != other
    assert all(len(set(places)) == len(places) == 4 for places in (*first, *other))
    assert len({tuple(places) for places in first}) > len(first) / 2
    counts = np.bincount(np.concatenate(first), minlength=9)
    assert counts.sum() == 4 * len(first)


def test_the_checkpoint_answers_as_the_trainer_did(data, whole_of_it):
    (notes,) = whole_of_it.meta["networks"]
    assert notes["network"] == "resnet20:width=2:blocks_per_batch=4"
    kept = load(notes["checkpoint"])
    assert kept.architecture == NETWORK
    _, held_out = data.holdout(RECIPE.validation_fraction, seed=0)
    model = kept.model.to(memory_format=torch.channels_last)  # as it lay in training
    seen = evaluate(model, Batches(held_out, kept.normalisation))
    assert kept.figures["validation_error"] == seen.error
    assert kept.figures["validation_loss"] == seen.loss


def test_another_number_of_blocks_is_another_run(data, whole_of_it):
    (notes,) = whole_of_it.meta["networks"]
    with pytest.raises(UsageError, match="a training of resnet20:width=2:blocks_per_batch=4, and"):
        train(
            dataclasses.replace(NETWORK, blocks_per_batch=5),
            data,
            out=notes["checkpoint"],
            recipe=RECIPE,
            epochs=EPOCHS,
            seed=SEED,
            resume=True,
        )


def test_watching_changes_nothing(data, whole_of_it, tmp_path):
    result = trained(data, tmp_path / "net.pt", watching=Watching(every=1))
    assert_same(result, whole_of_it, tmp_path)
    assert (tmp_path / "net-watch.csv").stat().st_size > 0


def test_it_is_not_compiled(data):
    execution = dataclasses.replace(Execution.on("cpu"), compile_forward=True)
    with pytest.raises(UsageError, match=r"makes every batch another network.*leave --compile out"):
        plan_training(NETWORK, data, recipe=Recipe(), epochs=1, execution=execution)


def test_the_global_random_state_is_left_alone(data, tmp_path):
    before = torch.get_rng_state()
    trained(data, tmp_path / "net.pt", epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
