"""The first line of the report on a foreign file: what was recognised, what assumed."""

from __future__ import annotations

from dataclasses import dataclass

from resprobe.checkpoints.fit import Fit
from resprobe.datasets import Normalisation
from resprobe.networks import Architecture, Family, Initialisation, Layout, Order, Shortcut

__all__ = ["Recognition"]


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """How a foreign file's network was told, in words.

    Parameters
    ----------
    architecture : Architecture
        What it was taken for.
    fit : Fit
        How its weights were taken.
    parameters : int
        How many the network has.
    named : str or None
        What the caller, or the file itself, calls it; None where names and shapes decided.
    shortcut_renamed : bool
        Whether the file has the shortcuts' layers under ``shortcut``.
    """

    architecture: Architecture
    fit: Fit
    parameters: int
    named: str | None
    shortcut_renamed: bool

    @property
    def is_akamasters(self) -> bool:
        """Whether the names are those of the widely used CIFAR weights of Yerlan Idelbayev."""
        head = self.fit.head
        linear = head is not None and (head.source or "").rpartition(".")[2] == "linear"
        cifar = self.architecture.family is Family.CIFAR
        return cifar and self._as_torchvision and (linear or self.shortcut_renamed)

    @property
    def _as_torchvision(self) -> bool:
        network = self.architecture
        usual = network.order is Order.ORIGINAL and network.init is Initialisation.HE
        return usual and network.shortcut in (Shortcut.NONE, Shortcut.A, Shortcut.B, Shortcut.C)

    @property
    def normalisation(self) -> Normalisation | None:
        """What its images were probably normalised with; None for the data set's own.

        Akamaster's training script normalises CIFAR images with the figures of ImageNet, and
        weights for ImageNet know images like those.
        """
        imagenet = self.architecture.family is Family.IMAGENET or self.is_akamasters
        if imagenet and self.architecture.in_channels == 3:
            return Normalisation.parse("imagenet")
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was recognised, assumed and changed, one line each."""
        notes = [self._summary]
        if self.fit.lacks_head and self.fit.head is not None:
            notes.append(
                f"warning: the file has no head: '{self.fit.head.name}' is at its initialisation "
                "(seed 0), and accuracies and losses mean nothing"
            )
        if self.shortcut_renamed:
            notes.append("took 'shortcut' as the name of the blocks' 'downsample'")
        return (*notes, *self.fit.notes)

    @property
    def _summary(self) -> str:
        network = self.architecture
        if self.is_akamasters:
            layout = "akamaster's"
        else:
            layout = "torchvision's" if self._as_torchvision else "resprobe's"
        options = [network.spec.split(":")[0], *_kept_options(network)]
        called = " as named" if self.named else ""
        return (
            f"recognised {layout} layout: {':'.join(options)}{called}, "
            f"{network.num_classes} classes, {_channels(network)}, {_shortcut(network)} "
            f"({self.parameters:,} parameters); assumed: {self._assumed}"
        )

    @property
    def _assumed(self) -> str:
        network = self.architecture
        assumed = []
        if not self.named and network.shortcut is Shortcut.A:
            assumed.append("residual, not plain (the same keys)")
        if not self.named and network.init is Initialisation.SKIPINIT:
            assumed.append("activations in the original order (the same keys)")
        by_default = network.layout is Layout.V1_5 and network.family is Family.IMAGENET
        if by_default and "layout=" not in (self.named or ""):
            assumed.append("stride in the 3x3 convolutions (v1.5; the same keys as the paper's)")
        own = self.normalisation is None
        normalisation = "the data set's own normalisation" if own else "ImageNet normalisation"
        return f"{', '.join(assumed)}, and {normalisation}" if assumed else normalisation


def _kept_options(network: Architecture) -> list[str]:
    """Return the options of a network that its keys show and no other word of the line says."""
    return [
        option
        for option in network.spec.split(":")[1:]
        if not option.startswith(("width=", "shortcut="))
    ]


def _channels(network: Architecture) -> str:
    return "1 channel" if network.in_channels == 1 else f"{network.in_channels} channels"


def _shortcut(network: Architecture) -> str:
    match network.shortcut:
        case None | Shortcut.NONE:
            return "no shortcuts"
        case Shortcut.A | Shortcut.B | Shortcut.C:
            return f"option {network.shortcut}"
        case _:
            return f"shortcut {network.shortcut}"
