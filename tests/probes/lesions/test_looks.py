"""Stopping early: what is saved, and that the intervals hold."""

import numpy as np
import pytest
import torch
from nets import AkamasterNet, random_batches, with_lively_statistics

from resprobe.chain import unravel
from resprobe.errors import UsageError
from resprobe.probes import lesion
from resprobe.probes.lesions.looks import confidence_of, looks, shuffled
from resprobe.probes.lesions.studies import Pairs
from resprobe.statistics import paired_difference, wilson


@pytest.fixture(scope="module")
def case():
    data = random_batches(700, size=8, batch_size=64)
    model = with_lively_statistics(AkamasterNet()).eval()
    return unravel(model, data.example()), data


def test_a_lesion_is_measured_until_its_interval_is_narrow_enough(case):
    chain, data = case
    result = lesion(chain, data, tolerance=0.05)
    assert result.meta["looks"] == [128, 256, 512, 700]
    assert result.meta["confidence"] == confidence_of(4)
    frame = result.frame[1:]
    assert len(set(frame["n"])) > 1  # some stopped early
    half = (frame["error_rise_high"] - frame["error_rise_low"]) / 2
    assert (half[frame["n"] < 700] <= 0.05).all()
    assert result.frame.loc[0, "n"] == frame["n"].max()


def test_what_stops_early_is_measured_on_the_first_images_of_the_drawn_order(case):
    chain, data = case
    frame = lesion(chain, data, tolerance=0.05, seed=4).frame
    row = frame[frame["n"] < 700].iloc[-1]
    first = shuffled(700, 4)[: row["n"]]
    twin = lesion(chain, type(data)(data.data.take(first), data.normalisation, 64)).frame
    same = twin[twin["lesion"] == row["lesion"]].iloc[0]
    assert row["correct"] == same["correct"]
    assert row["loss"] == pytest.approx(same["loss"], rel=1e-5)
    # the intact network is compared on those images too
    assert row["error_rise"] == same["error_rise"]


def test_a_tolerance_that_is_never_met_measures_everything(case):
    chain, data = case
    frame = lesion(chain, data, tolerance=0.001).frame
    plain = lesion(chain, data).frame
    moved = frame["error_rise_high"] > frame["error_rise_low"]
    assert set(frame.loc[moved, "n"]) == {700}
    assert frame["correct"].tolist() == plain["correct"].tolist()
    # the level is higher, so intervals are wider
    assert (frame["accuracy_low"] < plain["accuracy_low"]).all()


def test_the_parts_of_a_pair_go_on_with_it(case):
    chain, data = case
    frame = lesion(chain, data, study=Pairs(), tolerance=0.05).frame.set_index("lesion")
    for label, row in frame[frame["k"] == 2].iterrows():
        for number in label.removeprefix("delete:").split("+"):
            assert frame.loc[f"delete:{number}", "n"] >= row["n"]
    full = frame[(frame["k"] == 2) & (frame["n"] == 700)]
    assert full["interaction"].notna().all()


def test_intervals_hold_whatever_one_stops_at():
    # the rule, simulated: paired answers, a look after 128, 256, ..., the stop that flatters most
    rng, runs = np.random.default_rng(0), 400
    ends = looks(2000)
    both, lost, gained = 0.85, 0.05, 0.02
    missed = {0.95: 0, confidence_of(len(ends)): 0}
    for _ in range(runs):
        counts = rng.multinomial(1, [both, lost, gained, 1 - both - lost - gained], size=2000)
        for level in missed:
            intervals = [
                paired_difference(*map(int, counts[:n].sum(0)), confidence=level)[1:] for n in ends
            ]
            missed[level] += any(not low <= lost - gained <= high for low, high in intervals)
    assert missed[confidence_of(len(ends))] / runs <= 0.05
    assert missed[0.95] / runs > 0.08  # what looking again and again does to plain intervals


def test_the_levels_of_all_looks_add_up():
    assert sum(1 - confidence_of(7) for _ in range(7)) == pytest.approx(0.05)
    low, high = wilson(50, 100, confidence=confidence_of(5))
    assert low < wilson(50, 100)[0]
    assert high > wilson(50, 100)[1]


def test_the_order_is_the_seeds_alone():
    assert torch.equal(shuffled(50, 1), shuffled(50, 1))
    assert not torch.equal(shuffled(50, 1), shuffled(50, 2))


@pytest.mark.parametrize("tolerance", [0, -0.1, 1, float("nan")])
def test_a_tolerance_is_a_fraction(case, tolerance):
    with pytest.raises(UsageError, match="half the width"):
        lesion(*case, tolerance=tolerance)
