"""A small run that is interrupted, and what it must agree with."""

import pandas as pd
import torch

from resprobe.checkpoints import load
from resprobe.networks import Architecture
from resprobe.training import Pace, Recipe, train

RECIPE = Recipe(name="quick", batch_size=8, learning_rate=0.05, pad=1, validation_fraction=0.25)
SEED = 1  # with which epoch 2 is the best of three, so that best and last differ
EPOCHS, STEPS = 3, 9  # of 24 images, so that a batch of 8 is three steps an epoch
NETWORK = Architecture.parse("resnet8:survival=0.6", num_classes=2, in_channels=1, width=2)


class Killed(BaseException):
    """What no handler expects."""


def at_steps(*wanted, raises=None):
    """Stop, or die, after each of these steps, once each."""
    left, asked = set(wanted), []

    def progress(at):
        if at.iteration in left:
            left.discard(at.iteration)
            if raises is not None:
                raise raises
            asked.append(at.iteration)

    return Pace(progress=progress, stop=lambda: bool(asked))


def trained(data, out, **more):
    facts = {"recipe": RECIPE, "epochs": EPOCHS, "seed": SEED, **more}
    return train(NETWORK, data, out=out, **facts)


def assert_same(result, whole, folder):
    """Weights of the best and the last, momenta, and all rows but for their durations."""
    pd.testing.assert_frame_equal(
        result.frame.drop(columns="duration_s"),
        whole.frame.drop(columns="duration_s"),
        check_exact=True,
    )
    wanted = whole.meta["networks"][0]
    for name, path in (
        ("net.pt", wanted["checkpoint"]),
        ("net-last.pt", wanted["checkpoint_last"]),
    ):
        ours, theirs = load(folder / name), load(path)
        assert ours.epoch == theirs.epoch
        assert ours.figures == theirs.figures
        for key, value in theirs.model.state_dict().items():
            assert torch.equal(ours.model.state_dict()[key], value), (name, key)
        if theirs.state is not None:
            pairs = zip(
                ours.state["loop"]["optimiser"]["state"].values(),
                theirs.state["loop"]["optimiser"]["state"].values(),
                strict=True,
            )
            for a, b in pairs:
                assert a.keys() == b.keys() != set()
                assert all(torch.equal(a[kept], b[kept]) for kept in a), name
    log = pd.read_csv(folder / "net.csv").drop(columns="duration_s")
    pd.testing.assert_frame_equal(
        log, pd.read_csv(wanted["log"]).drop(columns="duration_s"), check_exact=True
    )
