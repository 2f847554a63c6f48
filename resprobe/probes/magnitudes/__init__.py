"""How large the residual branches are, beside what the shortcuts carry, and layer by layer.

Conventions
-----------
A block computes ``after(s(x) + F(x))``. Its ratio is ``||F(x)|| / ||s(x)||``, image by image: L2
norms over all elements of the block's tensor, before the activation that follows the sum. A
layer's response is what it answers behind its norm, before the other non-linearity or the sum.
"""

from resprobe.probes.magnitudes.planning import plan_magnitude
from resprobe.probes.magnitudes.stored import stored_responses
from resprobe.probes.magnitudes.study import Magnitudes, magnitude

__all__ = ["Magnitudes", "magnitude", "plan_magnitude", "stored_responses"]
