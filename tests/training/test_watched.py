"""A run that is watched: the same run, and rows that an interruption leaves whole."""

import pandas as pd
import pytest
import torch
from training.small_run import EPOCHS, RECIPE, Killed, at_steps

from resprobe.checkpoints import load
from resprobe.monitor import Watching
from resprobe.networks import Architecture
from resprobe.training import Pace, Stopped, train


@pytest.fixture
def run(two_kinds):
    def begin(out, *, text="resnet8", **more):
        architecture = Architecture.parse(text, num_classes=2, in_channels=1, width=2)
        return train(architecture, two_kinds(32), recipe=RECIPE, epochs=EPOCHS, out=out, **more)

    return begin


@pytest.mark.parametrize("text", ["resnet8", "plain8", "preresnet8", "resnet8:survival=0.5"])
def test_watching_changes_no_bit_of_a_run(run, tmp_path, text):
    bare = run(tmp_path / "bare.pt", text=text)
    watched = run(tmp_path / "seen.pt", text=text, watching=Watching())
    pd.testing.assert_frame_equal(
        bare.frame.drop(columns="duration_s"), watched.frame.drop(columns="duration_s")
    )
    first, second = (load(tmp_path / f"{name}-last.pt").model for name in ("bare", "seen"))
    for (key, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), key
    rows = pd.read_csv(tmp_path / "seen-watch.csv")
    assert rows["step"].tolist() == [step for step in range(1, 10) for _ in range(3)]
    assert not (tmp_path / "bare-watch.csv").exists()


def test_every_nth_step_is_recorded(run, tmp_path):
    run(tmp_path / "net.pt", watching=Watching(every=4))
    assert pd.read_csv(tmp_path / "net-watch.csv")["step"].unique().tolist() == [1, 5, 9]


@pytest.mark.parametrize("stop", [4, pytest.param(6, marks=pytest.mark.long), 8])
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long), 2])
def test_an_interruption_leaves_no_trace_in_the_rows(run, tmp_path, stop, every):
    """Killed within the second epoch, at its end, and within the third."""
    watching = Watching(every=every)
    run(tmp_path / "whole.pt", watching=watching)
    with pytest.raises(Killed):
        run(tmp_path / "net.pt", watching=watching, pace=at_steps(stop, raises=Killed))
    run(tmp_path / "net.pt", watching=watching, resume=True)
    found, wanted = (tmp_path / f"{name}-watch.csv" for name in ("net", "whole"))
    assert found.read_text() == wanted.read_text()


def test_a_run_that_is_killed_before_it_saved_begins_again(run, tmp_path):
    run(tmp_path / "whole.pt", watching=Watching())
    with pytest.raises(Killed):
        run(tmp_path / "net.pt", watching=Watching(), pace=at_steps(2, raises=Killed))
    assert {path.name for path in tmp_path.glob("net*")} == {"net-watch.csv"}
    run(tmp_path / "net.pt", watching=Watching(), resume=True)
    found, wanted = (tmp_path / f"{name}-watch.csv" for name in ("net", "whole"))
    assert found.read_text() == wanted.read_text()


def test_watching_can_begin_with_a_resume_and_end_before_one(run, tmp_path):
    with pytest.raises(Killed):
        run(tmp_path / "net.pt", pace=at_steps(5, raises=Killed))
    said = []
    with pytest.raises(Killed):
        run(
            tmp_path / "net.pt",
            resume=True,
            watching=Watching(),
            pace=at_steps(8, raises=Killed),
            say=said.append,
        )
    assert said[-1].endswith(
        "net-watch.csv: no step was recorded so far, and every 1 step from here on"
    )
    run(tmp_path / "net.pt", resume=True)
    steps = pd.read_csv(tmp_path / "net-watch.csv")["step"].unique().tolist()
    assert steps == [4, 5, 6, 7, 8]


def test_a_run_that_is_replaced_takes_its_watch_along(run, tmp_path):
    run(tmp_path / "net.pt", watching=Watching())
    run(tmp_path / "net.pt", watching=Watching(every=9), overwrite=True)
    assert pd.read_csv(tmp_path / "net-watch.csv")["step"].unique().tolist() == [1]
    run(tmp_path / "net.pt", overwrite=True)
    assert not (tmp_path / "net-watch.csv").exists()


def test_a_stop_closes_the_file(run, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path / "net.pt", watching=Watching(), pace=Pace(stop=lambda: True))
    assert pd.read_csv(tmp_path / "net-watch.csv")["step"].unique().tolist() == [1]
