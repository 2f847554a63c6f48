import math

import numpy as np
import pytest
import torch

from resprobe.probes.path_lengths.columns import exact_columns, rms_columns, sampled_columns
from resprobe.probes.path_lengths.drawing import DrawnPaths


def test_the_error_of_a_root_is_that_of_the_mean_square_over_twice_the_root():
    squares = torch.tensor([[4.0, 0.0], [16.0, 0.0]], dtype=torch.float64)
    found = rms_columns(squares, np.array([1.0, 0.0]))  # two paths, and one
    assert found["rms"].tolist() == pytest.approx([math.sqrt(10 / 2), 0])
    # sd of 4 and 16 is 8.485, of their mean 6; of a single path's mean square 3
    assert found["rms_se"].tolist() == pytest.approx([3 / (2 * math.sqrt(5)), 0])


def test_one_draw_has_no_standard_error():
    found = rms_columns(torch.ones(1, 3, dtype=torch.float64), np.zeros(3))
    assert np.isnan(found["rms_se"]).all()


def test_errors_of_a_ratio_agree_with_leaving_one_image_out():
    generator = torch.Generator().manual_seed(0)
    n, lengths = 400, 3
    dots = torch.rand(n, lengths, generator=generator, dtype=torch.float64) - 0.3
    squared = dots.sum(1, keepdim=True).abs() + torch.rand(n, 1, generator=generator).double()
    norms = torch.cat([dots.abs(), squared.sqrt()], 1)
    found = torch.stack([norms, torch.cat([dots, squared], 1)], 1)
    columns = exact_columns(found, np.zeros(lengths))
    np.testing.assert_allclose(columns["projection"], dots.sum(0) / squared.sum(), rtol=1e-12)
    without = ((dots.sum(0) - dots) / (squared.sum() - squared)).numpy()
    jackknife = np.sqrt((n - 1) / n * np.square(without - without.mean(0)).sum(0))
    np.testing.assert_allclose(columns["projection_se"], jackknife, rtol=0.02)
    assert float(columns["gradient"]) == pytest.approx(float(squared.sqrt().mean()))


def test_a_path_that_is_drawn_twice_counts_twice():
    drawn = DrawnPaths(np.array([[False], [True]]), np.array([[0, 0, 0], [0, 1, 1]]))
    sums = torch.tensor([[1.0, 4.0], [1.0, 16.0]], dtype=torch.float64)
    found = sampled_columns(sums, drawn)
    assert found["norm"].tolist() == [1, 3]
    assert found["norm_se"].tolist() == pytest.approx([0, 1])
    assert found["rms"].tolist() == pytest.approx([1, math.sqrt(11)])
    assert found["rms_se"].tolist() == pytest.approx([0, 5 / (2 * math.sqrt(11))])
