import pytest
import torch

from resprobe.monitor.sums import COLUMNS, Sums


def taken(sums):
    return [dict(zip(COLUMNS, row, strict=True)) for row in sums.take().tolist()]


def test_readings_of_passes_of_any_size_and_type_are_added_up():
    sums = Sums(2, torch.device("cpu"))
    sums.see(0, "input", torch.tensor([1.0, 2.0]))
    sums.see(1, "input", torch.tensor([1e-30, 3e-30], dtype=torch.float64))
    sums.see(0, "input", torch.tensor([4.0]))
    sums.see(0, "response", torch.tensor(-5.0))
    sums.add(1, "images", 2)
    first, second = taken(sums)
    assert (first["input"], first["response"], first["images"]) == (7, -5, 0)
    assert (second["input"], second["images"]) == (pytest.approx(4e-30, rel=1e-12), 2)


def test_norms_of_a_branch_are_squared_one_by_one():
    sums = Sums(1, torch.device("cpu"))
    sums.see(0, "branch_norm", torch.tensor([3.0, 4.0]))
    sums.see(0, "branch_norm", torch.tensor([12.0]))
    (row,) = taken(sums)
    assert (row["branch_norm"], row["response_squares"]) == (19, 169)


def test_a_step_begins_with_nothing():
    sums = Sums(1, torch.device("cpu"))
    sums.see(0, "ratio", torch.ones(3))
    sums.add(0, "images", 3)
    assert sums.take().sum() == 6
    assert sums.take().eq(0).all()
