"""Images as tensors: what to read, where from, how it is normalised and augmented.

``load`` reads a whole split into an ``ImageSet``: the embedded Fashion-MNIST subset, a folder
of images, CIFAR-10, CIFAR-100 or Fashion-MNIST from the files that their authors publish. Of
photographs like ImageNet's it makes a ``FileSet``, which decodes them when they are asked for.
What both have in common is ``Images``; the ``feed`` of either gives a trainer its batches.
Lengths and sums are verified on every reading, archives are never extracted, and pickles go
through an unpickler that can only build arrays. ``Batches`` hands the images on in order,
normalised, in the size and with the channels that a network takes; ``augment`` crops and flips
them on their device by (seed, epoch, index). ``fetch`` downloads, ``verify`` checks what is
there, ``catalogue`` lists what is known. Nothing here knows a network.
"""

from resprobe.datasets.augment import augment
from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.datasets.batches import Batches
from resprobe.datasets.checks import verify
from resprobe.datasets.download import fetch
from resprobe.datasets.feeds import MemoryFeed
from resprobe.datasets.file_set import FileSet
from resprobe.datasets.images import ImageSet
from resprobe.datasets.known import KNOWN, KnownSet, catalogue
from resprobe.datasets.loading import load
from resprobe.datasets.normalise import Normalisation
from resprobe.datasets.protocol import Feed, Images
from resprobe.datasets.sources import File, Layout

__all__ = [
    "KNOWN",
    "Augmentation",
    "Batches",
    "Crop",
    "Feed",
    "File",
    "FileSet",
    "ImageSet",
    "Images",
    "KnownSet",
    "Layout",
    "MemoryFeed",
    "Normalisation",
    "augment",
    "catalogue",
    "fetch",
    "load",
    "verify",
]
