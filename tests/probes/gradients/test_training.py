import functools

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from nets import AkamasterNet, random_batches, with_lively_statistics

import resprobe
from resprobe.chain import left_as_found, unravel, use_batch_statistics
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import flow_of_watch, flow_over_training, gradflow, read_watch
from resprobe.probes.gradients.crossing import cross
from resprobe.probes.gradients.study import _tap
from resprobe.probes.gradients.tap import Tap
from resprobe.results import Result


@functools.cache
def flow(seed):
    model = with_lively_statistics(AkamasterNet(), seed=seed)
    data = random_batches(6)
    return gradflow(unravel(model, data.example()), data).blocks


def test_checkpoints_are_put_in_the_order_of_their_epochs():
    parts = [(7, flow(1)), (2, flow(2)), (30, flow(3))]
    result = flow_over_training(parts, network="net")
    frame = result.frame
    assert result.name == "gradflow-training"
    assert frame["step"].tolist() == [2] * 6 + [7] * 6 + [30] * 6
    assert frame["block"].tolist() == list(range(6)) * 3
    for step, part in parts:
        rows = frame[frame["step"] == step].reset_index(drop=True)
        for column in ("identity", "residual", "input", "identity_path", "cosine"):
            assert rows[column].tolist() == part.frame[column].tolist()
    assert result.meta["unit"] == "epoch"
    assert [entry["step"] for entry in result.meta["checkpoints"]] == [2, 7, 30]


def test_one_epoch_twice_or_alone_is_refused():
    for epochs in ((3, 3), (3,), ()):
        with pytest.raises(UsageError, match="two checkpoints or more"):
            flow_over_training([(e, flow(0)) for e in epochs], network="net")


def test_networks_of_other_blocks_are_refused():
    data = random_batches(4)
    other = gradflow(
        unravel(Architecture("resnet8", width=2).build(), data.example()), data, batch_norm="batch"
    ).blocks
    with pytest.raises(UsageError, match="same blocks"):
        flow_over_training([(1, flow(0)), (2, other)], network="net")


def watched(model, out=None):
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    with resprobe.watch(model, images, optimiser=optimiser, out=out) as seen:
        for _ in range(3):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(images), torch.arange(4)).backward()
            optimiser.step()
        return seen.result()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_a_watch_has_written_is_read_and_laid_out_alike(tmp_path, ending):
    path = tmp_path / f"r8-watch.{ending}"
    seen = watched(Architecture("resnet8", width=2).build(seed=0), path)
    text = path.read_text()
    path.write_text(text + text.splitlines()[-1][:20])  # the last words of a run that was killed
    read = read_watch(path)
    pd.testing.assert_frame_equal(read.frame, seen.frame)
    result = flow_of_watch(read, network="r8")
    assert list(result.frame) == list(flow_over_training([(1, flow(0)), (2, flow(1))],
                                                        network="x").frame)  # fmt: skip
    assert result.frame["step"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    for column in ("identity", "residual", "input"):
        assert result.frame[column].tolist() == seen.frame[column].tolist()
    assert result.frame["identity_path"].isna().all()
    assert result.meta["unit"] == "step"
    assert result.meta["networks"] == [{"network": "r8", "plain": False}]


def test_the_first_step_of_a_watch_is_the_flow_at_initialisation():
    """Of a mean over 4 images each gradient is a quarter of that of their sum."""
    model = Architecture("resnet8", width=2).build(seed=0).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first = flow_of_watch(watched(model), network="r8").frame.head(3)
    model.load_state_dict(before)
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    chain = unravel(model, images)

    taps = [Tap(block.name) for block in chain.blocks]
    with left_as_found(chain, training=False, requires_grad=True):
        use_batch_statistics(chain)
        leaf = images.clone().requires_grad_()
        crossings, logits = cross(chain, leaf)
        loss = F.cross_entropy(logits, torch.arange(4), reduction="sum")
        _tap(crossings, taps, loss, follow=False, together=True)
        torch.autograd.grad(loss, leaf)
    for tap in taps:
        tap.close_batch()
    for column in ("identity", "residual", "input"):
        expected = [tap.means()[column] / 4 for tap in taps]
        np.testing.assert_allclose(first[column], expected, rtol=1e-4)


def test_what_is_no_watch_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_watch(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not what a watch writes"):
        read_watch(tmp_path / "other.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_watch(tmp_path / "bytes.csv")
    with pytest.raises(InputError, match="lacks the column"):
        flow_of_watch(Result("watch", pd.DataFrame({"step": [1]})), network="a")
    empty = watched(Architecture("resnet8", width=2).build()).frame.iloc[:0]
    with pytest.raises(InputError, match="has no rows"):
        flow_of_watch(Result("watch", empty), network="a")
