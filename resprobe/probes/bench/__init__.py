"""A network on the bench: delete and swap blocks by hand, and see at once what it does.

Where :mod:`resprobe.probes.lesions` runs a study of many lesions in one sweep, a
:class:`Workbench` answers one after the other: what lies before the first block that was
changed is not computed again.
"""

from resprobe.probes.bench.arrangement import Arrangement
from resprobe.probes.bench.lengths import PathLengths, path_lengths
from resprobe.probes.bench.looking import Look
from resprobe.probes.bench.workbench import Workbench

__all__ = ["Arrangement", "Look", "PathLengths", "Workbench", "path_lengths"]
