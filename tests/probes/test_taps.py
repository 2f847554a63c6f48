"""Norms and cosines are right where squares leave the range of float32."""

import pytest
import torch
import torch.nn.functional as F

from resprobe.probes.taps import FAINT, cosines_of, norms_of


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e-3, 1e25])
def test_norms_are_right_where_squares_leave_the_range_of_float32(scale):
    gradient = scale * torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    expected = gradient.double().flatten(1).norm(dim=1)
    assert expected.min() > 0
    torch.testing.assert_close(norms_of(gradient), expected, rtol=1e-6, atol=0)


def test_cosines_of_faint_gradients_are_those_of_strong_ones():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 3, 4, 4, generator=generator) for _ in range(2))
    wanted = F.cosine_similarity(one.double().flatten(1), other.double().flatten(1))
    for scale in (1.0, 1e-12, 1e-25, 1e25):
        pair = scale * one, scale * other
        norms = tuple(norms_of(part) for part in pair)
        torch.testing.assert_close(cosines_of(*pair, norms), wanted, rtol=1e-5, atol=1e-7)
    fainter = cosines_of(1e-12 * one, other, (norms_of(1e-12 * one), norms_of(other)), faint=FAINT)
    shrunk = 1e-12 * norms_of(one) / FAINT
    torch.testing.assert_close(fainter, wanted * shrunk, rtol=1e-5, atol=1e-12)
