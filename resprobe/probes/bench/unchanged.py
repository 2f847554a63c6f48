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
        Its tensors are compared by where they lie and how often they were written on, and only
        where that differs by what they hold.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain, self._state, self._digest = chain, _state(chain), network_digest(chain)

    def check(self) -> None:
        """Raise ResprobeError if a weight or a statistic is no longer what it was."""
        state = _state(self._chain)
        if state == self._state:
            return
        # written on does not mean changed: other probes restore statistics that they moved
        if network_digest(self._chain) != self._digest:
            raise ResprobeError(
                "the network has changed since it was put on the bench, and what was kept is no "
                "longer its own; make the workbench or explorer anew"
            )
        self._state = state


def _state(chain: Chain) -> list[tuple[int, int]]:
    """Return what changes when a weight or a statistic is written on or replaced."""
    tensors = [*chain.parameters(), *chain.buffers()]
    return [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in tensors]
