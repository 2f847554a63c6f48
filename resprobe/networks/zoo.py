"""Which networks there are: their names, depths and stages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from resprobe.errors import UsageError, one_of
from resprobe.networks.options import BlockKind, Family

__all__ = ["Line", "Member", "member", "names"]


class Line(StrEnum):
    """The first part of a name."""

    RESNET = "resnet"
    PRERESNET = "preresnet"
    PLAIN = "plain"
    VGG = "vgg"


_IMAGENET_STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""Blocks per stage: He et al. 2015, table 1; 200 from He et al. 2016."""
_CIFAR_DEPTHS = (20, 32, 44, 56, 110, 1202, 164, 1001)
"""Published: He et al. 2015, table 6; the bottleneck networks from He et al. 2016, table 4."""
_BOTTLENECK_DEPTHS = (164, 1001)
_VGG_NAMES = ("vgg15", "vgg16", "vgg19", "vgg16_bn", "vgg19_bn")
_LARGEST_DEPTH = 99_999


@dataclass(frozen=True)
class Member:
    """What a name says about a network.

    Parameters
    ----------
    line : Line
        The first part of the name.
    depth : int
        Weighted layers.
    family : Family
        The images that it is for.
    norm : bool
        Whether it has batch normalisation; without it only ``vgg16`` and ``vgg19``.
    """

    line: Line
    depth: int
    family: Family
    norm: bool = True

    @property
    def block_kinds(self) -> tuple[BlockKind, ...]:
        """The kinds of block that make up this depth, the usual one first; none for VGG."""
        if self.line is Line.VGG:
            return ()
        if self.family is Family.IMAGENET:
            return (BlockKind.BASIC if self.depth < 50 else BlockKind.BOTTLENECK,)
        kinds = tuple(kind for kind in BlockKind if _is_cifar_depth(self.depth, kind))
        return kinds[::-1] if self.depth in _BOTTLENECK_DEPTHS else kinds

    def stages(self, kind: BlockKind) -> tuple[int, ...]:
        """Return the number of blocks of each stage."""
        if self.family is Family.IMAGENET:
            return _IMAGENET_STAGES[self.depth]
        return ((self.depth - 2) // (3 * kind.convolutions),) * 3


def names() -> list[str]:
    """Return the names of the networks of published depths: residual, pre-activation, plain, VGG.

    Any other depth 6n+2 (basic blocks) or 9n+2 (bottlenecks) is built as well.

    Examples
    --------
    >>> len(names()), names()[:3], names()[-2:]
    (47, ['resnet20', 'resnet32', 'resnet44'], ['vgg16_bn', 'vgg19_bn'])
    """
    depths = (*_CIFAR_DEPTHS, *_IMAGENET_STAGES)
    lines = (Line.RESNET, Line.PRERESNET, Line.PLAIN)
    return [*(f"{line}{depth}" for line in lines for depth in depths), *_VGG_NAMES]


@cache
def member(name: str) -> Member:
    """Look a network up.

    Raises
    ------
    UsageError
        If there is none of this name; the nearest is suggested.

    Examples
    --------
    >>> member("resnet50").stages(BlockKind.BOTTLENECK)
    (3, 4, 6, 3)
    """
    if name in _VGG_NAMES:
        depth = int(name[3:5])
        family = Family.CIFAR if depth == 15 else Family.IMAGENET
        return Member(Line.VGG, depth, family, norm=depth == 15 or name.endswith("_bn"))
    match = re.fullmatch(r"(resnet|preresnet|plain)([1-9]\d{0,4})", name)
    if match is None:
        raise one_of("architecture", name, _alike(name), hint=_HINT)
    line, depth = Line(match[1]), int(match[2])
    if not _is_depth(depth):
        near = " or ".join(f"'{line}{depth}'" for depth in _nearest(depth))
        raise UsageError(
            f"unknown architecture '{name}': the depth must be one of ImageNet's "
            f"({', '.join(map(str, _IMAGENET_STAGES))}), 9n+2 or 6n+2; did you mean {near}?"
        )
    return Member(line, depth, Family.IMAGENET if depth in _IMAGENET_STAGES else Family.CIFAR)


def _is_cifar_depth(depth: int, kind: BlockKind) -> bool:
    return depth > 2 and (depth - 2) % (3 * kind.convolutions) == 0


def _is_depth(depth: int) -> bool:
    return depth in _IMAGENET_STAGES or any(_is_cifar_depth(depth, kind) for kind in BlockKind)


def _nearest(depth: int) -> list[int]:
    """Return the next depths below and above that there are."""
    below = next((d for d in range(depth, 0, -1) if _is_depth(d)), None)
    above = next((d for d in range(depth, _LARGEST_DEPTH + 1) if _is_depth(d)), None)
    return [d for d in (below, above) if d is not None]


def _alike(name: str) -> list[str]:
    """Return the names to suggest from: the published ones, and each line at this depth."""
    depth = int(re.sub(r"\D", "", name)[:5] or 0)
    lines = (Line.RESNET, Line.PRERESNET, Line.PLAIN) if _is_depth(depth) else ()
    return [*(f"{line}{depth}" for line in lines), *names()]


_HINT = (
    "known are resnetN and plainN, and preresnetN with pre-activation, with N = 18, 34, 50, 101, "
    "152 or 200 for ImageNet, 6n+2 or 9n+2 for CIFAR (resnet56, preresnet164, plain20), and "
    + ", ".join(_VGG_NAMES)
)
