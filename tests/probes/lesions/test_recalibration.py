"""BatchNorm statistics behind a lesion, against a training-mode pass of a copy."""

import copy

import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics
from probes.lesions.twin import by_hand, logits_of, tampered

from resprobe.chain import unravel
from resprobe.errors import InputError
from resprobe.networks import Architecture
from resprobe.probes import lesion
from resprobe.probes.lesions.studies import Pairs, Repeat, Shuffle
from resprobe.statistics import wilson


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet(n=3)).eval()


def recalibrated_by_hand(model, label, training):
    twin = model if label == "intact" else tampered(model, label)
    twin = tampered(twin, "") if twin is model else twin
    for module in twin.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    twin.train()
    with torch.no_grad():
        for x, _ in training:
            twin(x)
    return twin.eval()


@pytest.mark.parametrize(
    "study",
    [None, pytest.param(Pairs(), marks=pytest.mark.long), Shuffle(2, 2)],
    ids=["single", "pairs", "shuffle"],
)
def test_the_statistics_are_those_of_a_pass_over_training_images(model, study):
    data, training = random_batches(60, batch_size=32), random_batches(80, seed=7, batch_size=40)
    chain = unravel(model, data.example())
    settings = {} if study is None else {"study": study}
    frame = lesion(chain, data, recalibrate=training, **settings).frame
    raw, anew = (frame[frame["batch_norm"] == name] for name in ("running", "recalibrated"))
    assert raw["lesion"].tolist() == anew["lesion"].tolist()
    without = lesion(chain, data, **settings).frame
    assert raw["correct"].tolist() == without["correct"].tolist()
    whole, labels = logits_of(model, data), data.data.labels.numpy()
    for row in anew.drop_duplicates("lesion").to_dict("records")[::4]:
        twin = recalibrated_by_hand(model, row["lesion"], training)
        expected = by_hand(whole, logits_of(twin, data), labels)
        assert {k: row[k] for k in expected} == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert not torch.allclose(
        torch.tensor(raw["loss"].to_numpy()), torch.tensor(anew["loss"].to_numpy())
    )


def test_a_repeated_block_has_statistics_for_each_time(model):
    data, training = random_batches(40), random_batches(60, seed=7, batch_size=60)
    chain = unravel(model, data.example())
    frame = lesion(chain, data, study=Repeat((2,)), recalibrate=training).frame
    row = frame[(frame["lesion"] == "repeat:4x2") & (frame["batch_norm"] == "recalibrated")].iloc[0]
    # by hand: two copies of the block, so that each has statistics of its own
    twin = tampered(model, "repeat:4x2")
    twin.layer2[1][1] = copy.deepcopy(twin.layer2[1][0])
    twin = recalibrated_by_hand(twin, "intact", training)
    expected = by_hand(logits_of(model, data), logits_of(twin, data), data.data.labels.numpy())
    assert row["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_recalibrating_heals_what_only_moved_the_scale():
    # a lesion that halves the scale of what follows costs nothing once the norms see it
    model = Architecture("resnet8", width=4, shortcut="C", num_classes=10).build().eval()
    data = random_batches(64, batch_size=64)
    training = random_batches(64, batch_size=64)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.fill_(50.0)  # nothing like what the images give
    chain = unravel(model, data.example())
    frame = lesion(chain, data, recalibrate=training).frame
    intact = frame[frame["lesion"] == "intact"].set_index("batch_norm")
    assert intact.loc["running", "kl"] == 0
    assert intact.loc["recalibrated", "kl"] > 0


def test_a_network_without_batch_norm_has_nothing_to_recalibrate():
    data = random_batches(10, size=1, classes=3)
    chain = unravel(LinearResNet(0.5, 0.5), data.example())
    with pytest.raises(InputError, match="no BatchNorm whose statistics"):
        lesion(chain, data, recalibrate=data)


def test_one_training_image_has_no_statistics(model):
    data = random_batches(10)
    with pytest.raises(InputError, match="at least 2 images"):
        lesion(unravel(model, data.example()), data, recalibrate=random_batches(1))


@pytest.mark.long
def test_an_interaction_of_recalibrated_networks_is_without_what_recalibrating_does(model):
    data, training = random_batches(90, batch_size=45), random_batches(80, seed=7, batch_size=40)
    model = copy.deepcopy(model)
    with torch.no_grad():  # so that answers differ from image to image
        model.linear.bias -= torch.from_numpy(logits_of(model, data).mean(0)).float()
    data.data.labels.copy_(torch.from_numpy(logits_of(model, data).argmax(1)))
    chain = unravel(model, data.example())
    frame = lesion(chain, data, study=Pairs(), recalibrate=training).frame
    anew = frame[frame["batch_norm"] == "recalibrated"].set_index("lesion")
    drift = anew.loc["intact", "error_rise"]
    assert drift != 0
    for label, row in anew[anew["k"] == 2].iterrows():
        parts = [f"delete:{number}" for number in label.removeprefix("delete:").split("+")]
        alone = anew.loc[parts, "error_rise"].sum()
        assert row["interaction"] == pytest.approx(row["error_rise"] - alone + drift, abs=1e-12)


def test_every_interval_has_the_level_that_the_result_says(model):
    data = random_batches(300, size=8)
    result = lesion(unravel(model, data.example()), data, tolerance=0.01, recalibrate=data)
    confidence = result.meta["confidence"]
    assert confidence > 0.95
    for row in result.frame.to_dict("records"):
        limits = wilson(row["correct"], row["n"], confidence=confidence)
        assert (row["accuracy_low"], row["accuracy_high"]) == limits
