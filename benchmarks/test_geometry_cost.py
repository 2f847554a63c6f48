"""Decompositions of Jacobians in forward and backward passes; a slice in forward passes."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.conftest import LINES
from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import geometry, landscape
from resprobe.probes.jacobians.decomposition import products

K, OVERSAMPLING, ITERATIONS = 12, 10, 6
POINTS = 5

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def model():
    made = Architecture("resnet20").build().eval().requires_grad_(False)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)  # keeps the activations finite
    return made


def test_geometry_against_as_many_forward_and_backward_passes(model, images, side_by_side):
    """The other side runs each image forward and back, to the image, once for every product.

    A product is a backward pass through what a forward pass recorded, or the backward pass of
    one: as much as a forward and a backward pass. To it comes linear algebra in float64, 4 c
    numbers of work for a vector kept apart from c others (some 80 in the mean) and 2 c for the
    small matrix (154), per element of the block: 700 in float64 against 1150 in float32 of two
    3 x 3 convolutions with 16 channels, and four times as many with 64. So at most as much
    again; and pairs of blocks, of which there are three in a stage here, k products each.
    """
    data = images(1)
    chain = unravel(model, data.example())
    per_block = products(K, OVERSAMPLING, ITERATIONS)
    (x, y) = next(iter(data))
    copies = x.expand(K + OVERSAMPLING, -1, -1, -1).contiguous()
    labels = y.expand(len(copies))
    times = per_block // len(copies)

    def bare():
        for _ in range(times):
            leaf = copies.clone().requires_grad_()
            torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)

    def ours():
        geometry(chain, data, k=K, oversampling=OVERSAMPLING, iterations=ITERATIONS)

    ratio = side_by_side(bare, ours, pairs=3)
    LINES.append(
        f"geometry: {per_block / ratio:.0f} times one forward and backward pass an image, with "
        f"{per_block} products a block"
    )
    assert 1 / ratio <= 3


def test_a_slice_against_as_many_forward_passes(model, images, side_by_side):
    """A place costs moving the weights, a pass over them in memory, and a forward pass.

    The chain's sums and activations are not in place, as the model's are: two more passes over
    the outputs of each block, beside some six of its convolutions and norms.
    """
    data = images(256)
    chain = unravel(model, data.example())

    def bare():
        with torch.inference_mode():
            for _ in range(POINTS):
                for x, _ in data:
                    model(x)

    ratio = side_by_side(bare, lambda: landscape(chain, data, points=POINTS, line=True), pairs=3)
    LINES.append(f"landscape: {POINTS / ratio:.1f} forward passes for {POINTS} places")
    assert 1 / ratio <= 1.5
