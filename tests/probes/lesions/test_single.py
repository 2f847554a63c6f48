import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)

from resprobe.chain import unravel
from resprobe.datasets import Batches, ImageSet, Normalisation
from resprobe.errors import InputError
from resprobe.networks import Architecture
from resprobe.probes import lesion, plan_lesion
from resprobe.statistics import wilson


def study(model, data):
    return lesion(unravel(model, next(iter(data))[0][:2]), data, network="net").frame


def delete_by_hand(model, number):
    """The slow twin: replace one block's forward in a copy of the model, as a user would."""
    model = copy.deepcopy(model)
    block = [*model.layer1, *model.layer2, *model.layer3][number]
    block.forward = lambda x: F.relu(block.shortcut(x))
    return model


def hits_of(model, data):
    with torch.no_grad():
        return torch.cat([model.eval()(x).argmax(1) == y for x, y in data])


def test_every_deletion_equals_deleting_by_hand():
    model, data = with_lively_statistics(AkamasterNet()).eval(), random_batches(150, batch_size=40)
    frame = study(model, data)
    intact = hits_of(model, data)
    assert frame.loc[0, "correct"] == int(intact.sum())
    correct = []
    for number in range(6):
        hits = hits_of(delete_by_hand(model, number), data)
        row = frame.loc[number + 1]
        correct.append(row["correct"])
        assert row["correct"] == int(hits.sum())
        assert row["error_rise"] == pytest.approx(
            float(intact.float().mean() - hits.float().mean())
        )
    assert len(set(correct)) > 2  # there was something to tell apart


def test_the_loss_is_the_mean_cross_entropy_of_the_lesioned_network():
    model, data = with_lively_statistics(AkamasterNet()).eval(), random_batches(50, batch_size=7)
    frame = study(model, data)
    x, y = next(iter(Batches(data.data, data.normalisation, 50)))
    for number in range(6):
        with torch.no_grad():
            expected = F.cross_entropy(delete_by_hand(model, number)(x), y)
        assert frame.loc[number + 1, "loss"] == pytest.approx(float(expected), rel=1e-5)


def linear_data():
    """Class k is the channel that is bright."""
    images = torch.full((30, 3, 1, 1), 20, dtype=torch.uint8)
    labels = torch.arange(30) % 3
    images[torch.arange(30), labels] = 220
    data = ImageSet(images, labels, ("a", "b", "c"), "bright", "test")
    return Batches(data, Normalisation((0.0,) * 3, (1.0,) * 3), 8)


def test_a_linear_network_loses_what_paper_says():
    # logits are (1+a)(1+b)(1+c) x: dividing by 1 + a < 0 turns every answer round
    factors, data = (0.5, -3.0, -2.0), linear_data()
    frame = study(LinearResNet(*factors), data)
    assert frame["accuracy"].tolist() == [1, 1, 0, 0]
    assert frame["error_rise"].tolist() == [0, 0, 1, 1]
    product = 1.5 * -2 * -1
    logits = torch.tensor([20.0, 20.0, 220.0]) / 255 * product
    for row, divisor in enumerate((1, 1.5, -2, -1)):
        loss = -torch.log_softmax(logits / divisor, 0)[2]
        assert frame.loc[row, "loss"] == pytest.approx(float(loss), rel=1e-6)


def test_a_branch_of_zero_costs_nothing_to_delete():
    # the negative control
    model = with_lively_statistics(AkamasterNet()).eval()
    block = model.layer2[1]
    torch.nn.init.zeros_(block.bn2.weight)
    torch.nn.init.zeros_(block.bn2.bias)
    frame = study(model, random_batches(60))
    assert frame.loc[4, "error_rise"] == 0
    assert frame.loc[4, "loss"] == frame.loc[0, "loss"]
    assert frame.loc[1, "loss"] != frame.loc[0, "loss"]


def test_a_plain_block_is_bypassed_or_listed_as_not_deletable():
    model = with_lively_statistics(Architecture("plain20", width=4).build()).eval()
    data = random_batches(40)
    frame = study(model, data)
    assert frame.loc[~frame["deletable"], "lesion"].tolist() == ["intact", "delete:3", "delete:6"]
    assert frame.loc[4, ["accuracy", "loss", "error_rise"]].isna().all()
    assert frame.loc[4, "correct"] == -1
    twin = copy.deepcopy(model)
    twin.layer2[1] = torch.nn.Identity()
    assert frame.loc[5, "correct"] == int(hits_of(twin, data).sum())
    with torch.no_grad():
        x, y = next(iter(data))
        assert frame.loc[5, "loss"] == pytest.approx(float(F.cross_entropy(twin(x), y)), rel=1e-5)


def test_rows_are_labelled_and_carry_their_intervals():
    frame = study(with_lively_statistics(TorchvisionNet()), random_batches(30, size=32))
    assert frame["lesion"].tolist() == ["intact", *(f"delete:{i}" for i in range(4))]
    assert frame["blocks"].tolist() == ["", "0", "1", "2", "3"]
    assert frame["kind"].tolist() == ["intact", "transition", "identity", "transition", "identity"]
    assert frame["name"].tolist() == ["", "layer1.0", "layer1.1", "layer2.0", "layer2.1"]
    assert frame["k"].tolist() == [0, 1, 1, 1, 1]
    assert set(frame["n"]) == {30}
    for _, row in frame.iterrows():
        low, high = wilson(row["correct"], 30)
        assert (row["accuracy_low"], row["accuracy_high"]) == (low, high)
        assert row["accuracy"] + row["error"] == pytest.approx(1)
        assert row["error_rise_low"] <= row["error_rise"] <= row["error_rise_high"]
    assert frame.loc[0, ["error_rise", "error_rise_low", "error_rise_high"]].tolist() == [0, 0, 0]


def test_the_batch_size_does_not_change_the_counts():
    model = with_lively_statistics(AkamasterNet()).eval()
    one, many = (study(model, random_batches(50, batch_size=size)) for size in (1, 50))
    assert one["correct"].tolist() == many["correct"].tolist()
    np.testing.assert_allclose(one["loss"], many["loss"], rtol=1e-5)


def test_the_model_is_left_as_found_also_when_the_data_break(model_state):
    model, data = with_lively_statistics(AkamasterNet()).train(), random_batches(40)
    chain = unravel(model, next(iter(data))[0][:2])
    before = model_state(model)
    lesion(chain, data)
    assert model_state(model) == before

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lesion(chain, data, progress=stop)
    assert model_state(model) == before


def test_what_was_run_is_written_down():
    data = random_batches(20)
    result = lesion(
        unravel(AkamasterNet(), next(iter(data))[0]),
        data,
        network="mine",
        seed=7,
        about={"origin": "here"},
    )
    meta = result.meta
    assert (meta["study"], meta["seed"], meta["device"]) == ("single", 7, "cpu")
    assert meta["data"]["n"] == 20
    assert meta["networks"][0]["network"] == "mine"
    assert meta["networks"][0]["origin"] == "here"
    assert meta["networks"][0]["blocks"] == 6
    assert {"resprobe", "torch", "python", "time", "command"} <= set(meta)


def test_progress_counts_the_batches():
    seen = []
    data = random_batches(50, batch_size=20)
    lesion(
        unravel(AkamasterNet(), next(iter(data))[0]), data, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_answers_that_are_not_finite_are_no_answers():
    model, data = with_lively_statistics(AkamasterNet()).eval(), random_batches(40)
    chain = unravel(model, data.example())
    torch.nn.init.constant_(model.linear.weight, float("inf"))
    frame = lesion(chain, data).frame
    assert (frame["correct"] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 1}, "takes images of 3 channel.s. and random has 1"),
        ({"classes": 7}, "head has 10 classes and random has 7"),
    ],
)
def test_images_that_do_not_fit_are_refused(options, message):
    data = random_batches(10, **options)
    chain = unravel(AkamasterNet(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(InputError, match=message):
        lesion(chain, data)


def test_images_of_another_size_than_the_chains_are_refused():
    chain = unravel(AkamasterNet(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(InputError, match=r"shape \(3, 16, 16\) and random has \(3, 32, 32\)"):
        lesion(chain, random_batches(10, size=32))


def test_weights_in_double_precision_are_refused():
    chain = unravel(AkamasterNet().double(), torch.zeros(1, 3, 16, 16).double())
    with pytest.raises(InputError, match=r"weights are torch.float64 .* with .float\(\)"):
        lesion(chain, random_batches(10))


def test_a_network_without_one_logit_per_class_is_refused():
    model = AkamasterNet()
    model.linear = torch.nn.Unflatten(1, (4, 4))
    with pytest.raises(InputError, match="one logit per class is wanted"):
        lesion(unravel(model, torch.zeros(1, 3, 16, 16)), random_batches(10))


def test_the_plan_says_what_is_then_run():
    model = with_lively_statistics(AkamasterNet()).train()
    data = random_batches(80, size=32, batch_size=20)
    chain = unravel(model, next(iter(data))[0][:2])
    plan = plan_lesion(chain, data)
    assert (plan.images, plan.programs) == (80, 7)
    assert (plan.block_evaluations, plan.block_evaluations_apart) == (6 + 21, 42)
    assert 0 < plan.duration_s < 60
    assert plan.memory_bytes > sum(p.numel() * 4 for p in model.parameters())
    held = sum(p.numel() * 4 for p in model.parameters()) + 80 * 3 * 32 * 32
    widest = 20 * 4 * 32 * 32 * 4
    assert held + widest < plan.memory_bytes < held + 10 * widest
    assert model.training


def test_the_planned_time_counts_every_call_of_the_walk(monkeypatch):
    data = random_batches(160, batch_size=16)
    chain = unravel(AkamasterNet(), data.example())
    monkeypatch.setattr("time.perf_counter", iter(range(1000)).__next__)  # all takes a second
    # the stem, 6 + 15 whole blocks (a deleted one is not counted), the head of 7 programs
    assert plan_lesion(chain, data).duration_s == (1 + 21 + 7) * 160 / 16
