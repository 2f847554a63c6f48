"""What a command line asks for: which networks, on which images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.checkpoints import Checkpoint
    from resprobe.networks import Architecture
    from resprobe.sources import ModelSpec

__all__ = ["Named", "Request", "told_apart"]


@dataclass(frozen=True, kw_only=True)
class Named:
    """The networks that a command line names, as given.

    Raises
    ------
    UsageError
        If there is none, or two options contradict each other.
    """

    arch: str
    ckpt: list[Path] | None
    model: list[str] | None
    width: int | None
    prefix: str = ""

    def __post_init__(self) -> None:
        if not (self.specs or self.ckpt or self.model):
            raise UsageError(
                "no network named: give --ckpt FILE, --arch NAME for a new one, or --model SPEC "
                "for one from elsewhere"
            )
        if self.model and self.specs:
            raise UsageError("--arch and --model both name a network; give one of them")
        if self.ckpt and len(self.specs) > 1:
            raise UsageError(
                f"with --ckpt one architecture is wanted, that of the file; got {len(self.specs)} "
                f"({', '.join(self.specs)}), so keep one of them"
            )
        if self.width is not None and (self.model or self.ckpt):
            whose = "a model" if self.model else "a checkpoint"
            raise UsageError(f"--width is for --arch; {whose} has its own, so leave it out")
        if self.prefix and not self.ckpt:
            raise UsageError("--prefix says where a network lies in a file; give --ckpt too")

    @property
    def specs(self) -> list[str]:
        """The texts between the commas of ``--arch``."""
        return [spec.strip() for spec in self.arch.split(",") if spec.strip()]

    def checkpoint(self, path: Path, *, classes: int | None = None) -> Checkpoint:
        """Read one of the files; a head that it lacks gets so many ``classes``.

        Raises
        ------
        ResprobeError
            If it cannot be read, or is not what the command line says.
        """
        from resprobe.checkpoints import load

        return load(path, arch=self.arch or None, prefix=self.prefix or None, num_classes=classes)

    def architectures(
        self, *, classes: int | None = None, channels: int | None = None
    ) -> list[Architecture]:
        """Return what ``--arch`` names.

        Raises
        ------
        UsageError
            If one of them is unknown.
        """
        from resprobe.networks import Architecture

        channels = 3 if channels is None else channels
        return [
            Architecture.parse(spec, num_classes=classes, in_channels=channels, width=self.width)
            for spec in self.specs
        ]

    def models(self) -> list[tuple[ModelSpec, Path | None]]:
        """Return what ``--model`` names, each with the file that fills it.

        One model takes any number of files, one after the other; several take one each, in
        their order.

        Raises
        ------
        UsageError
            If a model cannot be meant, or the files do not go with the models.
        """
        from resprobe.sources import ModelSpec

        models = [ModelSpec.parse(text) for text in self.model or ()]
        if not self.ckpt:
            return [(model, None) for model in models]
        if len(models) == 1:
            return [(models[0], path) for path in self.ckpt]
        if len(models) != len(self.ckpt):
            raise UsageError(
                f"{len(models)} --model and {len(self.ckpt)} --ckpt do not go together; give one "
                "--ckpt for each --model, in their order"
            )
        return list(zip(models, self.ckpt, strict=True))


@dataclass(frozen=True, kw_only=True)
class Request:
    """The shared options of the analysing commands, as given."""

    named: Named
    data: str
    data_root: Path | None
    split: str
    normalise: str
    image_size: int | None
    device: str
    seed: int
    images: int | None
    batch_size: int | None
    quiet: bool
    images_by_default: int | None = None
    layers: bool = False
    """Whether the layers of plain networks are shown one by one."""


def told_apart(labels: list[str]) -> list[str]:
    """Give networks that would have the same name in a table numbers.

    Examples
    --------
    >>> told_apart(["a", "b", "a"])
    ['a#1', 'b', 'a#2']
    """
    return [
        f"{label}#{labels[: i + 1].count(label)}" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]
