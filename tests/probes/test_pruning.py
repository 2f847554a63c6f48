from __future__ import annotations

import pytest
import torch
from lesion_frames import RESIDUAL
from lesion_frames import result as made
from nets import random_batches, with_lively_statistics

from resprobe.chain import unravel
from resprobe.checkpoints import Checkpoint, load, save
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture, count_parameters
from resprobe.probes import lesion
from resprobe.probes.lesions.studies import Greedy
from resprobe.probes.pruning import chosen_blocks, prune, speed_up
from resprobe.results import Result


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Checkpoint:
    architecture = Architecture("resnet14", width=4)
    path = tmp_path_factory.mktemp("whole") / "r14.pt"
    model = with_lively_statistics(architecture.build(seed=1)).eval()
    facts = {"normalisation": None, "data": "embedded", "recipe": {}, "epoch": 5, "figures": {}}
    return load(save(path, model, architecture=architecture, **facts))


@pytest.fixture(scope="module")
def studied(whole):
    data = random_batches(60, size=32, batch_size=20)
    chain = unravel(whole.model, data.example())
    return lesion(chain, data, study=Greedy(most=4), network="r14"), data


def test_the_smaller_network_is_the_lesioned_one(whole, studied, tmp_path):
    result, data = studied
    pruned = prune(whole, result, network="r14", drop=3)
    row = result.frame[~result.frame["selection"] & (result.frame["k"] == 3)].iloc[0]
    assert "+".join(map(str, pruned.blocks)) == row["blocks"]
    again = load(pruned.save(tmp_path / "small.pt"))
    with torch.no_grad():
        correct = sum(int((again.model(x).argmax(1) == y).sum()) for x, y in data)
    assert correct == row["correct"] == pruned.row["correct"]
    assert pruned.parameters == count_parameters(again.model) < count_parameters(whole.model)
    assert len(unravel(again.model, data.example()).blocks) == 3


def test_the_smaller_network_says_where_it_came_from(whole, studied, tmp_path):
    again = load(prune(whole, studied[0], network="r14", drop=1).save(tmp_path / "small.pt"))
    assert again.figures["pruned_from"] == "r14.pt"
    assert again.figures["pruned_from_sha256"] == whole.sha256
    assert (again.data, again.epoch) == ("embedded", 5)
    assert again.figures["n"] == 60


def test_the_whole_network_is_left_as_it_was(whole, studied, model_state):
    before = model_state(whole.model)
    pruned = prune(whole, studied[0], network="r14", drop=2)
    speed_up(whole.model, pruned.model, studied[1])
    assert model_state(whole.model) == before


def with_rises(*rises: float, agreement: bool = False) -> Result:
    """A greedy study of which the k-th network costs so much on the images to choose by."""
    found = made("greedy", RESIDUAL, most=len(rises))
    frame = found.frame.copy()
    for k, rise in enumerate(rises, start=1):
        rows = frame["selection"] & (frame["k"] == k)
        frame.loc[rows, "error_rise"] = float("nan") if agreement else rise
        frame.loc[rows, "agreement"] = 1 - rise
    return Result("lesion", frame, found.meta)


@pytest.mark.parametrize("agreement", [False, True])
@pytest.mark.parametrize(
    ("allowed", "dropped"), [(0.0, 1), (0.01, 2), (0.02, 4), (0.5, 5), (0.049, 4)]
)
def test_as_many_are_dropped_as_cost_no_more_than_allowed(agreement, allowed, dropped):
    result = with_rises(0.0, 0.01, 0.03, 0.02, 0.05, agreement=agreement)
    blocks = chosen_blocks(result, network="resnet20", allowed_rise=allowed)
    assert len(blocks) == dropped
    frame = result.frame
    reported = frame[~frame["selection"] & (frame["k"] == dropped)].iloc[0]
    assert reported["blocks"] == "+".join(map(str, blocks))


def test_the_choice_does_not_look_at_the_images_to_report():
    result = with_rises(0.0, 0.01, 0.5)
    frame = result.frame.copy()
    frame.loc[~frame["selection"], "error_rise"] = 0.0
    same = Result("lesion", frame, result.meta)
    assert len(chosen_blocks(same, network="resnet20", allowed_rise=0.01)) == 2


@pytest.mark.parametrize(
    ("error", "options", "match"),
    [
        (
            ResprobeError,
            {"allowed_rise": 0.01},
            "for a rise of 1 %: the least that one costs is 20.00 %",
        ),
        (UsageError, {"drop": 4}, "4 blocks are to be dropped and the study dropped 2"),
        (InputError, {"network": "other"}, "has no network named 'other'"),
    ],
)
def test_what_cannot_be_pruned_is_refused(error, options, match):
    with pytest.raises(error, match=match):
        chosen_blocks(with_rises(0.2, 0.3), **{"network": "resnet20", **options})


def test_another_study_is_refused(whole):
    with pytest.raises(InputError, match="by the lesion study 'greedy'"):
        prune(whole, made("single", RESIDUAL), network="resnet20")


def test_half_the_blocks_take_less_time(whole, studied):
    result, data = studied
    half = prune(whole, result, network="r14", drop=4)
    timed = speed_up(whole.model, half.model, data)
    assert timed.images == 20
    assert timed.factor == pytest.approx(timed.whole_s / timed.smaller_s)
    assert timed.factor > 1.2
