"""The whole story on the embedded data: train, lesion, follow the gradients, write a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resprobe.chain import Chain, unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches, Images
from resprobe.datasets import load as load_data
from resprobe.figures import figure, save
from resprobe.figures.kinds import KINDS
from resprobe.networks import Architecture
from resprobe.probes import gradflow, lesion
from resprobe.report import demo_page
from resprobe.results import Result, combined
from resprobe.surveys import blocks_of
from resprobe.training import Pace, Progress, recipes, train

__all__ = ["Made", "Scale", "run_demo"]

Step = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much the demo does; the defaults take a few minutes on two CPU cores.

    Attributes
    ----------
    trained : tuple of str
        Networks to train and to lesion.
    untrained : tuple of str
        Networks whose gradients are followed at initialisation.
    epochs, width : int
        Of the training, with the recipe "short"; channels of the first stage.
    train_images, test_images, gradient_images : int or None
        Evenly spaced over their splits; None for all.
    """

    trained: tuple[str, ...] = ("plain20", "resnet20")
    untrained: tuple[str, ...] = ("plain20", "plain56", "resnet20", "resnet56")
    epochs: int = 4
    width: int = 16
    train_images: int | None = None
    test_images: int | None = None
    gradient_images: int = 128


@dataclass(frozen=True)
class Made:
    """What the demo left: its page, every result, and how long it took."""

    page: Path
    results: tuple[Result, ...]
    duration_s: float


def run_demo(
    folder: str | Path,
    *,
    scale: Scale | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    progress: Step | None = None,
) -> Made:
    """Train a plain and a residual network on the embedded images and compare them.

    Parameters
    ----------
    folder : str or Path
        Gets ``index.html``, ``trained/`` (checkpoints, training log, lesions, gradient flow)
        and ``at-initialisation/`` (gradient flow), each result as CSV, JSON, PNG and SVG.
    scale : Scale, optional
        How much to do.
    device : torch.device or str
        Where the networks run.
    seed : int
        Of initialisation, order and augmentation.
    say : callable
        Told in a line what begins.
    progress : callable, optional
        Called with (done, in all) of what is under way.

    Returns
    -------
    Made
    """
    begin, folder = time.perf_counter(), Path(folder)
    scale = scale or Scale()
    learn, test = (load_data("embedded", split=split) for split in ("train", "test"))
    learn = learn.subset(scale.train_images) if scale.train_images else learn
    test = test.subset(scale.test_images) if scale.test_images else test
    studio = Studio(folder, scale, torch.device(device), seed, say, progress)
    results = [
        studio.keep(studio.trained(learn, test), "trained"),
        *(studio.keep(part, "trained") for part in studio.lesions(test)),
        *(studio.keep(part, "trained") for part in studio.gradients(test, trained=True)),
        *(studio.keep(part, "at-initialisation") for part in studio.gradients(test, trained=False)),
    ]
    page = demo_page(results, folder / "index.html")
    return Made(page, tuple(results), time.perf_counter() - begin)


@dataclass(frozen=True)
class Studio:
    """What all parts of the demo share."""

    folder: Path
    scale: Scale
    device: torch.device
    seed: int
    say: Callable[[str], None]
    progress: Step | None

    def trained(self, learn: Images, test: Images) -> Result:
        """Train every network; their logs in one table."""
        parts = []
        for name in self.scale.trained:
            self.say(f"training {name} on {len(learn)} images, epochs: {self.scale.epochs}")
            parts.append(
                train(
                    self._architecture(name, test),
                    learn,
                    recipe=recipes["short"],
                    epochs=self.scale.epochs,
                    out=self._checkpoint(name),
                    test=test,
                    seed=self.seed,
                    device=self.device,
                    overwrite=True,
                    pace=Pace(progress=self._report),
                )
            )
        return combined(parts)

    def lesions(self, test: Images) -> tuple[Result, Result]:
        """List the blocks of every trained network, and delete each of them."""
        tables, parts = [], []
        for name in self.scale.trained:
            self.say(f"deleting the blocks of {name} one at a time")
            chain, data, about = self._from_checkpoint(name, test)
            found = lesion(
                chain, data, network=name, seed=self.seed, about=about, progress=self.progress
            )
            tables.append(blocks_of(chain, network=name, meta=found.meta))
            parts.append(found)
        return combined(tables), combined(parts)

    def gradients(self, test: Images, *, trained: bool) -> tuple[Result, Result]:
        """Follow the gradients, through running statistics only where there are any."""
        names = self.scale.trained if trained else self.scale.untrained
        self.say(
            f"following the gradients of {', '.join(names)} "
            f"{'after training' if trained else 'at initialisation'}"
        )
        few = test.subset(min(len(test), self.scale.gradient_images))
        flows = []
        for name in names:
            chain, data, about = (
                self._from_checkpoint(name, few) if trained else self._new(name, few)
            )
            flows.append(
                gradflow(
                    chain,
                    data,
                    network=name,
                    batch_norm="running" if trained else "batch",
                    seed=self.seed,
                    about=about,
                    progress=self.progress,
                )
            )
        return combined([flow.blocks for flow in flows]), combined([flow.weights for flow in flows])

    def keep(self, result: Result, part: str) -> Result:
        """Save a result and its figure, where it has one."""
        result.save(self.folder / part)
        if result.name in KINDS:
            save(figure(result), self.folder / part / result.name)
        return result

    def _architecture(self, name: str, images: Images) -> Architecture:
        return Architecture(
            name,
            num_classes=len(images.classes),
            in_channels=images.channels,
            width=self.scale.width,
        )

    def _checkpoint(self, name: str) -> Path:
        return self.folder / "trained" / f"{name}.pt"

    def _report(self, at: Progress) -> None:
        if self.progress:
            self.progress(at.iteration, at.iterations)

    def _from_checkpoint(self, name: str, images: Images) -> tuple[Chain, Batches, dict[str, Any]]:
        checkpoint = load(self._checkpoint(name))
        assert checkpoint.normalisation is not None, "our checkpoints carry it"
        data = Batches(images.to(self.device), checkpoint.normalisation)
        about = {
            "checkpoint": checkpoint.path.name,
            "checkpoint_sha256": checkpoint.sha256,
            "architecture": checkpoint.architecture.to_dict(),
        }
        return unravel(checkpoint.model.to(self.device), data.example()), data, about

    def _new(self, name: str, images: Images) -> tuple[Chain, Batches, dict[str, Any]]:
        assert images.normalisation is not None, "the embedded data have one"
        architecture = self._architecture(name, images)
        data = Batches(images.to(self.device), images.normalisation)
        model = architecture.build(seed=self.seed, device=self.device)
        about = {"checkpoint_sha256": None, "architecture": architecture.to_dict()}
        return unravel(model, data.example()), data, about
