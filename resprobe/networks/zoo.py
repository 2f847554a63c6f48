"""From a name to a network."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from resprobe.errors import InputError, UsageError, one_of
from resprobe.networks.blocks import BasicBlock, PlainBlock
from resprobe.networks.resnet import CifarNet, he_initialise

__all__ = ["Architecture", "names"]

_BLOCKS = {"resnet": BasicBlock, "plain": PlainBlock}
_PUBLISHED_DEPTHS = (20, 32, 44, 56, 110, 1202)


def names() -> list[str]:
    """Return the names of the published networks; any other depth 6n+2 is built as well."""
    return [f"{family}{depth}" for family in _BLOCKS for depth in _PUBLISHED_DEPTHS]


@dataclass(frozen=True)
class Architecture:
    """A network's name and sizes: all that is needed to build it again.

    Parameters
    ----------
    name : str
        ``resnetN`` or ``plainN`` with N = 6n+2 weighted layers: 8, 14, 20, ..., 110, ..., 1202.
    num_classes, in_channels : int
        Outputs of the network, channels of its images.
    width : int
        Channels of the first stage; 16 in the paper.

    Raises
    ------
    UsageError
        If there is no such network, or a size is below 1.

    Examples
    --------
    >>> sum(p.numel() for p in Architecture("plain20").build().parameters())
    269722
    """

    name: str
    num_classes: int = 10
    in_channels: int = 3
    width: int = 16

    def __post_init__(self) -> None:
        self._family_and_depth()
        for size in ("num_classes", "in_channels", "width"):
            value = getattr(self, size)
            if not isinstance(value, int) or value < 1:
                raise UsageError(
                    f"{size} of {self.name} must be a whole number >= 1; got {value!r}"
                )

    @property
    def depth(self) -> int:
        """Weighted layers, the linear one included."""
        return self._family_and_depth()[1]

    @property
    def is_plain(self) -> bool:
        """Whether the network has no shortcuts."""
        return self._family_and_depth()[0] == "plain"

    def build(self, *, seed: int = 0, device: torch.device | str = "cpu") -> nn.Module:
        """Make the network in training mode, initialised on the CPU from ``seed``, on ``device``.

        On the ``meta`` device it has shapes and no values. The global random state is
        neither read nor moved.
        """
        family, depth = self._family_and_depth()
        with torch.device("meta"):
            network = CifarNet(
                _BLOCKS[family],
                (depth - 2) // 6,
                num_classes=self.num_classes,
                in_channels=self.in_channels,
                width=self.width,
            )
        if torch.device(device).type == "meta":
            return network
        network.to_empty(device="cpu")
        he_initialise(network, generator=torch.Generator().manual_seed(seed))
        return network.to(device)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for a file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Architecture:
        """Rebuild from :meth:`to_dict`.

        Raises
        ------
        InputError
            If the fields are not those of an architecture.
        """
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(f"not the description of an architecture: {fields!r}") from error

    def _family_and_depth(self) -> tuple[str, int]:
        match = re.fullmatch(r"(resnet|plain)([1-9]\d{0,4})", str(self.name))
        if match is None:
            raise one_of("architecture", str(self.name), _alike(str(self.name)), hint=_HINT)
        family, depth = match[1], int(match[2])
        if depth < 8 or (depth - 2) % 6:
            below = max(8, depth - (depth - 2) % 6)
            raise UsageError(
                f"unknown architecture '{self.name}': the depth must be 6n+2; "
                f"did you mean '{family}{below}' or '{family}{below + 6}'?"
            )
        return family, depth


def _alike(name: str) -> list[str]:
    """Return the names to suggest from: the published ones, and each family at this depth."""
    depth = int(re.sub(r"\D", "", name)[:5] or 0)
    exists = depth >= 8 and (depth - 2) % 6 == 0
    return [*(f"{family}{depth}" for family in _BLOCKS if exists), *names()]


_HINT = "known are resnetN and plainN of any depth N = 6n+2, such as resnet20, resnet56, plain56"
