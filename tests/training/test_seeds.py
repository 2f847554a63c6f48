import functools
import math

import pytest

from resprobe.errors import UsageError
from resprobe.results import Result
from resprobe.statistics import spread
from resprobe.training import Recipe, train, train_seeds
from resprobe.training.seeds import seed_file

QUICK = Recipe(name="quick", batch_size=16, learning_rate=0.05, pad=1, validation_fraction=0.2)


@pytest.fixture
def one(two_kinds, tiny):
    return functools.partial(
        train, tiny, two_kinds(60), recipe=QUICK, epochs=2, test=two_kinds(31, split="test", seed=9)
    )


def test_each_run_is_the_one_that_its_seed_gives_alone(one, tmp_path):
    found = train_seeds(one, out=tmp_path / "net.pt", seeds=(5, 6))
    alone = one(out=tmp_path / "alone.pt", seed=6)
    assert found.runs.frame["seed"].tolist() == [5, 6]
    row = found.runs.frame.iloc[1]
    (network,) = alone.meta["networks"]
    assert row["train_error"] == alone.frame["train_error"].iloc[-1]
    assert row["train_loss"] == alone.frame["train_loss"].iloc[-1]
    assert row["best_epoch"] == 1  # of two, so that the kept one is not the last
    assert row["test_error"] == network["test"]["test_error"]
    assert row["best_epoch"] == network["best_epoch"]
    assert row["validation_error"] == alone.frame["validation_error"][network["best_epoch"] - 1]
    assert row["checkpoint"] == str(seed_file(tmp_path / "net.pt", 6))
    assert found.epochs.frame["network"].unique().tolist() == [
        "resnet8:width=4 seed 5",
        "resnet8:width=4 seed 6",
    ]


def test_the_spread_is_that_of_the_runs_and_is_kept(one, tmp_path):
    found = train_seeds(one, out=tmp_path / "net.pt", seeds=range(3))
    for row in found.spread.frame.itertuples():
        wanted = spread(found.runs.frame[row.figure].tolist())
        assert (row.n, row.mean, row.sd, row.low, row.high) == (
            3, wanted.mean, wanted.sd, wanted.low, wanted.high,
        )  # fmt: skip
    kept = Result.load(tmp_path / "net-seeds.csv")
    assert kept.frame["test_error"].tolist() == found.runs.frame["test_error"].tolist()
    assert kept.meta["seeds"] == [0, 1, 2]
    assert Result.load(tmp_path / "net-seeds-spread.csv").frame["n"].tolist() == [3] * 4


def test_what_was_not_measured_has_no_spread(two_kinds, tiny, tmp_path):
    bare = Recipe(batch_size=16, validation_fraction=0.0)
    one = functools.partial(train, tiny, two_kinds(40), recipe=bare, epochs=1)
    found = train_seeds(one, out=tmp_path / "net.pt", seeds=(0, 1))
    assert found.spread.frame["figure"].tolist() == ["train_error", "train_loss"]
    assert found.runs.frame["test_error"].isna().all()


def test_one_seed_has_a_mean_and_no_interval(one, tmp_path):
    found = train_seeds(one, out=tmp_path / "net.pt", seeds=[0])
    assert found.spread.frame["sd"].isna().all()
    assert math.isfinite(found.spread.frame["mean"].iloc[0])


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_no_seed_and_one_seed_twice_are_refused(one, tmp_path, seeds):
    with pytest.raises(UsageError, match="seeds must be different from each other"):
        train_seeds(one, out=tmp_path / "net.pt", seeds=seeds)
    assert list(tmp_path.iterdir()) == []
