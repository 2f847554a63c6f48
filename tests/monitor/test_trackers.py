import math

import pytest
import torch
import torch.nn.functional as F
from monitor.models import Convolutions, Net, own

from resprobe.errors import UsageError
from resprobe.monitor import RunTracker, TensorBoard, watch


class FakeRun:
    def __init__(self):
        self.logged = []

    def log(self, values, step=None):
        self.logged.append((step, values))


class FakeWriter:
    def __init__(self):
        self.scalars, self.flushed = [], 0

    def add_scalar(self, tag, value, global_step):
        self.scalars.append((tag, value, global_step))

    def flush(self):
        self.flushed += 1


def train(model, x, y, *, steps=3, **options):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser, **options) as seen:
        for _ in range(steps):
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    return seen.result().frame


def test_trackers_get_the_rows_under_the_names_of_blocks(batch):
    run, writer = FakeRun(), FakeWriter()
    frame = train(
        Net(Convolutions(), Convolutions()),
        *batch(dtype=torch.float32),
        every=2,
        trackers=[RunTracker(run), TensorBoard(writer)],
    )
    assert [step for step, _ in run.logged] == [1, 3]
    assert run.logged[1][1]["blocks.1/ratio"] == frame["ratio"].iloc[-1]
    assert ("blocks.0/update_ratio", frame["update_ratio"][0], 1) in writer.scalars
    assert len(writer.scalars) == 2 * 2 * 11
    assert writer.flushed == 2


def test_trackers_are_not_told_what_was_not_measured(batch):
    run = FakeRun()
    frame = train(own("plain8")(), *batch(dtype=torch.float32), steps=1, trackers=[RunTracker(run)])
    assert frame["ratio"].isna().all()
    ((_, values),) = run.logged
    assert "layer1.0/input" in values
    assert "layer1.0/ratio" not in values
    assert not any(math.isnan(value) for value in values.values())


def test_tensorboard_really_writes(batch, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(tmp_path)
    frame = train(Net(Convolutions()), *batch(dtype=torch.float32), trackers=[board])
    board.writer.close()
    read = EventAccumulator(str(tmp_path)).Reload().Scalars("blocks.0/ratio")
    assert [event.step for event in read] == [1, 2, 3]
    assert [event.value for event in read] == pytest.approx(frame["ratio"].tolist(), rel=1e-6)


def test_a_folder_without_tensorboard_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"install resprobe\[tracking\]"):
        TensorBoard(tmp_path)
