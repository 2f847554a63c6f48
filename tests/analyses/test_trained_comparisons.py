"""Stochastic depth, short paths, pre-activation and the small budget: what follows from runs."""

import argparse
import math

import numpy as np
import pandas as pd
import pytest
import torch

import resprobe
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture, multiply_adds
from resprobe.results import Result
from resprobe.training import train


def runs_of(**figures):
    """Runs whose every figure is the one given, seed by seed."""
    columns = ("test_error", "test_error_best", "accuracy", "train_error", "train_loss")
    return pd.DataFrame(
        [
            {"name": name.replace("_", " "), "seed": seed, **dict.fromkeys(columns, value)}
            for name, found in figures.items()
            for seed, value in enumerate(found)
        ]
    )


def result(frame):
    return Result("x", frame, {"setting": ["images", "width 4"]})


def test_the_test_error_is_that_of_the_earliest_epoch_with_the_lowest_validation_error(module):
    log = pd.DataFrame(
        {"network": "n", "name": "m", "seed": 2, "train_loss": [3.0, 2, 1, 0.5],
         "train_error": [0.9, 0.5, 0.4, 0.3], "validation_error": [0.5, 0.2, 0.2, 0.4],
         "test_error": [0.6, 0.31, 0.32, 0.4], "duration_s": [1.0, 2, 3, 4]}
    )  # fmt: skip
    end = module("kit.runs").at_the_end(log)
    assert (end["test_error_best"], end["test_error"], end["train_loss"]) == (0.31, 0.4, 0.5)
    assert (end["duration_s"], end["epochs"], end["seed"]) == (10.0, 4, 2)
    end = module("kit.runs").at_the_end(log.assign(validation_error=math.nan))
    assert end["test_error_best"] == end["test_error"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny network that was trained with a test curve and a watch."""
    out = tmp_path_factory.mktemp("trained") / "net.pt"
    learn, test = (resprobe.load_data("embedded", split=s).subset(200) for s in ("train", "test"))
    network = Architecture("resnet8", width=2, in_channels=1)
    train(network, learn, recipe="small-budget", epochs=1, seed=3, out=out, test=test,
          test_curve=True)  # fmt: skip
    return out


def test_a_run_is_its_log_with_a_name_and_a_seed(module, trained, tmp_path):
    frame, facts = module("kit.runs").epochs_of(trained, lambda network: f"w{network.width}")
    assert frame[["name", "seed", "epoch"]].to_numpy().tolist() == [["w2", 3, 1]]
    assert (facts["width"], facts["learnt"], facts["recipe"]) == (2, 200, "small-budget")
    other = tmp_path / "net.pt"
    other.write_bytes(trained.read_bytes())
    with pytest.raises(InputError, match=r"net.csv: no such file; it is what `resprobe train`"):
        module("kit.runs").epochs_of(other, str)
    log = pd.read_csv(trained.with_suffix(".csv"))
    log.drop(columns="test_error").to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(InputError, match=r"net\.csv: no test error of every epoch; .*--test-curve"):
        module("kit.runs").epochs_of(other, str)


def test_the_seeds_that_are_asked_for_are_looked_at_and_all_other_checkpoints(module):
    runs, own = module("kit.runs"), module("kit.runs").deep("resnet110")
    found = [argparse.Namespace(name=name) for name in (*(o.name for o in own), "r110")]
    chosen = runs.chosen(argparse.Namespace(seeds="0,2", found=found), own)
    assert [n.name for n in chosen] == ["resnet110-w4-s0", "resnet110-w4-s2", "r110"]
    with pytest.raises(UsageError, match="--seeds wants some of 0,1,2; got 3"):
        runs.chosen(argparse.Namespace(seeds="3", found=found), own)


def test_gradients_are_averaged_over_the_watched_steps_of_each_epoch(module, tmp_path):
    """Steps 1 and 4 are of the first epoch, which ends with 4; what was not computed is NaN."""
    rows = [(1, 0, 1.0), (1, 1, 9.0), (4, 0, 3.0), (4, 1, 9.0), (5, 0, 7.0), (8, 0, math.nan)]
    log = pd.DataFrame(rows, columns=["step", "block", "weight_gradient_norm"])
    log.to_csv(tmp_path / "net-watch.csv", index=False)
    found = module("kit.dropping").watched(str(tmp_path / "net-watch.csv"), pd.Series([4, 8]))
    assert found.to_numpy().tolist() == [[1, 2.0, 2], [2, 7.0, 1]]
    with pytest.raises(InputError, match=r"none-watch\.csv: no such file; train with --watch 20"):
        module("kit.dropping").watched(str(tmp_path / "none-watch.csv"), pd.Series([4]))


def test_the_work_of_all_blocks_is_that_of_the_network(module):
    network = Architecture.parse("resnet14:survival=0.5:width=4")
    work = module("kit.dropping").work_of(network)
    assert work["multiply_adds"].sum() == multiply_adds(network.build(), torch.zeros(1, 3, 32, 32))
    wanted = [1 - number / 6 / 2 for number in range(1, 7)]
    assert work.set_index("block")["survival"].loc[range(6)].tolist() == pytest.approx(wanted)
    assert work.set_index("block").loc[-1, "survival"] == 1


def test_what_is_drawn_has_the_expected_mean_and_costs_what_its_blocks_cost(module):
    network = Architecture.parse("resnet8:survival=0.5:width=4")
    drawn = module("kit.dropping").drawn_blocks(network, 2_000)
    work = module("kit.dropping").work_of(network).set_index("block")["multiply_adds"]
    wanted = 5 / 6 + 4 / 6 + 3 / 6  # each with a variance p (1 - p), in all 0.61
    assert abs(drawn["computed"].mean() - wanted) < 4 * math.sqrt(0.6112 / 2_000)
    assert set(drawn["computed"]) == {0, 1, 2, 3}
    assert set(drawn.loc[drawn["computed"] == 3, "multiply_adds"]) == {work.sum()}
    assert set(drawn.loc[drawn["computed"] == 0, "multiply_adds"]) == {work[-1]}


def test_the_schedule_is_that_of_the_paper(module):
    """Of 54 blocks with equal work, (1 - 40.25 / 54) = 25.46 % would be saved without the rest."""
    blocks = pd.DataFrame({"block": [-1, *range(54)], "multiply_adds": [0, *[1] * 54]})
    work = blocks.assign(survival=[1.0, *(1 - number / 108 for number in range(1, 55))])
    drawn = pd.DataFrame({"computed": [40, 41, 40, 40], "multiply_adds": [40, 41, 40, 40]})
    live, exact, saved, found = module("stochastic_depth").schedule_claims(drawn, work)
    assert (live.measured, live.n, live.verdict.value) == (40.25, 4, "reproduced")
    assert exact.measured == pytest.approx(40.25, abs=1e-12)
    assert saved.measured == pytest.approx(1 - 40.25 / 54)
    assert found.measured == pytest.approx(1 - 40.25 / 54)
    assert [saved.verdict.value, found.verdict.value] == ["reproduced"] * 2


@pytest.mark.parametrize(
    ("stochastic", "verdicts", "mean"),
    [
        ([2.0, 4.0], ["reproduced", "reproduced"], math.log(8) / 2),
        ([0.5, 16.0], ["reproduced", "not reproduced"], math.log(8) / 2),
        ([0.5, 0.5], ["not reproduced", "not reproduced"], math.log(0.5)),
    ],
)
def test_gradients_are_compared_epoch_by_epoch(module, stochastic, verdicts, mean):
    names = {"stochastic depth": stochastic, "constant depth": [1.0, 1.0]}
    epochs = pd.DataFrame(
        [
            {"name": name, "seed": seed, "epoch": epoch, "gradient": norm * (1 + seed)}
            for name, norms in names.items()
            for seed in (0, 1)
            for epoch, norm in enumerate(norms)
        ]
    )
    found = list(module("stochastic_depth").gradient_claims(epochs, "width 4"))
    assert found[0].measured == pytest.approx(mean)
    assert [claim.verdict.value for claim in found] == verdicts
    (none,) = module("stochastic_depth").gradient_claims(epochs[epochs["seed"] > 5], "width 4")
    assert none.verdict.value == "not testable here"


def test_every_mini_batch_trains_exactly_23_blocks(module):
    short = module("short_paths")
    drawn = short.drawn_paths(50)
    assert set(drawn["computed"]) == {23}
    runs = runs_of(some_blocks_a_batch=[0.10, 0.11, 0.12], all_blocks=[0.1015, 0.111, 0.1215])
    found = list(short.claims({"runs": result(runs), "paths": result(drawn)}))
    assert [claim.verdict.value for claim in found] == ["reproduced"] * 3
    assert [claim.measured for claim in found[1:]] == [1.0, 11.5]
    assert found[0].measured == pytest.approx(-0.004 / 3)
    drawn.loc[0, "computed"] = 24
    assert list(short.claims({"runs": result(runs), "paths": result(drawn)}))[1].measured == 0.98


def test_pre_activation_is_the_first_of_the_pair(module):
    before = module("preactivation")
    sums = pd.DataFrame({"seed": [0, 0, 1, 1], "negative": [0.1, 0.3, 0.2, 0.22]})
    runs = runs_of(original=[0.3, 0.31, 0.3], **{"pre-activation": [0.2, 0.2, 0.21]})
    error, negative = before.claims({"runs": result(runs), "sums": result(sums)})
    assert (error.measured, error.verdict.value) == (pytest.approx(-0.1), "same direction")
    assert (negative.measured, negative.n) == (pytest.approx(0.205), 2)
    assert negative.verdict.value == "reproduced"
    _, none = before.claims({"runs": result(runs), "sums": result(sums[:0])})
    assert none.verdict.value == "not testable here"
    names = [before.name_of(Architecture(name)) for name in ("resnet110", "preresnet110")]
    assert names == ["original", "pre-activation"]


def test_what_is_below_0_before_a_last_relu_is_0_behind_it(module, trained):
    """A twin that looks behind the ReLU: of trained weights no sum is 0 by itself."""
    subjects = module("kit.subjects")
    place = subjects.Place(data="embedded", device="cpu")
    subject = subjects.Network(name="net", find=lambda: trained, place=place).read("test")
    found = module("preactivation").truncated(subject, 150)
    x = torch.cat([images for images, _ in subject.shown(150)])
    zeros = []
    with torch.no_grad():
        x = subject.chain.eval().stem(x)
        for block in subject.chain.blocks:
            x = block(x)
            zeros.append(float((x == 0).double().mean()))
    assert found["negative"].tolist() == pytest.approx(zeros, abs=1e-4)
    assert 0.05 < np.mean(zeros) < 0.95
    assert set(found["n"]) == {150}


@pytest.mark.parametrize(
    ("network", "script", "name"),
    [
        ("resnet110", "stochastic_depth", "constant depth"),
        ("resnet110:survival=0.5", "stochastic_depth", "stochastic depth"),
        ("preresnet110", "short_paths", "all blocks"),
        ("preresnet110:blocks_per_batch=23", "short_paths", "some blocks a batch"),
    ],
)
def test_a_network_is_known_by_its_architecture(module, network, script, name):
    assert module(script).name_of(Architecture.parse(network)) == name


def test_the_small_budget_claims_a_gain_at_20_layers_and_none_at_8(module):
    runs = runs_of(resnet20=[0.82, 0.83, 0.825], plain20=[0.80, 0.805, 0.80],
                   resnet8=[0.74, 0.75, 0.75], plain8=[0.75, 0.74, 0.75])  # fmt: skip
    gain, none, loss = module("small_budget").claims({"runs": result(runs)})
    assert (gain.measured, gain.verdict.value) == (pytest.approx(0.07 / 3), "reproduced")
    assert none.verdict.value == "reproduced"  # -0.42 points lie in the interval
    assert (loss.verdict.value, loss.percent) == ("not reproduced", False)
