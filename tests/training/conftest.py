import pytest
import torch
from training.small_run import trained

from resprobe.datasets import ImageSet, Normalisation
from resprobe.networks import Architecture

CLASSES = ("dark", "bright")


def stripes(n, *, split="train", size=8, seed=0, normalisation=None):
    """Noisy images of two classes, left half or right half bright: easy to tell apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    images = torch.randint(0, 120, (n, 1, size, size), generator=generator)
    half = size // 2
    images[labels == 0, :, :half] += 100
    images[labels == 1, :, half:] += 100
    return ImageSet(
        images.to(torch.uint8), labels, CLASSES, "stripes", split, normalisation, "folder:stripes"
    )


@pytest.fixture(scope="session")
def two_kinds():
    """Build ``n`` images of two classes that a small network learns to tell apart."""
    return stripes


@pytest.fixture
def tiny():
    """A residual network of 8 layers for these images."""
    return Architecture("resnet8", num_classes=2, in_channels=1, width=4)


@pytest.fixture
def half():
    """A normalisation for one channel."""
    return Normalisation((0.5,), (0.25,))


@pytest.fixture(scope="module")
def data(two_kinds):
    """The images of the small run."""
    return two_kinds(32)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The small run, interrupted by nobody."""
    out = tmp_path_factory.mktemp("whole") / "net.pt"
    return trained(data, out)
