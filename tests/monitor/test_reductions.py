import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resprobe.monitor.reductions import STRETCH, flat, image_norms, image_rows, segment_norms, total

shapes = st.lists(st.integers(1, 9), min_size=0, max_size=3).map(tuple)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 5),
    shape=shapes,
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    order=st.randoms(use_true_random=False),
    seed=st.integers(0, 99),
)
def test_norms_and_totals_are_those_of_the_definition_in_any_layout(n, shape, dtype, order, seed):
    axes = list(range(1, 1 + len(shape)))
    order.shuffle(axes)
    x = torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    x = x.permute(0, *axes)
    exact = x.double().reshape(n, -1)
    tolerance = 1e-12 if dtype is torch.float64 else 5e-7
    norms = image_norms(x).double()
    torch.testing.assert_close(norms, exact.norm(dim=1), rtol=tolerance, atol=1e-14)
    found = total(x).double()
    torch.testing.assert_close(found, exact.sum(), rtol=tolerance, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 16, 32, 32), (2, 197, 192), (1, 256, 56, 56), (3, 1000)])
def test_large_maps_keep_seven_digits(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).relu() + 0.1
    exact = x.double().flatten(1).norm(dim=1)
    assert float(((image_norms(x) - exact) / exact).abs().max()) < 2e-7
    row = x.flatten()[: x.numel() // STRETCH * STRETCH]
    whole = segment_norms(row, torch.zeros(len(row) // STRETCH, dtype=torch.int64), 1)
    assert float(whole / row.double().norm()) == pytest.approx(1, abs=2e-7)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_rows_are_a_view_of_what_is_dense(layout):
    x = torch.zeros(3, 4, 5, 6).contiguous(memory_format=layout)
    assert image_rows(x).data_ptr() == x.data_ptr()
    assert image_rows(x).shape == (3, 120)


def test_squares_that_leave_the_range_of_float32_are_summed_in_float64():
    x = torch.tensor([[3e-25, 4e-25], [3e25, 4e25], [0.0, 0.0], [3.0, 4.0]])
    assert image_norms(x).tolist() == pytest.approx([5e-25, 5e25, 0.0, 5.0], rel=1e-6)


def test_what_is_not_finite_is_not_hidden():
    norms = image_norms(torch.tensor([[float("nan")], [float("inf")], [2.0]]))
    assert norms.isnan().tolist() == [True, False, False]
    assert norms.tolist()[1:] == [float("inf"), 2.0]


def test_an_image_of_many_stretches_that_leaves_the_range_is_summed_in_float64():
    x = torch.ones(4, 8, 8, 8)
    x[1], x[2], x[3] = 1e-24, 1e24, 0.0
    expected = [512**0.5, 512**0.5 * 1e-24, 512**0.5 * 1e24, 0.0]
    assert image_norms(x).tolist() == pytest.approx(expected, rel=1e-6)
    assert image_norms(x[2:]).tolist() == pytest.approx(expected[2:], rel=1e-6)
    assert image_norms(x, first=2).tolist() == pytest.approx(expected[:2], rel=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(5, 4, 8, 8), (5, 3, 7, 5), (5, 9, 16, 16)])
@pytest.mark.parametrize("first", [1, 3, 5, 9, None])
def test_the_first_images_are_those_of_a_slice(layout, shape, first):
    whole = torch.randn(6, *shape[1:], generator=torch.Generator().manual_seed(0))
    inner = whole.contiguous(memory_format=layout)[1:]
    views = inner.transpose(1, 2), inner[:, :, ::2], inner[:, :-1], inner[:, :1].expand(shape)
    for x in (inner, *views):
        kept = x.double()[:first]
        found = image_norms(x, first=first).double()
        torch.testing.assert_close(found, kept.flatten(1).norm(dim=1), rtol=5e-7, atol=0)
        found = total(x, first=first).double()
        torch.testing.assert_close(found, kept.sum(), rtol=1e-6, atol=1e-4)


def test_elements_side_by_side_are_viewed_and_others_copied():
    x = torch.arange(24.0).view(2, 3, 4)
    assert flat(x.permute(2, 0, 1)).data_ptr() == x.data_ptr()
    assert flat(x[1:]).tolist() == list(range(12, 24))
    assert flat(x[:, 1]).tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
