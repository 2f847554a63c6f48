"""How pixel values become the numbers that a network was trained on."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from resprobe.errors import InputError, UsageError, one_of

__all__ = ["KNOWN_NORMALISATIONS", "Normalisation"]


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel, for pixel values scaled to [0, 1].

    Parameters
    ----------
    mean, std : tuple of float
        One number per channel; a standard deviation is greater than 0.

    Raises
    ------
    UsageError
        If the two differ in length, are empty, or hold a number that cannot be one.

    Examples
    --------
    >>> norm = Normalisation.parse("0.5/0.25")
    >>> norm.apply(torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)).flatten()
    tensor([-2.,  2.])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(value) for value in self.mean))
        object.__setattr__(self, "std", tuple(float(value) for value in self.std))
        if len(self.mean) != len(self.std) or not self.mean:
            raise UsageError(
                "a normalisation wants as many means as standard deviations, one per channel; "
                f"got {len(self.mean)} and {len(self.std)}"
            )
        if not all(map(math.isfinite, self.mean + self.std)) or min(self.std) <= 0:
            raise UsageError(
                "a normalisation wants finite means and standard deviations above 0; "
                f"got {_numbers(self.mean)} and {_numbers(self.std)}"
            )

    @property
    def channels(self) -> int:
        """Number of channels that it is for."""
        return len(self.mean)

    def check(self, channels: int) -> None:
        """Raise InputError unless it is for images of this many channels."""
        if channels != self.channels:
            raise InputError(
                f"the images have {channels} channel(s) and the normalisation {self.describe()} "
                f"is for {self.channels}; name one that fits with --normalise"
            )

    def apply(self, images: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Return ``(images / 255 - mean) / std`` as float32 on the device of the images.

        Parameters
        ----------
        images : Tensor
            (N, C, H, W), uint8, or floating point with the same values from 0 to 255.
            It is left as it is.
        out : Tensor, optional
            (N, C, H, W), float32, where to put them; else a new tensor. Channels last as
            the images are, where they are, it may be a part of larger images.

        Raises
        ------
        InputError
            If the images have another number of channels.

        Notes
        -----
        The three steps are rounded one by one, so that the numbers are bit for bit those
        of the usual ``ToTensor`` followed by ``Normalize``.
        """
        self.check(images.shape[1])
        scaled = images.to(torch.float32, copy=True).div_(255)
        after: tuple[int, ...]
        view, repeats, after = _as_they_are, 1, (1, 1)
        if not scaled.is_contiguous() and scaled.is_contiguous(memory_format=torch.channels_last):
            view, repeats, after = _as_rows, scaled.shape[3], ()
        mean, std = (
            _numbers_on(images.device, values * repeats).view(-1, *after)
            for values in (self.mean, self.std)
        )
        seen = view(scaled).sub_(mean)
        if out is None:
            seen.div_(std)
            return scaled
        torch.div(seen, std, out=view(out))
        return out

    @classmethod
    def parse(cls, text: str) -> Normalisation:
        """Read a known name or ``"m,m,m/s,s,s"`` (``"m/s"`` for one channel).

        Raises
        ------
        UsageError
            If the text is neither.

        Examples
        --------
        >>> Normalisation.parse("imagenet").mean
        (0.485, 0.456, 0.406)
        """
        if text in KNOWN_NORMALISATIONS:
            return KNOWN_NORMALISATIONS[text]
        try:
            mean, std = ([float(number) for number in part.split(",")] for part in text.split("/"))
        except ValueError:
            names = ", ".join(KNOWN_NORMALISATIONS)
            hint = f"Wanted: {names}, or means and standard deviations as m,m,m/s,s,s"
            raise one_of("normalisation", text, KNOWN_NORMALISATIONS, hint=hint) from None
        return cls(tuple(mean), tuple(std))

    @classmethod
    def measured(cls, images: Tensor) -> Normalisation:
        """Measure the mean and (population) standard deviation per channel.

        Parameters
        ----------
        images : Tensor
            (N, C, H, W), uint8. The figures come from exact counts of the 256 values.

        Raises
        ------
        InputError
            If there is no image, or a channel has one value everywhere.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or not images.numel():
            raise InputError(
                "measuring a normalisation wants at least one uint8 image (N, C, H, W)"
            )
        values = torch.arange(256, dtype=torch.float64) / 255
        mean, std = [], []
        for channel in images.unbind(1):
            share = (
                torch.bincount(channel.reshape(-1), minlength=256).cpu().double() / channel.numel()
            )
            centre = float((share * values).sum())
            mean.append(centre)
            std.append(math.sqrt(float((share * (values - centre) ** 2).sum())))
        if min(std) == 0:
            raise InputError(
                f"channel {std.index(0)} has the same value in every pixel of every image, "
                "so it has no spread to normalise by"
            )
        return cls(tuple(mean), tuple(std))

    def describe(self) -> str:
        """Return its name where it is a known one, else the numbers as ``parse`` reads them."""
        for name, known in KNOWN_NORMALISATIONS.items():
            if known == self:
                return name
        return f"{_numbers(self.mean)}/{_numbers(self.std)}"

    def to_dict(self) -> dict[str, list[float]]:
        """Return plain lists under ``mean`` and ``std``."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Normalisation:
        """Read what ``to_dict`` gave; raise InputError where it is something else."""
        try:
            return cls(tuple(value["mean"]), tuple(value["std"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"not a normalisation with 'mean' and 'std' lists: {value!r}"
            ) from error


def _as_they_are(images: Tensor) -> Tensor:
    return images


def _as_rows(images: Tensor) -> Tensor:
    """View channels-last images as (N, H, W C): three numbers at a time would be slow."""
    count, channels, height, width = images.shape
    return images.permute(0, 2, 3, 1).view(count, height, width * channels)


@functools.lru_cache(maxsize=64)
def _numbers_on(device: torch.device, values: tuple[float, ...]) -> Tensor:
    """Return the numbers as a tensor; made anew each time, a GPU would be waited for."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device)


def _numbers(values: Sequence[float]) -> str:
    return ",".join(repr(value) for value in values)


KNOWN_NORMALISATIONS: Mapping[str, Normalisation] = {
    "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "fashion-mnist": Normalisation((0.2860,), (0.3530,)),
}
"""Those that published networks were trained with; Fashion-MNIST's is of the unpadded images."""
