"""Jacobians and loss around a trained ResNet-20."""

import numpy as np
import pytest
import torch

from resprobe.chain import left_as_found
from resprobe.probes import geometry, landscape, lesion

pytestmark = pytest.mark.real


@pytest.mark.long
def test_the_largest_singular_values_are_those_of_the_whole_matrix(subject):
    """The last block's branch, 4096 x 4096, against LAPACK."""
    chain, data = subject("resnet20", 1)
    found = geometry(chain, data, k=12)
    (x, _) = next(iter(data))
    with left_as_found(chain, training=False), torch.no_grad():
        h = chain.stem(x)
        for block in chain.blocks[:-1]:
            h = block(h)
        matrix = torch.autograd.functional.jacobian(chain.blocks[-1].branch, h).reshape(4096, -1)
    exact = torch.linalg.svdvals(matrix.double()).numpy()
    rows = found.values.frame[found.values.frame["block"] == len(chain.blocks) - 1]
    np.testing.assert_allclose(rows["value"], exact[:12], rtol=1e-5)
    last = found.blocks.frame.iloc[-1]
    assert last["frobenius"] == pytest.approx(np.sqrt(np.square(exact).sum()), rel=0.02)
    effective = np.square(exact).sum() ** 2 / np.power(exact, 4).sum()
    assert last["effective_rank"] == pytest.approx(effective, rel=0.05)
    assert found.blocks.frame["residual"].max() < 0.06


@pytest.mark.long
def test_the_centre_of_a_slice_is_the_intact_network_which_lies_in_a_valley(subject):
    chain, data = subject("resnet20", 200)
    frame = landscape(chain, data, points=5, span=0.2, line=True).frame
    intact = lesion(chain, data).frame.iloc[0]
    centre = frame[frame["a"] == 0].iloc[0]
    assert centre["error"] == pytest.approx(intact["error"], rel=1e-12)
    assert centre["loss"] == pytest.approx(intact["loss"], rel=1e-5)
    # test images: the lowest place may be a step away, and the ends are higher
    assert frame["loss"].iloc[[0, -1]].min() > centre["loss"]
