"""How a training came about, in JSON types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from resprobe.files import sha256_of
from resprobe.networks import count_parameters
from resprobe.results import versions
from resprobe.training.setting import SPLIT_SEED

if TYPE_CHECKING:
    from resprobe.training.run import Run

__all__ = ["described"]


def described(run: Run) -> dict[str, Any]:
    """Return what the result of a run says about itself: all that is needed to run it again."""
    setting, loop, held_out = run.setting, run.loop, run.validation
    return {
        **versions(),
        "device": str(loop.feed.device),
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "precision": loop.execution.precision.value,
        "compiled": loop.execution.compile_forward,
        "processes": loop.world.size,
        "seed": setting.seed,
        "recipe": setting.recipe.to_dict(),
        "split_seed": None if held_out is None else SPLIT_SEED,
        "resumed_at": run.resumed_at,
        "data": {
            "data_set": setting.data,
            "spec": run.keeper.data_spec or None,
            "digest": setting.digest,
            "split": "train",
            "n": len(loop.feed),
            "validation_n": 0 if held_out is None else held_out.n,
            "normalisation": setting.normalisation.to_dict(),
            "batch_size": setting.recipe.batch_size,
        },
        "networks": [_network(run)],
    }


def _network(run: Run) -> dict[str, Any]:
    architecture, best = run.setting.architecture, run.best
    assert best is not None, "asked once an epoch is complete, which then was the best so far"
    return {
        "network": architecture.spec,
        "parameters": count_parameters(run.loop.model),
        "plain": architecture.is_plain,
        "classes": architecture.num_classes,
        "architecture": architecture.to_dict(),
        "checkpoint": str(run.keeper.places.best),
        "checkpoint_sha256": sha256_of(run.keeper.places.best),
        "checkpoint_last": str(run.keeper.places.last),
        "log": str(run.keeper.places.log),
        "best_epoch": best.epoch,
        "test": {k: v for k, v in best.figures.items() if k.startswith("test_")},
    }
