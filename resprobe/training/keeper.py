"""What a run writes: its best network, its newest state, its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from resprobe.checkpoints import Checkpoint, save
from resprobe.results import Result
from resprobe.training.places import Places, remove
from resprobe.training.recipe.recipe import completed
from resprobe.training.setting import SPLIT_SEED, Setting

__all__ = ["Keeper", "Kept"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A checkpoint of a run: how many epochs were complete, and the figures in it."""

    epoch: int
    figures: Mapping[str, float | int | str]


class Keeper:
    """Writes the files of a run.

    Parameters
    ----------
    setting : Setting
        What the run computes; every checkpoint says it.
    places : Places
        Where the files go.
    data_spec : str
        What ``resprobe.datasets.load`` takes to read the images again.
    holds_out : bool
        Whether images are held out.
    replace : bool
        Whether another run at these places goes when this one first saves.
    writes : bool
        Whether anything is written; of several processes, one does.
    """

    def __init__(
        self,
        setting: Setting,
        places: Places,
        *,
        data_spec: str,
        holds_out: bool,
        replace: bool = False,
        writes: bool = True,
    ) -> None:
        self.setting, self.places, self.data_spec = setting, places, data_spec
        self.holds_out, self.replaces, self.writes = holds_out, replace, writes

    def write_best(self, model: nn.Module, kept: Kept) -> None:
        """Write the network that counts as the best."""
        if self.writes:
            self._write(self.places.best, model, kept, None)

    def write_state(self, model: nn.Module, kept: Kept, state: Mapping[str, Any]) -> None:
        """Write the newest state, and keep the one before it."""
        if not self.writes:
            return
        if not self.replaces:
            self.places.step_back()
        self._write(self.places.last, model, kept, state)
        if self.replaces:
            self.places.remove_others()
            self.replaces = False

    def write_log(self, result: Result) -> None:
        """Write the rows and how they came about."""
        if self.writes:
            result.save_as(self.places.log.with_suffix(""))

    def finish(self) -> None:
        """Remove the state before the newest one, once the run is complete."""
        if self.writes:
            remove(self.places.previous)

    def is_own(self, found: Checkpoint) -> bool:
        """Tell whether a checkpoint is one that this run writes."""
        setting = self.setting
        return (
            found.architecture == setting.architecture
            and found.normalisation == setting.normalisation
            and completed(found.recipe) == self._recipe()
        )

    def _recipe(self) -> dict[str, Any]:
        setting = self.setting
        return {**setting.recipe.to_dict(), "seed": setting.seed, "images": setting.images}

    def _write(
        self, path: Path, model: nn.Module, kept: Kept, state: Mapping[str, Any] | None
    ) -> None:
        setting = self.setting
        save(
            path,
            model,
            architecture=setting.architecture,
            normalisation=setting.normalisation,
            data=self.data_spec or None,
            split_seed=SPLIT_SEED if self.holds_out else None,
            recipe=self._recipe(),
            epoch=kept.epoch,
            figures=kept.figures,
            state=state,
        )
