"""Ten clusters to classify, and fully connected networks trained on them past zero error."""

from __future__ import annotations

import pandas as pd
import torch
import torch.nn.functional as F
from kit.fully_connected import Design, FullyConnected

from resprobe import Batches, ImageSet, Normalisation

__all__ = ["WIDTH", "clusters", "error_left", "trained_on"]

CLASSES, WIDTH, SIDE = 10, 64, 8


def clusters(n: int, *, seed: int, spread: float = 0.35) -> Batches:
    """Return grey 8x8 images around ten random ones, as many of each class.

    Parameters
    ----------
    n : int
        Images.
    seed : int
        Of the noise; the ten centres are always the same.
    spread : float
        Standard deviation of the noise, over that of the centres.
    """
    fixed, generator = (torch.Generator().manual_seed(s) for s in (12345, seed))
    centres = torch.randn(CLASSES, 1, SIDE, SIDE, generator=fixed)
    labels = torch.arange(n) % CLASSES
    images = centres[labels] + spread * torch.randn(n, 1, SIDE, SIDE, generator=generator)
    pixels = (127.5 + 40 * images).round().clamp(0, 255).to(torch.uint8)
    names = tuple(f"cluster {i}" for i in range(CLASSES))
    data = ImageSet(pixels, labels, names, "ten clusters", "train")
    return Batches(data, Normalisation((0.5,), (40 / 255,)), n)


def trained_on(
    data: Batches, *, depth: int, residual: bool, epochs: int, seed: int
) -> tuple[FullyConnected, float]:
    """Train a network of BN-ReLU-W blocks; return it in eval mode with its training error.

    SGD with momentum 0.9, weight decay 5e-4, batches of 50, a cosine schedule from 0.05: most of
    the epochs follow the one in which the last error is gone.
    """
    torch.manual_seed(seed)
    design = Design(residual=residual, norm=True)
    model = FullyConnected(WIDTH, depth, seed=seed, design=design, inputs=SIDE**2)
    ((x, y),) = data
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    generator = torch.Generator().manual_seed(seed)
    size = min(50, len(x))
    steps = max(1, epochs * (len(x) // size))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    model.train()
    for _ in range(epochs):
        for some in torch.randperm(len(x), generator=generator).split(size):
            if len(some) < 2:
                continue
            optimiser.zero_grad()
            F.cross_entropy(model(x[some]), y[some]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        error = float((model(x).argmax(1) != y).double().mean())
    return model, error


def error_left(runs: pd.DataFrame) -> str:
    """Say of how many networks an error is left on what they learnt, and how much at most."""
    left = runs[runs["train_error"] > 0]
    if left.empty:
        return f"no training error left in {len(runs)} networks"
    worst = left.loc[left["train_error"].idxmax()]
    kind = "residual" if worst["residual"] else "plain"
    return (
        f"training error left in {len(left)} of {len(runs)} networks, at most "
        f"{100 * worst['train_error']:.2g} % ({kind}, {worst['depth']} blocks, seed "
        f"{worst['seed']})"
    )
