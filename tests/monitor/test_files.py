import errno
import json
import math
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from monitor.models import InPlace, Net
from pandas.testing import assert_frame_equal

from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.monitor import COLUMNS, watch
from resprobe.monitor.files import RowFile
from resprobe.results import Result

SUFFIXES = [".csv", ".jsonl"]


@pytest.fixture
def run(batch):
    """Train a little network, each step on images that are a function of the step."""

    def train(out, *, until, state=None, **options):
        torch.manual_seed(0)
        model = Net(InPlace(), InPlace())
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        start = 0
        if state:
            start = state["step"]
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
        x, _ = batch(dtype=torch.float32)
        with watch(model, x, optimiser=optimiser, out=out, **options) as seen:
            for step in range(start, until):
                x, y = batch(dtype=torch.float32, seed=step)
                optimiser.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimiser.step()
        saved = {"step": until, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
        return seen, saved

    return train


def row(step, **changed):
    kinds = {"int64": 1, "str": "a", "bool": False, "float64": 0.1}
    return {name: kinds[kind] for name, kind in COLUMNS.items()} | {"step": step} | changed


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_has_every_digit_of_what_was_seen(suffix, run, tmp_path):
    in_memory, _ = run(None, until=3)
    on_disk, _ = run(tmp_path / f"watch{suffix}", until=3)
    assert len(in_memory.result().frame) == 6
    assert_frame_equal(on_disk.result().frame, in_memory.result().frame, check_exact=True)


def test_a_csv_is_read_by_pandas_as_it_was_written(run, tmp_path):
    seen, _ = run(tmp_path / "watch.csv", until=2)
    read = pd.read_csv(tmp_path / "watch.csv", dtype={"ratio": str})
    assert list(read) == list(COLUMNS)
    assert read["ratio"].map(float).tolist() == seen.result().frame["ratio"].tolist()
    assert read["overflow"].dtype == bool


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("every", [1, 2])
def test_a_resumed_run_leaves_the_file_of_an_uninterrupted_one(suffix, every, run, tmp_path):
    whole, broken = tmp_path / f"whole{suffix}", tmp_path / f"broken{suffix}"
    run(whole, until=6, every=every)
    _, state = run(None, until=3)
    run(broken, until=5, every=every)  # it went on after the checkpoint, and was killed
    with broken.open("a") as file:
        file.write('6,0,"bl')
    run(broken, until=6, every=every, state=state, resume_from=3)
    assert broken.read_bytes() == whole.read_bytes()
    assert whole.read_text().count("\n") == (12 // every) + (suffix == ".csv")


def test_what_is_not_a_number_is_empty_in_csv_and_null_in_json(tmp_path):
    for suffix in SUFFIXES:
        file = RowFile(tmp_path / f"watch{suffix}")
        file.write([row(1, ratio=math.nan)])
        file.close()
        assert math.isnan(file.frame()["ratio"][0])
        assert file.frame()["input"][0] == 0.1
    assert ",False,,0.1," in (tmp_path / "watch.csv").read_text()
    assert json.loads((tmp_path / "watch.jsonl").read_text())["ratio"] is None


def test_a_run_that_is_killed_leaves_whole_rows(tmp_path):
    script = f"""
        import os, signal, torch
        from resprobe import Architecture
        from resprobe.monitor import watch
        model = Architecture("resnet8", width=4).build()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.randn(4, 3, 16, 16)
        seen = watch(model, x, optimiser=optimiser, out={str(tmp_path / "watch.csv")!r})
        for _ in range(2):
            model(x).sum().backward()
            optimiser.step()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -9
    text = (tmp_path / "watch.csv").read_text()
    assert text.endswith("\n")
    assert text.count("\n") == 1 + 2 * 3


def test_a_full_disk_is_said_and_the_file_ends_with_a_whole_row(tmp_path, monkeypatch):
    file = RowFile(tmp_path / "watch.csv")
    file.write([row(1)])
    before = file.path.read_bytes()

    class Full:
        def write(self, data):
            with file.path.open("ab") as rest:
                rest.write(data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file, "_file", Full())
    with pytest.raises(ResprobeError, match="No space left on device"):
        file.write([row(2)])
    assert file.path.read_bytes() == before


def test_a_file_that_is_there_is_not_written_over(run, tmp_path):
    out = tmp_path / "watch.csv"
    out.write_text("mine\n")
    with pytest.raises(UsageError, match=r"watch\.csv: there already; .* resume_from=STEP"):
        run(out, until=1)
    assert out.read_text() == "mine\n"


def test_a_file_of_another_kind_is_not_gone_on_with(run, tmp_path):
    (tmp_path / "other.csv").write_text("epoch,loss\n1,2.0\n")
    with pytest.raises(InputError, match="its columns are not those of a watch"):
        run(tmp_path / "other.csv", until=1, resume_from=1)
    (tmp_path / "other.jsonl").write_text('{"epoch": 1}\n')
    with pytest.raises(InputError, match="not a table of a watch"):
        run(tmp_path / "other.jsonl", until=1, resume_from=1)
    assert (tmp_path / "other.csv").read_text() == "epoch,loss\n1,2.0\n"


def test_another_suffix_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match=r"ending in \.csv or \.jsonl"):
        run(tmp_path / "watch.txt", until=1)


def test_a_result_of_a_watch_is_saved_and_loaded(run, tmp_path):
    seen, _ = run(None, until=2, every=2)
    result = seen.result()
    assert result.name == "watch"
    assert (result.meta["every"], result.meta["steps"], result.meta["ranks"]) == (2, 2, 1)
    files = result.save(tmp_path)
    again = Result.load(files[0])
    assert_frame_equal(again.frame, result.frame, check_exact=True, check_dtype=False)
