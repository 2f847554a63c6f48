"""Path gradients: all lengths in one sweep against one backward; random signs against sampling."""

import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.conftest import LINES
from resprobe.chain import unravel
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data
from resprobe.networks import Architecture
from resprobe.probes import paths

BLOCKS = 27
DRAWS, PATHS = 10, 25  # sweeps; paths of each length


pytestmark = pytest.mark.usefixtures("one_thread")


def test_all_lengths_against_one_forward_and_backward(images, side_by_side):
    """The other side asks for the gradient at the images alone: no weight has one."""
    data = images(32)
    model = Architecture("resnet56").build().eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)  # keeps the activations finite
    chain = unravel(model, data.example())
    assert len(chain.blocks) == BLOCKS

    def bare():
        for x, y in data:
            leaf = x.clone().requires_grad_()
            torch.autograd.grad(F.cross_entropy(model(leaf), y, reduction="sum"), leaf)

    ratio = side_by_side(bare, lambda: paths(chain, data, method="exact"), pairs=3)
    LINES.append(f"exact: {1 / ratio:.2f} times one forward and backward, {BLOCKS} blocks")
    assert 1 / ratio <= BLOCKS / 2 + 2


def trained(name, *, steps):
    """A network that has begun to learn, and the images that it is shown then."""
    train, test = (load_data("embedded", split=split) for split in ("train", "test"))
    model = Architecture(name, in_channels=1, width=8).build(seed=0).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    batches = list(Batches(train.subset(64 * steps), train.normalisation))
    for step in torch.randperm(len(batches), generator=torch.Generator().manual_seed(0)):
        x, y = batches[int(step)]
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
    data = Batches(test.subset(128), test.normalisation)
    return unravel(model.eval(), data.example()), data


def timed(*arguments, **options):
    begin = time.perf_counter()
    frame = paths(*arguments, **options).frame
    return frame, time.perf_counter() - begin


def relative_variance(frame):
    """Of the mean square of one draw, at the lengths that have more than one path."""
    root, error = frame["rms"].to_numpy()[1:-1], frame["rms_se"].to_numpy()[1:-1]
    return np.square(2 * error / root) * frame["draws"].iloc[0]


def test_random_signs_against_sampling_at_equal_standard_error():
    """Seconds until the mean square of a path's norm has the same relative error at all lengths.

    With v draws' relative variance and t seconds a draw, an error of r takes v t / r^2. Sampling
    may draw every length as often as that length needs: the sum over lengths counts. Sweeps give
    all lengths at once: the length that needs most of them counts. The 128 images are a
    mini-batch of the paper; signs differ from image to image, a sampled path is one for all.
    """
    chain, data = trained("resnet32", steps=60)
    paths(chain, data, method="rms", draws=1)  # warm up
    signs, signs_s = timed(chain, data, method="rms", draws=DRAWS)
    single, single_s = timed(chain, data, method="sampled", draws=PATHS)
    by_signs = relative_variance(signs).max() * signs_s / DRAWS
    by_path = relative_variance(single).sum() * single_s / (PATHS * len(single))
    ratio = by_path / by_signs
    LINES.append(
        f"rms against sampled at equal standard error: {ratio:.1f}x; relative variance of a draw "
        f"{np.median(relative_variance(signs)):.3f} against "
        f"{np.median(relative_variance(single)):.2f} (medians), {1000 * signs_s / DRAWS:.0f} ms a "
        f"sweep, {1000 * single_s / (PATHS * len(single)):.1f} ms a path"
    )
    assert ratio >= 20
    # both measure the same thing
    middle = slice(2, -2)
    gap = (signs["rms"] - single["rms"]).abs()[middle]
    error = np.hypot(signs["rms_se"], single["rms_se"])[middle]
    assert np.median(gap / error) < 3
