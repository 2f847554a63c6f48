"""Numbers on a user's modules, which a loop may change between two steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from resprobe.errors import ResprobeError

if TYPE_CHECKING:
    from resprobe.monitor.places import BlockPlaces

__all__ = ["Setting", "changed", "settings_around"]


@dataclass(frozen=True)
class Setting:
    """A float that is an attribute of a module.

    Parameters
    ----------
    module : nn.Module
        The user's own.
    path : str
        Its path in the model.
    name : str
        The attribute's.
    value : float
        As it was when the model was looked at.
    """

    module: nn.Module
    path: str
    name: str
    value: float

    def check(self, block: str) -> None:
        """Raise where it has changed since.

        Parameters
        ----------
        block : str
            The name of the block whose branch may be multiplied by it.

        Raises
        ------
        ResprobeError
        """
        now = getattr(self.module, self.name, None)
        if now is not self.value and now != self.value:
            raise ResprobeError(
                f"'{self.name}' of '{self.path}' was {self.value} when the branch of block "
                f"'{block}' was found to be multiplied by such a number after its last module, and "
                f"is {now} now; pass the product through an nn.Identity of its own"
            )


def settings_around(model: nn.Module, places: BlockPlaces) -> tuple[Setting, ...]:
    """Return the floats on the modules around the one that a branch's output is seen at.

    Those are whose forward may multiply it.
    """
    parts = places.response.path.split(".")
    paths = [".".join(parts[:end]) for end in range(len(parts))]
    return tuple(
        Setting(module, path, name, value)
        for path in paths
        for module in [model.get_submodule(path)]
        for name, value in _attributes(module).items()
        if type(value) is float
    )


def _attributes(module: nn.Module) -> dict[str, object]:
    """Return what is set on a module, and on its classes."""
    own = type(module).__mro__[: type(module).__mro__.index(nn.Module)]
    found: dict[str, object] = {}
    for holder in (*reversed(own), module):
        found |= vars(holder)
    return found


@contextlib.contextmanager
def changed(settings: Sequence[Setting]) -> Iterator[None]:
    """Make the numbers smaller for the length of a ``with``: a probability remains one."""
    of_classes = [s for s in settings if s.name not in vars(s.module)]
    try:
        for setting in settings:
            setattr(setting.module, setting.name, 0.75 * setting.value)
        yield
    finally:
        for setting in settings:
            setattr(setting.module, setting.name, setting.value)
        for setting in of_classes:
            delattr(setting.module, setting.name)
