"""Networks that the scripts train themselves, once for all of them.

Each is trained on the embedded images, which every clone has, and kept in a folder of checkpoints
that is not committed: whoever runs the scripts trains the same networks again, bit for bit on the
same machine. Small widths and short schedules make that a matter of minutes on one core, and are
named wherever the networks are.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from kit.subjects import Network, Place

from resprobe import Architecture, load, train
from resprobe.datasets import load as load_images
from resprobe.devices import pick_device
from resprobe.errors import InputError, UsageError
from resprobe.monitor import Watching
from resprobe.training import recipes

__all__ = ["Own", "networks_of", "seeds"]


@dataclass(frozen=True, kw_only=True)
class Own:
    """A network that is trained here, with ``--recipe short`` on the embedded images.

    Attributes
    ----------
    arch : str
        As ``resprobe train --arch`` takes it, without the width.
    width : int
        Channels of the first stage (He et al. 2015: 16).
    epochs : int
        How often it sees the 4,500 images that are not held out.
    images : int
        How many images there are before some are held out.
    seed : int
        Of everything that is drawn.
    watch : int
        Every so many steps each block is recorded, on which nothing depends; 0 for none.
    """

    arch: str
    width: int = 8
    epochs: int = 15
    images: int = 5_000
    seed: int = 0
    watch: int = 0

    @property
    def name(self) -> str:
        """What tables and files call it, such as resnet110-w8-s0."""
        plain = self.arch.replace(":", "-").replace("=", "")
        return f"{plain}-w{self.width}-s{self.seed}"

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return Architecture.parse(f"{self.arch}:width={self.width}", in_channels=1)

    def tiny(self) -> Own:
        """Return the network that stands for it in a tiny run, under its name."""
        family, _, options = self.arch.partition(":")
        stem = family.rstrip("0123456789")
        depth = "8" if int(family.removeprefix(stem)) <= 20 else "14"
        kept = [o for o in options.split(":") if o and not o.startswith("blocks_per_batch")]
        some = ["blocks_per_batch=2"] * ("blocks_per_batch" in options)
        return _Tiny(arch=":".join([stem + depth, *kept, *some]), width=2, epochs=2, images=400,
                     seed=self.seed, watch=min(self.watch, 2), called=self.name)  # fmt: skip

    def trained(self, folder: Path, *, device: str = "auto") -> Path:
        """Return its checkpoint, trained first where there is none yet.

        Raises
        ------
        InputError
            If the file that is there is another network, or another training.
        """
        path = folder / f"{self.name}.pt"
        if not self._is_complete(path):
            print(f"training {self.name}", file=sys.stderr, flush=True)
            images = load_images("embedded", split="train").subset(self.images)
            train(
                self.architecture, images, recipe=recipes["short"], epochs=self.epochs,
                seed=self.seed, out=path, test=load_images("embedded", split="test"),
                test_curve=True, resume=True, device=pick_device(device),
                watching=Watching(every=self.watch) if self.watch else None,
            )  # fmt: skip
        self._check(path)
        return path

    def _is_complete(self, path: Path) -> bool:
        if not path.exists() or path.with_name(f".{path.name}.lock").exists():
            return False
        log = path.with_suffix(".csv")  # a network from elsewhere may come without
        return not log.exists() or len(pd.read_csv(log)) == self.epochs

    def _check(self, path: Path) -> None:
        kept = load(path)
        recipe = recipes["short"].for_run(round(self.images * 0.9), epochs=self.epochs)
        wanted = {**recipe.to_dict(), "seed": self.seed, "images": self.images}
        differs = [name for name, value in kept.recipe.items() if wanted.get(name) != value]
        if kept.architecture != self.architecture or differs:
            raise InputError(
                f"{path}: another training ({', '.join(differs) or kept.architecture.spec}) than "
                f"{self.name}; choose another --networks"
            )


@dataclass(frozen=True, kw_only=True)
class _Tiny(Own):
    called: str

    @property
    def name(self) -> str:
        return self.called


def seeds(own: Own, count: int) -> tuple[Own, ...]:
    """Return the same network from seeds 0, 1, ..."""
    return tuple(replace(own, seed=seed) for seed in range(count))


def networks_of(asked: argparse.Namespace, own: tuple[Own, ...]) -> list[Network]:
    """Return the networks that a script looks at: its own, and those that ``--ckpt`` names.

    Raises
    ------
    UsageError
        If two have one name.
    """
    at = Place(data=asked.data, root=asked.data_root, label=asked.label, device=asked.device)
    mine = [] if asked.only_ckpt else [one.tiny() if asked.smoke else one for one in own]
    found = [
        Network(
            name=one.name,
            find=lambda o=one: o.trained(asked.networks, device=asked.device),
            place=at,
        )
        for one in mine
    ]
    found += [Network(name=p.stem, find=lambda p=p: p, place=at) for p in asked.ckpt]
    names = [network.name for network in found]
    if len(set(names)) < len(names):
        raise UsageError(
            f"--ckpt names trained networks, each with a file name of its own; got "
            f"{', '.join(names)}"
        )
    return found
