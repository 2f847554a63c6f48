"""The estimators against brute force and closed forms."""

import itertools

import numpy as np
import pytest
import torch

from resprobe.probes.similarities.cka import HsicSums, cka_of
from resprobe.probes.similarities.gram import centred_gram, u_centred


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def hsic(x, y):
    return float(centred_gram(x) @ centred_gram(y))


def hsic_by_quadruples(x, y):
    """The U-statistic: the mean of its kernel over all quadruples of different images."""
    k, m = x.flatten(1) @ x.flatten(1).T, y.flatten(1) @ y.flatten(1).T
    total = count = 0.0
    for i, j, q, r in itertools.permutations(range(len(x)), 4):
        total += float(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]))
        count += 1
    return total / count


def hsic_by_formula(x, y):
    """Nguyen et al. 2021, equation 2."""
    k, m = (z.flatten(1) @ z.flatten(1).T for z in (x, y))
    k, m = k - torch.diag(k.diag()), m - torch.diag(m.diag())
    n, one = len(k), torch.ones(len(k), dtype=torch.float64)
    total = torch.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return float((total - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3)))


def biased_cka(x, y):
    """Kornblith et al. 2019, equation 4, on all images at once."""
    x, y = (z.flatten(1) - z.flatten(1).mean(0) for z in (x, y))
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def cka(x, y):
    rows = torch.stack([centred_gram(x), centred_gram(y)])
    return cka_of((rows @ rows.T).numpy())[0, 1]


@pytest.mark.parametrize("n", [4, 5, 7])
def test_hsic_is_the_u_statistic_over_all_quadruples(n):
    x, y = normal(n, 3) + 2, normal(n, 2, 2, seed=1)
    assert hsic(x, y) == pytest.approx(hsic_by_quadruples(x, y), rel=1e-10)
    assert hsic(x, x) == pytest.approx(hsic_by_quadruples(x, x), rel=1e-10)


def test_hsic_is_the_published_formula():
    x, y = normal(40, 6), normal(40, 3, 2, 2, seed=1)
    assert hsic(x, y) == pytest.approx(hsic_by_formula(x, y), rel=1e-10)


def test_hsic_is_unbiased_in_batches_of_four():
    x = normal(400, 2)
    y = x @ normal(2, 2, seed=1) + normal(400, 2, seed=2)
    order = np.random.default_rng(0)
    found = []
    for _ in range(30):
        for part in order.permutation(400).reshape(100, 4):
            found.append(hsic(x[part], y[part]))
    assert np.mean(found) == pytest.approx(hsic(x, y), abs=4 * np.std(found) / 3_000**0.5)
    assert np.std(found) / 3_000**0.5 < 0.1 * hsic(x, y)


def test_a_constant_added_to_every_feature_changes_nothing_but_rounding():
    x = normal(20, 5)
    torch.testing.assert_close(centred_gram(x), centred_gram(x + 1e6), rtol=1e-7, atol=1e-8)
    row_sums = u_centred(x @ x.T).sum(1)
    assert float(row_sums.abs().max()) < 1e-12


def test_rotation_and_scale_leave_cka_at_one():
    x = normal(50, 8)
    q, _ = torch.linalg.qr(normal(8, 8, seed=1))
    assert cka(x, 3.5 * x @ q - 7) == pytest.approx(1, abs=1e-12)
    stretched = x * torch.tensor([9.0] + [1.0] * 7, dtype=torch.float64)  # no rotation
    assert cka(x, stretched) < 0.9


def test_independent_features_have_none_where_the_biased_estimate_is_large():
    pairs = [(normal(32, 400, seed=2 * s), normal(32, 400, seed=2 * s + 1)) for s in range(20)]
    found = [cka(x, y) for x, y in pairs]
    assert abs(np.mean(found)) < 0.02
    assert min(biased_cka(x, y) for x, y in pairs) > 0.85


def test_with_many_images_both_estimates_agree():
    x = normal(3_000, 4)
    y = x @ normal(4, 3, seed=1) + 0.5 * normal(3_000, 3, seed=2)
    assert cka(x, y) == pytest.approx(biased_cka(x, y), abs=2e-3)


def test_negative_estimates_are_kept_and_a_layer_without_variance_is_undefined():
    found = [cka(normal(8, 2, seed=2 * s), normal(8, 2, seed=2 * s + 1)) for s in range(20)]
    assert min(found) < 0 < max(found)
    assert np.isnan(cka(normal(10, 2), torch.ones(10, 3, dtype=torch.float64)))


def test_the_mean_of_batches_is_taken_before_the_ratio():
    sums = HsicSums(2, 2)
    first, second = np.array([[4.0, 2.0], [2.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 3.0]])
    sums.add(first)
    sums.add(second)
    found = sums.estimate(lambda table: table)
    assert found.value[0, 1] == pytest.approx(1.5 / (2 * 2) ** 0.5)
    assert found.value[0, 0] == 1.0


def jackknife_by_hand(parts, figure):
    left = [
        figure(cka_of(np.mean([p for j, p in enumerate(parts) if j != i], axis=0)))
        for i in range(len(parts))
    ]
    return np.sqrt((len(parts) - 1) * np.var(left, axis=0))


def test_standard_errors_are_those_of_the_jackknife_over_batches():
    parts = [np.cov(normal(9, 3, seed=s).numpy().T) for s in range(6)]
    sums = HsicSums(3, 6)
    for part in parts:
        sums.add(part)
    found = sums.estimate(lambda table: table)
    np.testing.assert_allclose(found.se, jackknife_by_hand(parts, lambda t: t), atol=1e-12)
    mean = sums.estimate(lambda table: table.mean())
    assert float(mean.se) == pytest.approx(float(jackknife_by_hand(parts, np.mean)))
    assert float(mean.high - mean.value) == pytest.approx(2.570582 * float(mean.se))


def test_the_jackknife_says_how_much_other_images_would_move_the_estimate():
    figures, errors = [], []
    for seed in range(150):
        x = normal(128, 3, seed=3 * seed)
        y = x + normal(128, 3, seed=3 * seed + 1)
        sums = HsicSums(2, 16)
        for start in range(0, 128, 8):
            rows = torch.stack([centred_gram(z[start : start + 8]) for z in (x, y)])
            sums.add((rows @ rows.T).numpy())
        found = sums.estimate(lambda table: table[0, 1])
        figures.append(float(found.value))
        errors.append(float(found.se))
    assert np.mean(errors) == pytest.approx(np.std(figures), rel=0.25)


def test_many_batches_share_twenty_groups():
    sums = HsicSums(1, 45)
    for value in range(45):
        sums.add(np.array([[float(value + 1)]]))
    assert sums._sums.shape == (20, 1, 1)
    assert sums._counts.tolist() == [3.0] * 5 + [2.0] * 15
    assert sums.mean()[0, 0] == pytest.approx(23)


def test_one_batch_has_no_standard_error():
    sums = HsicSums(1, 1)
    sums.add(np.ones((1, 1)))
    found = sums.estimate(lambda table: table)
    assert found.value[0, 0] == 1
    assert np.isnan([found.se, found.low, found.high]).all()
