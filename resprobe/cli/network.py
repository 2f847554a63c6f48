"""A network to study, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from resprobe.checkpoints import Checkpoint
    from resprobe.datasets import Normalisation
    from resprobe.networks import Architecture

__all__ = ["Network"]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network in eval mode, with what is known about it.

    Parameters
    ----------
    label : str
        Its name in tables.
    model : nn.Module
        On the CPU.
    trained : bool
        Whether its weights were read, and not drawn.
    about : dict
        What the provenance of a result says about it.
    image_size, channels : int or None
        Of the images that it wants; None where it does not say.
    designed_for : int or None
        Height and width in pixels of the images that it was designed for, where showing it
        smaller ones is worth a word.
    normalisation : Normalisation or None
        What its library's weights want, where data set and checkpoint say nothing.
    """

    label: str
    model: nn.Module
    trained: bool
    about: dict[str, Any]
    image_size: int | None = None
    channels: int | None = None
    designed_for: int | None = None
    normalisation: Normalisation | None = None

    @classmethod
    def at_initialisation(cls, architecture: Architecture, *, seed: int) -> Network:
        """Build one of ours."""
        about = {
            "checkpoint_sha256": None,
            "architecture": architecture.to_dict(),
            "initialisation": f"{architecture.init.value}, seed {seed}",
        }
        model = architecture.build(seed=seed).eval()
        return cls(
            label=architecture.spec,
            model=model,
            trained=False,
            about=about,
            designed_for=_large_images(architecture),
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Network:
        """Take one of ours with its weights."""
        about = {
            "checkpoint": checkpoint.path.name,
            "checkpoint_sha256": checkpoint.sha256,
            "architecture": checkpoint.architecture.to_dict(),
            "epoch": checkpoint.epoch,
            "notes": list(checkpoint.notes),
        }
        return cls(
            label=checkpoint.name,
            model=checkpoint.model,
            trained=True,
            about=about,
            designed_for=_large_images(checkpoint.architecture),
        )


def _large_images(architecture: Architecture) -> int | None:
    """Return the size of ImageNet's images; the CIFAR family is shown small ones of any size."""
    from resprobe.networks import Family

    return architecture.image_size if architecture.family is Family.IMAGENET else None
