"""What a network is made of, for ``resprobe describe``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from resprobe.cli.chains import chain_of
from resprobe.cli.models import models_from_elsewhere
from resprobe.cli.request import Named, told_apart
from resprobe.cli.say import note, others_on_stderr
from resprobe.errors import ChainError

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import nn

    from resprobe.chain import Chain
    from resprobe.networks import Architecture

__all__ = ["Description", "Sizes", "descriptions"]

IMAGE_SIZES = {"torchvision": 224, "timm": 224}  # what their published weights were trained at
SMALL = 32  # of the embedded images


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of the images and the head, where the command line says; None for the network's own."""

    image: int | None = None
    channels: int | None = None
    classes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Description:
    """A network's steps, with sizes and costs; found when they are asked for.

    Parameters
    ----------
    label : str
        Its name in tables.
    title : str
        Its architecture with the options, or its class.
    about : dict
        Every option, in JSON types.
    model : nn.Module
        The network; of ours without weights.
    example : Tensor
        (N, C, H, W): images of the size that shapes and costs are for.
    channels : int or None
        Of its first convolution, where it is a model from elsewhere.
    architecture : Architecture or None
        None for a model from elsewhere.
    quiet : bool
        Whether to leave out why a network is no chain, where only its sizes are asked for.
    """

    label: str
    title: str
    about: dict[str, Any]
    model: nn.Module
    example: torch.Tensor
    channels: int | None = None
    architecture: Architecture | None = None
    quiet: bool = False

    @cached_property
    def _unravelled(self) -> tuple[Chain, float]:
        begin = time.perf_counter()
        chain = chain_of(self.model, self.example, channels=self.channels)
        return chain, time.perf_counter() - begin

    @property
    def chain(self) -> Chain:
        """The network as a chain; ChainError where it is none."""
        return self._unravelled[0]

    @property
    def unravel_s(self) -> float:
        """Seconds that it took to find the chain."""
        return self._unravelled[1]

    @cached_property
    def steps(self) -> pd.DataFrame:
        """The steps as :func:`resprobe.block_table` gives them."""
        from resprobe.chain import block_table

        return block_table(self.chain)

    @property
    def blocks(self) -> pd.DataFrame:
        """The rows of blocks alone."""
        return self.steps.loc[self.steps["block"] >= 0]

    @property
    def image(self) -> list[int]:
        """Channels, height and width of an image."""
        return list(self.example.shape[1:])

    @cached_property
    def block_count(self) -> int:
        """How many blocks there are; -1 where the network is no chain."""
        try:
            return len(self.blocks)
        except ChainError as error:
            note(f"{self.label}: {error}", quiet=self.quiet)
            return -1

    @property
    def parameters(self) -> int:
        """Of the whole network, those included that no step uses."""
        from resprobe.networks import count_parameters

        return count_parameters(self.model)

    @cached_property
    def multiply_adds(self) -> int:
        """Of one image through the whole network."""
        from resprobe.networks import multiply_adds

        with others_on_stderr():
            try:
                return multiply_adds(self.model, self.example[:1])
            except Exception:
                # a user's model may hold tensors that are neither parameters nor buffers, which
                # no stand-in replaces; the steps' sum counts twice only what two paths share
                return int(self.steps["multiply_adds"].sum())


def descriptions(named: Named, sizes: Sizes, *, seed: int, quiet: bool) -> list[Description]:
    """Describe every network that was named.

    Ours are described without allocating weights, models from elsewhere as they are made.

    Raises
    ------
    ResprobeError
        If one of them cannot be had.
    """
    if named.model:
        return _from_elsewhere(named, sizes, seed=seed, quiet=quiet)
    if named.ckpt:
        found = _from_checkpoints(named, classes=sizes.classes, quiet=quiet)
    else:
        architectures = named.architectures(classes=sizes.classes, channels=sizes.channels)
        found = [(architecture.spec, architecture) for architecture in architectures]
    labels = told_apart([label for label, _ in found])
    return [
        _of_ours(label, architecture, sizes)
        for label, (_, architecture) in zip(labels, found, strict=True)
    ]


def _from_checkpoints(
    named: Named, *, classes: int | None, quiet: bool
) -> list[tuple[str, Architecture]]:
    found = []
    for path in named.ckpt or ():
        checkpoint = named.checkpoint(path, classes=classes)
        for line in checkpoint.notes:
            note(f"{path.name}: {line}", quiet=quiet)
        found.append((checkpoint.name, checkpoint.architecture))
    return found


def _of_ours(label: str, architecture: Architecture, sizes: Sizes) -> Description:
    import torch

    size = sizes.image or architecture.image_size
    example = torch.empty(1, architecture.in_channels, size, size, device="meta")
    return Description(
        label=label,
        title=architecture.spec,
        about=architecture.to_dict(),
        model=architecture.build(device="meta"),
        example=example,
        architecture=architecture,
    )


def _from_elsewhere(named: Named, sizes: Sizes, *, seed: int, quiet: bool) -> list[Description]:
    import torch

    networks = models_from_elsewhere(
        named, seed=seed, quiet=quiet, classes=sizes.classes, channels=sizes.channels
    )
    labels = told_apart([network.label for network in networks])
    found = []
    for label, network, (spec, _) in zip(labels, networks, named.models(), strict=True):
        size = sizes.image or network.image_size
        if size is None:
            size = IMAGE_SIZES.get(spec.source, SMALL)
            note(
                f"{label} says no image size: described for {size}x{size}; --image-size chooses "
                "another",
                quiet=quiet,
            )
        shape = (2, network.channels or sizes.channels or 3, size, size)
        example = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        found.append(
            Description(
                label=label,
                title=network.about["class"],
                about=network.about,
                model=network.model,
                example=example,
                channels=network.channels,
                quiet=quiet,
            )
        )
    return found
