"""Whether a network is still the one that something was kept of."""

from __future__ import annotations

from resprobe.chain import Chain
from resprobe.errors import ResprobeError
from resprobe.probes.kept import network_digest

__all__ = ["Unchanged"]


class Unchanged:
    """The weights and statistics of a network at one moment.

    Parameters
    ----------
    chain : Chain
        Compared by what its tensors hold: a statistic that another probe moved and put back is
        the same, and a weight that was written on through ``.data`` is not.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain, self._digest = chain, network_digest(chain)

    def check(self) -> None:
        """Raise ResprobeError if a weight or a statistic is no longer what it was."""
        if network_digest(self._chain) != self._digest:
            raise ResprobeError(
                "the network has changed since it was put on the bench, and what was kept is no "
                "longer its own; make the workbench or explorer anew"
            )
