"""From options to the images that a network is shown, and how their pixels become numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resprobe.cli.say import note
from resprobe.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from resprobe.checkpoints import Checkpoint
    from resprobe.cli.network import Network
    from resprobe.cli.request import Request
    from resprobe.datasets import Batches, Images, Normalisation

__all__ = [
    "batches_for",
    "check_fit",
    "images_for",
    "normalisation_for",
    "other_classes",
    "training_images",
]


_TRAINED_ON = "name the data set that it was trained on with --data"


def images_for(request: Request, checkpoint: Checkpoint | None) -> Images:
    """Read the images that were asked for, else those that the network was trained on.

    Raises
    ------
    ResprobeError
        If they cannot be had, or there are not so many.
    """
    trained_on = None if checkpoint is None else checkpoint.data
    if request.data or checkpoint is None or trained_on is None:
        return _images(request, request.data or _embedded(request), checkpoint)
    try:
        return _images(request, trained_on, checkpoint)
    except InputError as error:
        raise InputError(
            f"{checkpoint.path.name} was trained on {trained_on}, which cannot be read here "
            f"({error}); name its place with --data"
        ) from error


def _embedded(request: Request) -> str:
    note("no --data given: using the embedded Fashion-MNIST subset", quiet=request.quiet)
    return "embedded"


def _images(request: Request, spec: str, checkpoint: Checkpoint | None) -> Images:
    """Read the split that was asked for, and as many of its images."""
    from resprobe.datasets import load

    root = request.data_root
    images: Images
    if request.split == "validation":
        images = _held_out(load(spec, split="train", root=root), checkpoint)
    else:
        images = load(spec, split=request.split, root=root)
    images = _as_trained(images, checkpoint)
    if request.images:
        return images.subset(request.images)
    return images.subset(min(len(images), request.images_by_default or len(images)))


def _as_trained(images: Images, checkpoint: Checkpoint | None) -> Images:
    """Show photographs as large as the checkpoint's training did."""
    recipe = {} if checkpoint is None else checkpoint.recipe
    size = recipe.get("crop_size")
    if recipe.get("crop") not in ("scale", "resized") or not isinstance(size, int) or size < 1:
        return images
    return images.sized(size)


def _held_out(train: Images, checkpoint: Checkpoint | None) -> Images:
    """Divide the training images as the checkpoint's training did; return what it never saw."""
    return _divided(train, checkpoint)[1]


def _divided(train: Images, checkpoint: Checkpoint | None) -> tuple[Images, Images]:
    """Divide the training images as the checkpoint's training did: learnt from, held out."""
    recipe = {} if checkpoint is None else checkpoint.recipe
    known = {"images", "validation_fraction"} <= recipe.keys()
    if checkpoint is None or checkpoint.split_seed is None or not known:
        raise UsageError(
            "--split validation: the images held out are known only for a checkpoint of ours that "
            "was trained with a validation split; choose train or test"
        )
    trained_on = checkpoint.data or ""
    moved = any(  # a folder may have been
        train.spec.startswith(kind) and trained_on.startswith(kind)
        for kind in ("folder:", "imagenet:")
    )
    if train.spec != trained_on and not moved:
        raise UsageError(
            f"--split validation: {checkpoint.path.name} held out images of {trained_on or 'a set'}"
            f", not of {train.name}; leave out --data"
        )
    given = train.subset(int(recipe["images"]))
    return given.holdout(float(recipe["validation_fraction"]), seed=checkpoint.split_seed)


def training_images(
    request: Request, checkpoint: Checkpoint | None, shown: Batches, n: int | None, *, what: str
) -> Images:
    """Read training images of the set that is shown, apart from those that are shown.

    Parameters
    ----------
    request : Request
        What was asked for.
    checkpoint : Checkpoint or None
        Whose held-out images are left out where those are shown.
    shown : Batches
        The images that are studied.
    n : int or None
        How many, evenly spaced; as many as are shown, or all there are, by default.
    what : str
        The option that wants them.

    Raises
    ------
    ResprobeError
        If the set has no training images, or not so many.
    """
    from resprobe.datasets import load

    if not shown.data.classes:
        raise UsageError(
            f"{what} takes training images and {shown.data.name} is one unlabelled set; name a "
            "set with a training split with --data, or leave the option out"
        )
    images: Images = load(shown.data.spec, split="train", root=request.data_root)
    if request.split == "validation":
        images = _divided(images, checkpoint)[0]
    images = _as_trained(images, checkpoint)
    images = images if images.size == shown.data.size else images.sized(shown.data.size[0])
    return images.subset(min(shown.n, len(images)) if n is None else n).to(shown.data.device)


def check_fit(checkpoint: Checkpoint, images: Images) -> None:
    """Say which of several checkpoints it is that the images do not fit."""
    network = checkpoint.architecture
    if images.channels != network.in_channels:
        grey = " (grey images are repeated for a model that --model names)"
        raise InputError(
            f"{checkpoint.path.name} takes images of {network.in_channels} channel(s) and "
            f"{images.name} has {images.channels}; {_TRAINED_ON}"
            f"{grey if (images.channels, network.in_channels) == (1, 3) else ''}"
        )
    outputs = network.num_classes
    if outputs is not None and images.classes and len(images.classes) != outputs:
        raise other_classes(checkpoint.path, outputs, images)


def other_classes(path: Path, classes: int, images: Images) -> InputError:
    """Build the error for a checkpoint whose head has another number of classes."""
    return InputError(
        f"{path.name} has a head of {classes} classes and {images.name} has "
        f"{len(images.classes)}; {_TRAINED_ON}"
    )


def normalisation_for(
    request: Request,
    images: Images,
    stored: Normalisation | None = None,
    *,
    published: Normalisation | None = None,
) -> Normalisation:
    """Choose how pixels become numbers.

    In this order: what was asked for, what the checkpoint says (``stored``), the data set's
    own, what the model's library says of its weights (``published``), what the images measure.
    """
    from resprobe.datasets import Normalisation

    if request.normalise:
        return Normalisation.parse(request.normalise)
    known = stored or images.normalisation
    if known is not None:
        return known
    using = "the mean and standard deviation of these images"
    if published is not None:
        using = f"{published.describe()}, which the model's library trained its weights with"
    note(
        f"{images.name} has no published normalisation: using {using}; name another with "
        "--normalise",
        quiet=request.quiet,
    )
    return published or Normalisation.measured(images.pixels(slice(None)))


def batches_for(
    request: Request,
    network: Network,
    images: Images,
    normalisation: Normalisation,
    device: torch.device,
) -> Batches:
    """Return the images on the device in the size and with the channels that a network wants.

    Grey images are repeated for a network that takes three channels, photographs cut to the
    size that is wanted. What else is changed is said.
    """
    from resprobe.datasets import Batches

    size = request.image_size or network.image_size
    batches = Batches(
        (images if size is None else images.sized(size)).to(device),
        normalisation,
        request.batch_size or (64 if device.type == "cpu" else 512),
        image_size=size,
        channels=3 if (images.channels, network.channels) == (1, 3) else None,
    )
    if batches.changes:
        resized = batches.shape[1:] != images.size and not request.image_size
        hint = "; --image-size chooses another size" if resized else ""
        note(f"{network.label}: images {', '.join(batches.changes)}{hint}", quiet=request.quiet)
    small = min(batches.shape[1:]) < (network.designed_for or 0)
    if small and not request.image_size:
        full, (height, width) = network.designed_for, batches.shape[1:]
        note(
            f"{network.label}: designed for {full}x{full}, shown {height}x{width}; --image-size N "
            "resizes",
            quiet=request.quiet,
        )
    return batches
