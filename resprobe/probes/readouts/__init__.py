"""Read-outs: the network's answer after every block, by its own head and by fitted probes.

One forward and backward pass gives all of it: ``exits`` puts the head after the blocks of the
last stage, ``ridge`` fits linear probes from sums alone, ``estimation`` measures how far a block
is from the end of its stage, ``decisions`` and ``borderline`` count images by what happens to
their prediction.
"""

from resprobe.probes.readouts.planning import plan_readout
from resprobe.probes.readouts.reading import Readout, readout

__all__ = ["Readout", "plan_readout", "readout"]
