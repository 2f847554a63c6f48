import numpy as np
import pandas as pd
import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics

from resprobe.chain import unravel
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import gradflow, lesion, plan_predictors, predictors
from resprobe.probes.damage.correlating import correlations
from resprobe.probes.damage.predictors import image_sets
from resprobe.probes.magnitudes import magnitude
from resprobe.ranks import kendall, spearman

MEASURED = ["ratio", "residual_share", "cosine", "error_rise", "loss_rise"]


@pytest.fixture(scope="module")
def subject():
    model = with_lively_statistics(AkamasterNet()).eval()
    data = random_batches(23, size=8, batch_size=8)
    return unravel(model, next(iter(data))[0][:2]), data


@pytest.fixture(scope="module")
def found(subject):
    return predictors(*subject, network="net", sets=4, seed=3)


def test_means_over_the_sets_are_the_figures_of_all_images(subject, found):
    chain, data = subject
    frame = found.blocks.frame
    flow, damage = gradflow(chain, data).blocks.frame, lesion(chain, data).frame.iloc[1:]
    expected = {
        "ratio": magnitude(chain, data).blocks.frame["ratio"],
        "residual_share": flow["residual_share"],
        "cosine": flow["cosine"],
        "error_rise": damage["error_rise"],
        "loss_rise": damage["loss_rise"],
    }
    for column, values in expected.items():
        np.testing.assert_allclose(frame[column], values, rtol=1e-5, atol=1e-6, err_msg=column)
    assert frame["name"].tolist() == [block.name for block in chain.blocks]
    assert frame["kind"].tolist() == ["identity", "identity", *["transition", "identity"] * 2]
    assert set(frame["n"]) == {23}


def test_standard_errors_are_those_of_the_set_means(subject, found):
    chain, data = subject
    parts = image_sets(data, 4, seed=3)
    ratios = np.stack([magnitude(chain, part).blocks.frame["ratio"] for part in parts])
    np.testing.assert_allclose(found.blocks.frame["ratio_se"], ratios.std(0, ddof=1) / 2, rtol=1e-9)


def test_estimates_are_those_of_the_table_of_blocks(found):
    blocks, table = found.blocks.frame, found.correlations.frame
    assert len(table) == 3 * 2 * 2 * 2
    for row in table.to_dict("records"):
        kept = blocks if row["blocks"] == "all" else blocks[blocks["kind"] == "identity"]
        test = spearman if row["method"] == "spearman" else kendall
        expected = test(kept[row["predictor"]], kept[row["damage"]], seed=3)
        for name in ("n", "estimate", "low", "high", "p"):
            wanted = pytest.approx(getattr(expected, name), nan_ok=True)
            assert row[name] == wanted, (row, name)
    assert set(table["n"]) == {6, 4}
    assert set(table["images"]) == {23}
    assert set(table["sets"]) == {4}
    assert found.correlations.meta["seed"] == 3


def test_the_sets_are_disjoint_and_hold_every_image():
    data = random_batches(23, size=4)
    parts = image_sets(data, 5, seed=1)
    assert [part.n for part in parts] == [5, 5, 5, 4, 4]
    seen = torch.cat([part.data.pixels(slice(None)) for part in parts]).flatten(1)
    assert sorted(map(tuple, seen.tolist())) == sorted(
        map(tuple, data.data.pixels(slice(None)).flatten(1).tolist())
    )
    again, other = (image_sets(data, 5, seed=seed)[0].data.labels for seed in (1, 2))
    assert torch.equal(parts[0].data.labels, again)
    assert not torch.equal(again, other)


def test_a_seed_gives_the_same_tables_and_another_does_not(subject, found):
    again = predictors(*subject, network="net", sets=4, seed=3)
    pd.testing.assert_frame_equal(again.correlations.frame, found.correlations.frame)
    pd.testing.assert_frame_equal(again.blocks.frame, found.blocks.frame)
    other = predictors(*subject, network="net", sets=4, seed=4)
    assert not other.blocks.frame["ratio_se"].equals(found.blocks.frame["ratio_se"])


def test_factors_known_on_paper_are_ranked_as_they_are():
    """Blocks x + a x: the size is |a|, the gradient share |a| / (1 + |a|), the cosine 1 or -1."""
    factors = [0.1, -0.2, 0.3, -0.4, 0.5]
    data = random_batches(12, channels=1, size=4, classes=16)
    chain = unravel(LinearResNet(*factors), next(iter(data))[0][:2])
    frame = predictors(chain, data, sets=3).blocks.frame
    np.testing.assert_allclose(frame["ratio"], np.abs(factors), rtol=1e-6)
    np.testing.assert_allclose(frame["residual_share"], [abs(a) / (1 + abs(a)) for a in factors])
    np.testing.assert_allclose(frame["cosine"], np.sign(factors), rtol=1e-6)
    # a positive factor does not move the answer: no error where it is taken away
    assert frame["error_rise"].tolist() == [0] * 5


def test_the_model_is_left_as_found(subject, model_state):
    model = with_lively_statistics(AkamasterNet()).train()
    chain, before = unravel(model, next(iter(subject[1]))[0][:2]), model_state(model)
    steps = []
    predictors(chain, subject[1], sets=2, progress=lambda done, n: steps.append((done, n)))
    assert model_state(model) == before
    assert steps == [(1, 2), (2, 2)]


def measured(rng, noise, *, sets=20, blocks=30):
    """Return (sets, 2, blocks): a predictor without noise, and damage that goes with it."""
    truth = rng.normal(size=(2, blocks))
    truth[1] += truth[0]
    values = np.repeat(truth[None], sets, axis=0)
    values[:, 1] += noise * rng.normal(size=(sets, blocks))
    return values


def table(values, weights=None, **more):
    sets, _, blocks = values.shape
    return correlations(
        values,
        np.full(sets, 1 / sets) if weights is None else weights,
        columns=("size", "damage"),
        predictors=("size",),
        subsets={"all": np.ones(blocks, bool), **more},
        least=4,
        seed=0,
    )


def test_without_noise_other_images_change_nothing():
    rows = table(measured(np.random.default_rng(0), 0), first=np.arange(30) < 12)
    assert rows["estimate"].nunique() == 4
    np.testing.assert_allclose(rows["resampled_low"], rows["estimate"], rtol=1e-12)
    np.testing.assert_allclose(rows["resampled_high"], rows["estimate"], rtol=1e-12)
    np.testing.assert_allclose(rows["reliability_predictor"], 1)
    np.testing.assert_allclose(rows["reliability_damage"], 1)


def test_noise_of_the_images_shows_in_the_reliability_and_the_resampling():
    rng = np.random.default_rng(1)
    quiet, loud = (table(measured(rng, noise)).iloc[0] for noise in (0.5, 8))
    assert quiet["reliability_damage"] > 0.9
    assert loud["reliability_damage"] < 0.6
    assert loud["reliability_predictor"] == pytest.approx(1)
    width = [row["resampled_high"] - row["resampled_low"] for row in (quiet, loud)]
    assert width[0] < 0.15 < 0.3 < width[1]


def test_the_resampling_spreads_as_new_images_would():
    """The sd of the estimate over 200 new measurements, against that of one's resampling."""
    rng = np.random.default_rng(2)
    truth = measured(rng, 0)
    fresh = [
        spearman(
            truth[0, 0], (truth[:, 1] + 3 * rng.normal(size=truth[:, 1].shape)).mean(0)
        ).estimate
        for _ in range(60)
    ]
    widths = []
    for _ in range(4):
        values = truth.copy()
        values[:, 1] += 3 * rng.normal(size=values[:, 1].shape)
        row = table(values).iloc[0]
        widths.append(row["resampled_high"] - row["resampled_low"])
    assert np.mean(widths) / (2 * 1.96 * np.std(fresh)) == pytest.approx(1, abs=0.35)


def test_sets_weigh_as_many_images_as_they_hold():
    values = np.zeros((2, 2, 4))
    values[0] = [[1, 2, 3, 4], [1, 2, 3, 4]]
    values[1] = [[1, 2, 3, 4], [4, 3, 2, 1]]
    for weights, sign in (([0.9, 0.1], 1), ([0.1, 0.9], -1)):
        rows = table(values, np.array(weights))
        assert rows["estimate"].tolist() == pytest.approx([sign, sign])
        # drawn together, the larger set decides; drawn twice, either does
        assert rows["resampled_low"].tolist() == pytest.approx([-1, -1])
        assert rows["resampled_high"].tolist() == pytest.approx([1, 1])


def test_too_few_blocks_of_a_kind_have_a_row_without_numbers():
    few = np.arange(30) < 3
    rows = table(measured(np.random.default_rng(3), 1), identity=few)
    assert rows["n"].tolist() == [30, 30, 3, 3]
    for column in ("estimate", "p", "resampled_low", "reliability_damage"):
        assert rows[column].isna().tolist() == [False, False, True, True]


def test_a_measurement_that_is_no_number_gives_none():
    values = measured(np.random.default_rng(4), 1)
    values[0, 1, 0] = np.nan
    assert table(values)["estimate"].isna().all()


@pytest.mark.parametrize(
    ("arch", "n", "sets", "error", "match"),
    [
        ("plain14", 8, 2, InputError, "plain blocks only"),
        ("resnet8", 8, 2, InputError, "4 residual blocks or more; this network has 3"),
        ("resnet14", 8, 1, UsageError, "2 sets or more; got 1"),
        ("resnet14", 3, 4, InputError, "4 sets and there are 3; take more images or fewer sets"),
    ],
)
def test_what_cannot_be_correlated_is_refused_before_any_work(arch, n, sets, error, match):
    data = random_batches(n, size=16)
    chain = unravel(Architecture(arch, width=2).build(), data.example())
    for ask in (predictors, plan_predictors):
        with pytest.raises(error, match=match):
            ask(chain, data, sets=sets)


def test_the_plan_counts_what_runs_on_an_image(subject):
    chain, data = subject
    plan = plan_predictors(chain, data, sets=4)
    blocks = len(chain.blocks)
    # intact, each block deleted, gradient flow, norms
    assert (plan.images, plan.programs) == (23, blocks + 3)
    # the prefix tree: 6 calls intact; after each deletion, the blocks that follow it
    assert plan.block_evaluations == (blocks + sum(range(blocks))) + blocks + 2 * blocks
    assert plan.duration_s > 0
