"""What each probe costs and should cost: in block evaluations, whatever the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from resprobe import probes
from resprobe.chain import Chain, evaluations, intact, single_deletions
from resprobe.datasets import Batches, ImageSet, Normalisation
from resprobe.networks import Architecture
from resprobe.probes.jacobians.measuring import pairs_of
from resprobe.probes.jacobians.setting import Setting
from resprobe.probes.path_lengths.asking import questions
from resprobe.probes.path_lengths.planning import pulls

__all__ = ["FEW", "PROBES", "Probe", "model_of"]

FEW = 4  # the fewest that similarity takes
POINTS = 3  # places of a landscape
TRIPLETS = {"k": 2, "oversampling": 2, "iterations": 1}


@dataclass(frozen=True)
class Probe:
    """A probe, and the law that its cost should follow.

    Attributes
    ----------
    run : callable
        Of chain and images.
    evaluations : callable
        Block evaluations per image, of the chain.
    law : str
        The same in words, of L blocks and n images.
    few : int
        Images over depth.
    """

    run: Callable[[Chain, Batches], object]
    evaluations: Callable[[Chain], int]
    law: str
    few: int = FEW


def model_of(name: str, width: int) -> torch.nn.Module:
    """Return a network whose branches are small, so that activations stay finite."""
    model = Architecture(name, width=width).build(seed=0).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)
    return model


def _steps(chain: Chain) -> int:
    return len(chain.steps)


def _tree(chain: Chain) -> int:
    return evaluations([intact(chain), *single_deletions(chain).values()])


def _pulled(chain: Chain) -> int:
    """Count steps run forward, and cotangents pulled back through them: one for each length."""
    data = _nothing(chain)
    (asked,), _ = questions(
        chain, data, method="exact", transitions="counted", draws=1, lengths=None, at="images",
        batch_norm="running",
    )  # fmt: skip
    return _steps(chain) + sum(pull.evaluations for pull in pulls(asked, 1, 0)[0])


def _nothing(chain: Chain) -> Batches:
    """Return one black image that fits."""
    pixels = torch.zeros(1, *chain.stem.in_shape, dtype=torch.uint8)
    classes = tuple(str(number) for number in range(chain.classes))
    images = ImageSet(pixels, torch.zeros(1, dtype=torch.long), classes, "none", "test")
    channels = len(pixels[0])
    return Batches(images, Normalisation((0.5,) * channels, (0.25,) * channels), 1)


def _products(chain: Chain) -> int:
    setting = Setting(**TRIPLETS, tolerance=0.01, seed=0)
    return len(chain.blocks) * setting.products + pairs_of(chain) * TRIPLETS["k"]


PROBES = {
    "magnitude": Probe(probes.magnitude, _steps, "L n"),
    "gradflow": Probe(probes.gradflow, _steps, "L n"),
    "initialisation": Probe(probes.initialisation, _steps, "L n"),
    "readout": Probe(probes.readout, _steps, "L n"),
    "similarity": Probe(probes.similarity, _steps, "L n, and L^2 pairs that take little"),
    "landscape": Probe(
        lambda chain, data: probes.landscape(chain, data, points=POINTS, line=True),
        lambda chain: POINTS * _steps(chain),
        "L n for each place",
    ),
    "lesion": Probe(
        probes.lesion,
        _tree,
        "nodes of the prefix tree, L + L (L + 1)/2, n times",
    ),
    "paths": Probe(
        lambda chain, data: probes.paths(chain, data, method="exact"),
        _pulled,
        "cotangents pulled back, L (L + 1)/2, and L steps, n times",
    ),
    "geometry": Probe(
        lambda chain, data: probes.geometry(chain, data, **TRIPLETS),
        _products,
        "L products and L^2/3 pairs of blocks, n times",
        few=1,  # it looks at one image after the other
    ),
}
