"""Each part of a read-out against a slow twin or a closed form."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from resprobe.probes.readouts.borderline import Borderline, gap_of
from resprobe.probes.readouts.decisions import Decisions, settled, stable
from resprobe.probes.readouts.estimation import StageErrors, moments_of
from resprobe.probes.readouts.features import features_of, pooled
from resprobe.probes.readouts.ridge import RidgeSums
from resprobe.statistics import wilson


def drawn(n, features, classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, features, generator=generator, dtype=torch.float64)
    x = x @ torch.randn(features, features, generator=generator, dtype=torch.float64) + 3
    return x, torch.randint(0, classes, (n,), generator=generator)


def ridge_by_lstsq(x, y, classes, penalty):
    """The slow twin: all features at once, the penalty as further rows."""
    x, targets = x.numpy(), np.eye(classes)[y.numpy()]
    mean, std = x.mean(0), x.std(0)
    z = (x - mean) / std
    shares = targets.mean(0)
    more = np.sqrt(len(x) * penalty) * np.eye(x.shape[1])
    weight, *_ = np.linalg.lstsq(
        np.vstack([z, more]), np.vstack([targets - shares, np.zeros((len(more), classes))])
    )
    return lambda new: (new.numpy() - mean) / std @ weight + shares


@pytest.mark.parametrize("penalty", [1e-6, 1e-3, 10.0])
def test_the_streamed_probe_is_ridge_regression_on_all_features(penalty):
    x, y = drawn(200, 7, 4)
    sums = RidgeSums(7, 4)
    for start in range(0, 200, 33):
        sums.add(x[start : start + 33], y[start : start + 33])
    probe, scores = sums.solved(penalty), ridge_by_lstsq(x, y, 4, penalty)
    new, _ = drawn(50, 7, 4, seed=1)
    found = (new - probe.mean) @ probe.weight + probe.bias
    np.testing.assert_allclose(found.numpy(), scores(new), rtol=1e-8, atol=1e-10)
    assert probe.predict(new).tolist() == scores(new).argmax(1).tolist()


def test_features_far_from_zero_lose_nothing():
    x, y = drawn(200, 5, 3)
    near, far = RidgeSums(5, 3), RidgeSums(5, 3)
    for part in (slice(0, 100), slice(100, 200)):
        near.add(x[part], y[part])
        far.add(x[part] + 1e6, y[part])
    torch.testing.assert_close(
        near.solved(1e-3).weight, far.solved(1e-3).weight, rtol=1e-6, atol=1e-8
    )


def test_a_feature_that_does_not_vary_gets_no_weight_and_changes_nothing():
    x, y = drawn(100, 4, 3)
    with_constant = torch.cat([x, torch.full((100, 1), 0.1, dtype=torch.float64)], dim=1)
    one, other = RidgeSums(4, 3), RidgeSums(5, 3)
    one.add(x, y)
    other.add(with_constant, y)
    found = other.solved(1e-3).weight
    assert (found[4] == 0).all()
    torch.testing.assert_close(found[:4], one.solved(1e-3).weight)


def test_separable_classes_are_told_apart_and_random_labels_are_not():
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 5, (2_000,), generator=generator)
    apart = torch.eye(5, dtype=torch.float64)[y] + 0.05 * torch.randn(
        2_000, 5, generator=generator, dtype=torch.float64
    )
    for labels, low, high in ((y, 1.0, 1.0), (y[torch.randperm(2_000)], 0.1, 0.3)):
        sums = RidgeSums(5, 5)
        sums.add(apart[:1_000], labels[:1_000])
        right = sums.solved(1e-3).predict(apart[1_000:]) == labels[1_000:]
        assert low <= float(right.double().mean()) <= high


@pytest.mark.parametrize(
    ("shape", "axes"), [((6, 4, 4), (2, 3)), ((5, 6), (1,)), ((4, 4, 6), (1, 2)), ((6,), ())]
)
def test_features_are_means_over_positions_whatever_their_layout(shape, axes):
    end = torch.randn(3, *shape)
    found = pooled(end)
    np.testing.assert_allclose(
        found.numpy(), end.double().numpy().mean(axes) if axes else end.double().numpy(), atol=1e-6
    )
    assert found.shape[1] == features_of(shape) == 6
    assert found.dtype == torch.float64


def test_errors_seen_in_parts_are_those_of_all_elements_together():
    outputs = [torch.randn(30, 2, 3, 3) * scale + scale for scale in (3.0, 2.0, 1.0)]
    ends, errors = [1, 1, 2], StageErrors([1, 1, 2])
    for part in (slice(0, 7), slice(7, 8), slice(8, 30)):
        errors.add(StageErrors.seen(ends, [out[part] for out in outputs]))
    found = errors.columns()
    for number, last in enumerate(ends):
        e = (outputs[number] - outputs[last]).double().numpy()
        whole = outputs[last].double().numpy().std()
        assert found["error_mean"][number] == pytest.approx(e.mean(), rel=1e-9, abs=1e-12)
        assert found["error_std"][number] == pytest.approx(e.std(), rel=1e-9)
        assert found["stage_std"][number] == pytest.approx(whole, rel=1e-9)
        assert found["error_std_relative"][number] == pytest.approx(e.std() / whole, rel=1e-9)
        by_image = e.reshape(30, -1).mean(1)
        assert found["error_mean_se"][number] == pytest.approx(by_image.std(ddof=1) / 30**0.5)
    assert found["error_std"][1] == found["error_std"][2] == found["error_std_se"][1] == 0.0


def test_the_standard_error_of_the_spread_is_what_other_images_would_show():
    generator = np.random.default_rng(0)
    stds, errors = [], []
    for _ in range(300):
        scale = generator.uniform(0.2, 1.8, size=(60, 1))  # images differ in how far off they are
        values = torch.from_numpy(scale * generator.normal(2, 1, size=(60, 30))).float()
        one = StageErrors([1, 1])
        one.add(StageErrors.seen([1, 1], [values, torch.zeros_like(values)]))
        stds.append(one.columns()["error_std"][0])
        errors.append(one.columns()["error_std_se"][0])
    assert np.mean(errors) == pytest.approx(np.std(stds), rel=0.12)  # 300 draws: 4 % each


def test_a_small_error_beside_a_large_output_keeps_its_digits():
    # float32 holds 1e4 to 1e-3: the elements are exact multiples of it
    values = torch.arange(512).float().reshape(2, 256) / 1024 + 1e4
    found = moments_of(values)
    exact = values.double().numpy()
    np.testing.assert_allclose(found.squares / 256, exact.var(1), rtol=1e-12)
    np.testing.assert_allclose(found.mean, exact.mean(1), rtol=1e-15)


predictions = arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 7)),
                     elements=st.integers(0, 2))  # fmt: skip


@given(predictions, st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_a_prediction_is_settled_where_it_and_all_later_ones_are_the_final_one(table, final):
    ends = np.full(len(table), final)
    for row, found in zip(table, settled(table, ends), strict=True):
        wanted = [k for k in range(len(row)) if (row[k:] == final).all()]
        assert found == (wanted[0] if wanted else len(row))


@given(predictions, st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_a_prediction_is_stable_where_the_next_blocks_repeat_it(table, times):
    for row, found in zip(table, stable(table, times), strict=True):
        wanted = [k for k in range(len(row) - times) if (row[k : k + times + 1] == row[k]).all()]
        assert found == (wanted[0] if wanted else len(row))


def test_decisions_are_counted_and_what_no_block_decides_needs_all_of_them():
    one = Decisions(("probe",), ("a", "b", "c"), (1, 1, 2))
    one.add("probe", np.array([0, 0, 2]))
    one.add("probe", np.array([3, 1]))
    rows = one.rows()
    assert [row["images"] for row in rows] == [2, 1, 1, 1]
    assert [row["cumulative"] for row in rows] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    assert [row["name"] for row in rows] == ["a", "b", "c", "head"]
    assert [row["stage"] for row in rows] == [1, 1, 2, 2]
    depths = np.array([1, 1, 3, 3, 2])
    half = 1.959964 * depths.std(ddof=1) / 5**0.5
    for row in rows:
        assert row["depth"] == pytest.approx(2.0)
        assert row["depth_low"] == pytest.approx(2.0 - half)
        assert row["depth_fraction"] == pytest.approx(2 / 3)
        assert row["depth_fraction_high"] == pytest.approx((2.0 + half) / 3)


def test_borderline_images_are_counted_as_a_loop_counts_them():
    generator = np.random.default_rng(0)
    scores = softmax(generator.normal(0, 0.3, size=(60, 4, 3)), axis=2)
    labels = generator.integers(0, 3, 60)
    gaps, correct = gap_of(scores), scores.argmax(2) == labels[:, None]
    one = Borderline(4, before=1, gap=0.1)
    for part in (slice(0, 25), slice(25, 60)):
        one.add(gaps[part], correct[part])
    rows = {(r["judged"], r["group"], r["block"]): r for r in one.rows(5, list("abcd"))}
    assert len(rows) == 16
    for (judged, judge), near in itertools.product((("before", 1), ("after", 3)), (True, False)):
        for exit_ in range(4):
            n = right = 0
            for image in range(60):
                first, second, *_ = sorted(scores[image, judge], reverse=True)
                if (first - second < 0.1) == near:
                    n += 1
                    right += scores[image, exit_].argmax() == labels[image]
            row = rows[judged, "borderline" if near else "confident", 5 + exit_]
            assert (row["n"], row["correct"]) == (n, right)
            assert (row["accuracy_low"], row["accuracy_high"]) == wilson(int(right), n)


def test_a_group_without_images_has_no_accuracy():
    one = Borderline(1, before=0, gap=0.1)
    one.add(np.array([[0.5]]), np.array([[True]]))
    row = next(row for row in one.rows(0, ["a"]) if row["group"] == "borderline")
    assert row["n"] == 0
    assert np.isnan([row["accuracy"], row["accuracy_low"], row["accuracy_high"]]).all()
