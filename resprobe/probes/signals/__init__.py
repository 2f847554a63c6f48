"""Signals at initialisation: variances forward, gradients back, and the laws they follow.

One forward and one backward pass per batch see how the variance of the residual stream grows, how
much of it each branch adds, how alike the gradients of different images are, and whether a block
is the identity that its initialisation promises.
"""

from resprobe.probes.signals.planning import plan_initialisation
from resprobe.probes.signals.study import initialisation

__all__ = ["initialisation", "plan_initialisation"]
