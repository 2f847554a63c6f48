"""What is said of networks with random weights: laws, sums, products of factors."""

import math
import re
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from analyses.conftest import ANALYSES

from resprobe import Architecture
from resprobe.results import Result


def test_the_product_of_the_factors_leaves_transitions_out(module):
    gain = [0.5**3 * 0.4, 0.5**2 * 0.4, 0.5 * 0.4, 0.5]
    frame = pd.DataFrame({"network": "net:scale=0.5", "block": range(4), "n": 8,
                          "identity_gain": gain,
                          "kind": ["identity", "identity", "transition", "identity"]})  # fmt: skip
    scaled = module("scaled_shortcuts")
    whole, through = scaled._convolutional(Result("gradflow", frame, {}))
    assert through.measured == pytest.approx(0.125)
    assert (through.verdict, "the 3 units" in through.claim) == ("reproduced", True)
    assert whole.measured == pytest.approx(0.05)
    assert whole.verdict == "same direction"


def errors_of(module, *rows):
    columns = ["network", "architecture", "scale", "branch_scale", "data", "n", "wrong"]
    unseen = ["none", "none", 0.5, 0.5, "none", 0, 0]
    frame = pd.DataFrame([unseen, *rows], columns=columns)
    return list(module("scaled_shortcuts")._errors(frame))


def test_errors_of_networks_that_nobody_trained_are_not_testable(module):
    found = errors_of(module)
    assert [claim.verdict for claim in found] == ["not testable here"] * 3
    assert all("CIFAR-10" in claim.setting for claim in found)


@pytest.mark.parametrize(
    ("factors", "wrong", "verdict"),
    [((0.5, 0.5), 1_235, "reproduced"), ((0.5, 0.5), 1_500, "not reproduced"),
     ((0.5, 1.0), 9_000, "reproduced"), ((0.5, 1.0), 1_500, "not reproduced"),
     ((1.0, 1.0), 640, "reproduced")],
)  # fmt: skip
def test_errors_are_judged_by_the_factors_of_shortcut_and_branch(module, factors, wrong, verdict):
    found = errors_of(module, ["r", "resnet110", *factors, "cifar10, width 16", 10_000, wrong])
    (judged,) = [claim for claim in found if not math.isnan(claim.measured)]
    assert f"shortcuts times {factors[0]:g}, branches times {factors[1]:g}" in judged.claim
    assert (judged.measured, judged.verdict) == (wrong / 10_000, verdict)


class Shown(list):
    """Batches of images that are their own logits."""

    n, data = 3, SimpleNamespace(name="cifar10")


def test_images_are_counted_by_the_factors_of_the_network_that_saw_them(module):
    batches = Shown(
        [(torch.eye(3)[:2], torch.tensor([0, 2])), (torch.eye(3)[2:], torch.tensor([1]))]
    )
    subject = SimpleNamespace(
        chain=torch.nn.Identity(),
        data=batches,
        architecture=Architecture("resnet110", shortcut="scaled", scale=0.5, branch_scale=0.5),
    )
    network = SimpleNamespace(name="halves", read=lambda: subject)
    frame = module("scaled_shortcuts").errors([network]).frame.set_index(["scale", "branch_scale"])
    assert frame["n"].to_dict() == {(0.5, 0.5): 3, (0.5, 1.0): 0, (1.0, 1.0): 0}
    assert frame.loc[(0.5, 0.5), "wrong"] == 2
    assert frame.loc[(0.5, 0.5), "data"] == "cifar10, width 16"


@pytest.mark.parametrize(("kind", "exact"), [("preresnet14", True), ("resnet14", False)])
def test_a_gap_is_that_of_the_sum_written_out(module, kind, exact):
    script = module("additive_identity")
    data = module("kit.draws").embedded(4)
    model = Architecture(kind, in_channels=1, width=4).build(seed=0).double()
    gaps = script.gaps_of(model, data)
    assert len(gaps) == 6
    assert [math.isnan(gap) for gap in gaps] == [False, False, True, False, True, False]
    assert all((gap < script.ROUNDING) is exact for gap in gaps if not math.isnan(gap))
    if not exact:
        assert gaps[1] == pytest.approx(by_hand(model, data), rel=1e-9)


def by_hand(model, data):
    """The gap of the second block of the first stage, in the model's own words."""
    seen = []
    blocks = [module for name, module in model.named_modules()
              if name in ("layer1.0", "layer1.1")]  # fmt: skip
    for block in blocks:
        block.register_forward_hook(lambda _, given, out: seen.append((given[0], out.clone())))
    before = {}
    for name, module in model.named_modules():
        if name in ("layer1.0.bn2", "layer1.1.bn2"):
            module.register_forward_hook(
                lambda _, given, out, name=name: before.__setitem__(name, out.clone())
            )
    ((x, _),) = data
    with torch.no_grad():
        model.train()(x.double())
    total = seen[0][0] + before["layer1.0.bn2"] + before["layer1.1.bn2"]
    return float((seen[1][1] - total).abs().max() / seen[1][1].abs().max())


def identity_frame(gap, gain):
    return pd.DataFrame(
        {"network": network, "draw": draw, "block": block, "stage": 1 + block // 2,
         "gap": math.nan if block == 2 else gaps[draw], "identity_gain": gains[draw]}
        for network, gaps, gains in (("pre", *zip(*((0.0, 1.0),) * 2, strict=True)),
                                     ("post", gap, gain))
        for draw in (0, 1)
        for block in range(4)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gap", "gain", "verdicts"),
    [((0.5, 0.6), (0.7, 0.71), ["reproduced"] * 4),
     ((0.0, 0.0), (0.7, 0.71), ["reproduced", "not reproduced", "reproduced", "reproduced"]),
     ((0.5, 0.6), (1.0, 1.0), ["reproduced"] * 3 + ["not reproduced"])],
)  # fmt: skip
def test_a_gap_behind_a_relu_and_a_smaller_gain_are_asked_for(module, gap, gain, verdicts):
    result = Result("additive-identity", identity_frame(gap, gain),
                    {"setting": ["width 4"], "data": {"n": 8}})  # fmt: skip
    found = list(module("additive_identity").claims({"identity": result}))
    assert [claim.verdict for claim in found] == verdicts


def grown(plain, residual):
    rows = [
        {"network": name, "depth": 40, "draw": draw, "factor": factor}
        for name, factors in (("plain, BN", plain), ("residual, BN", residual))
        for draw, factor in enumerate(factors)
    ]
    meta = {"setting": ["width 512"], "data": {"n": 256}}
    entries = [{"network": "plain56", "plain": True,
                "growth": {"factor": 1.19, "low": 1.17, "high": 1.22, "blocks": 25}},
               {"network": "resnet56", "plain": False,
                "growth": {"factor": 1.05, "low": None, "high": None, "blocks": 25}}]  # fmt: skip
    initial = Result("gradflow", pd.DataFrame(), {"networks": entries, "data": {"data_set": "x"}})
    return {"growth": Result("growth", pd.DataFrame(rows), meta), "initial": initial}


def test_growth_is_held_against_the_root_of_pi_over_pi_less_one(module):
    script = module("exploding_gradients")
    assert pytest.approx(math.sqrt(math.pi / (math.pi - 1))) == script.EXPLODING
    plain, less, conv, residual = script.claims(grown([1.20, 1.21, 1.22], [1.06, 1.06, 1.06]))
    assert (plain.measured, plain.verdict) == (pytest.approx(1.21), "reproduced")
    assert (less.measured, less.verdict) == (pytest.approx(-0.15), "reproduced")
    assert (conv.verdict, residual.verdict) == ("reproduced", "same direction")
    plain, less, *_ = script.claims(grown([1.05, 1.06, 1.07], [1.10, 1.11, 1.12]))
    assert (plain.verdict, less.verdict) == ("same direction", "not reproduced")


def along_depth(share_of_block):
    rows = [
        {"network": network, "block": block, "n": 16, "draws": 3, "branch_share_se": 1e-4,
         "second_moment_se": 1e-4 * moment, "branch_share": share, "second_moment": moment}
        for network in ("residual, BN", "residual, no BN")
        for block in range(9)
        for share, moment in [(share_of_block(block), 1.0 + block)
                              if network == "residual, BN" else (1.0, 2.0**block)]
    ]  # fmt: skip
    return {"depth": Result("initialisation", pd.DataFrame(rows), {"data": {"shape": [1, 1, 32]}})}


def test_shares_that_follow_the_law_reproduce_it_and_constant_ones_do_not(module):
    script, c = module("branch_variance"), 1 - 1 / math.pi
    found = list(script.claims(along_depth(lambda block: c / (1 + c * block))))
    assert {claim.verdict for claim in found} == {"reproduced"}
    assert (found[0].measured, "block 8" in found[0].claim) == (pytest.approx(c / (1 + 8 * c)),
                                                               True)  # fmt: skip
    last, third, first, *_ = script.claims(along_depth(lambda block: c))
    assert [c.verdict for c in (last, third, first)] == [
        "not reproduced", "not reproduced", "reproduced",
    ]  # fmt: skip


def correlations(of):
    rows = [
        {"network": network, "depth": depth, "draw": draw, "correlation": of(network, depth)
         * (1 + 0.01 * (draw - 1))}
        for network in ("residual, BN", "residual, no BN", "plain, BN")
        for depth in (1, 2, 4, 8, 32)
        for draw in (0, 1, 2)
    ]  # fmt: skip
    grid = [{"network": "plain, BN", "depth": depth, "draw": draw, "lag": 1,
             "autocorrelation": value + 0.01 * draw}
            for depth, value in ((1, 0.97), (24, 0.3)) for draw in (0, 1, 2)]  # fmt: skip
    grid += [{"network": "residual, BN", "depth": 50, "draw": draw, "lag": 1,
              "autocorrelation": 0.6 + 0.1 * draw} for draw in (0, 1, 2)]  # fmt: skip
    meta = {"setting": ["width 200"], "data": {"n": 64}}
    return {"shattering": Result("shattering", pd.DataFrame(rows), meta),
            "grid": Result("grid", pd.DataFrame(grid), meta)}  # fmt: skip


def test_correlations_are_held_against_the_law_of_each_network(module):
    laws = {"plain, BN": lambda d: 0.5**d, "residual, no BN": lambda d: 0.75**d,
            "residual, BN": lambda d: d**-0.5}  # fmt: skip
    found = {c.claim: c for c in module("shattering").claims(
        correlations(lambda network, depth: laws[network](depth)))}  # fmt: skip
    first = next(iter(found.values()))
    assert first.claim.startswith("plain, BN")
    assert first.claim.endswith("1/2^L, L = 4")
    assert (first.measured, first.verdict) == (pytest.approx(1 / 16), "reproduced")
    of_plain = [c.verdict for name, c in found.items() if name.startswith("plain")]
    assert of_plain == ["reproduced"] * 4
    exponent = next(c for name, c in found.items() if "exponent" in name)
    assert (exponent.measured, exponent.verdict) == (pytest.approx(-0.5), "reproduced")
    slopes = [c for name, c in found.items() if "df/dx" in name]
    assert [c.verdict for c in slopes] == ["reproduced", "not reproduced", "reproduced"]
    assert [c.published.partition(":")[0] for c in slopes] == [
        "Brownian motion", "white noise", "in between",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.4, 0.6, "reproduced"), (0.1, 0.6, "same direction"), (0.4, 1.0, "same direction")],
)
def test_a_number_lies_between_two_with_its_interval_or_alone(module, low, high, verdict):
    found, between = {"measured": 0.5, "low": low, "high": high}, module("shattering").between
    assert between(found, 0.2, 0.9) == verdict
    assert between(found, 0.6, 0.9) == between(found, 0.1, 0.4) == "not reproduced"


@pytest.mark.parametrize(
    ("name", "tolerances"),
    [("shattering", {"within 5 %", "within 10 %"}), ("exploding_gradients", {"within 5 %"}),
     ("branch_variance", {"within 5 %", "within 2 %", "within 50 %"}),
     ("scaled_shortcuts", {"within 0.01 %", "within 0.001 %", "within 0.5 points"})],
)  # fmt: skip
def test_rows_name_their_tolerance_and_give_no_number_of_ours_as_published(
    module, name, tolerances
):
    published = Result.load(ANALYSES / "results" / name / "claims.csv").frame["published"]
    assert {found for cell in published for found in re.findall(r"within [\d.]+ \S+", cell)} == (
        tolerances
    )
    assert not published.str.contains("replication").any()


def trained(depths=(498, 48), **ends):
    rows = [
        {"network": name, "depth": depth, "rate": rate, "draw": draw, "step": step,
         "loss": math.log(10) * loss + 0.01 * draw}
        for depth in depths
        for name, loss in ends.items()
        for rate in (0.1, 0.01)
        for draw in (0, 1, 2)
        for step in (50, 100)
    ]  # fmt: skip
    return pd.DataFrame(rows)


ENDS = {"SkipInit": 0.3, "residual, no BN": math.inf, "(x + F) / sqrt 2": 0.4, "Fixup": 0.9,
        "plain, BN": 0.95, "residual, BN": 0.5}  # fmt: skip


def outcomes(module, frame):
    return {c.claim.partition(":")[0]: c for c in module("zero_init")._training(frame)}


def test_networks_that_should_learn_and_fail_are_told_from_those_that_do(module):
    found = outcomes(module, trained(**ENDS))
    assert {name: claim.verdict.value for name, claim in found.items()} == {
        "SkipInit, 498 blocks": "reproduced",
        "residual, no BN, 498 blocks": "same direction",
        "(x + F) / sqrt 2, 498 blocks": "not reproduced",
        "Fixup, 498 blocks": "not reproduced",
        "SkipInit, 48 blocks": "reproduced",
        "residual, no BN, 48 blocks": "same direction",
        "Fixup, 48 blocks": "not reproduced",
        "residual, BN, 48 blocks": "reproduced",
        "plain, BN, 48 blocks": "reproduced",
    }


def test_what_is_published_of_a_thousand_layers_is_not_judged_by_fewer(module):
    found = outcomes(module, trained(depths=(48,), **ENDS))
    untested = {name for name, claim in found.items() if claim.verdict == "not testable here"}
    assert untested == {f"{name}, 498 blocks" for name in module("zero_init").OF_THOUSAND}
    assert all("--deep" in found[name].setting for name in untested)
    assert not any("1000" in c.published for name, c in found.items() if "48 blocks" in name)
    assert "(x + F) / sqrt 2, 48 blocks" not in found


def test_draws_that_diverge_are_counted(module):
    found = outcomes(module, trained(depths=(48,), **ENDS))["residual, no BN, 48 blocks"]
    assert found.claim.endswith("3 of 3 draws diverge; fails where most do")
    assert (found.measured, found.high, found.n) == (1.0, 1.0, 3)
    assert found.low == pytest.approx(3 / (3 + 1.959964**2))
    frame = trained(depths=(48,), **ENDS)
    frame.loc[(frame["network"] == "Fixup") & (frame["draw"] == 2), "loss"] = math.inf
    some = outcomes(module, frame)["Fixup, 48 blocks"]
    assert (some.measured, some.verdict) == (pytest.approx(1 / 3), "same direction")


def test_the_best_rate_is_that_of_the_lowest_loss_at_the_end_of_each_depth(module):
    rows = [
        {"network": name, "depth": depth, "rate": rate, "draw": draw, "step": step, "loss": loss}
        for name, depth, rate, losses in (
            ("a", 4, 0.1, (9.0, math.inf)), ("a", 4, 0.01, (2.0, 1.0)), ("b", 4, 0.1, (2.0, 0.5)),
            ("b", 4, 0.01, (1.0, 0.9)), ("a", 8, 0.1, (3.0, 0.1)), ("a", 8, 0.01, (3.0, 0.2)),
        )
        for draw in (0, 1)
        for step, loss in zip((5, 10), losses, strict=True)
    ]  # fmt: skip
    best = module("kit.trainability").best(pd.DataFrame(rows))
    assert best.groupby(["network", "depth"])["rate"].unique().map(list).to_dict() == {
        ("a", 4): [0.01], ("b", 4): [0.1], ("a", 8): [0.1],
    }  # fmt: skip


@pytest.mark.parametrize("largest", [0.0, 1e-9])
def test_an_identity_is_exactly_one(module, largest):
    frame = pd.DataFrame(
        {"network": f"resnet8, {init}", "block": block, "branch_max": largest if block else 0.0,
         "draws": 2, "n": 8}
        for init in ("he", "zero-bn", "skipinit", "fixup") for block in (0, 1)
    )  # fmt: skip
    found = list(module("zero_init")._identities(frame))
    assert [claim.measured for claim in found] == [largest] * 3
    assert {claim.verdict for claim in found} == {
        "not reproduced" if largest else "reproduced"
    }  # fmt: skip
