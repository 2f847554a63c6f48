"""Gradient flow: how the gradient of the loss comes down through the blocks.

Conventions
-----------
With g = dL/dx_{l+1} at a block's output, ``identity`` is the part J_s^T g that reaches the
block's input through the shortcut and ``residual`` the part J_F^T g through the branch, both
through the activation after the sum. The two add up to dL/dx_l, ``input``: asserted to 1e-5.
The *identity path* is the gradient that comes from the last block's output down to a block's
input by shortcuts alone, past every branch on its way. The loss is the cross entropy *summed*
over images, so that every image's gradient stands alone; norms are L2 norms per image over all
elements, then averaged over images. A plain block has no shortcut: its identity part is 0.
"""

from resprobe.probes.gradients.histograms import PARTS
from resprobe.probes.gradients.planning import plan_gradflow
from resprobe.probes.gradients.study import GradientFlow, gradflow
from resprobe.probes.gradients.training import flow_of_watch, flow_over_training, read_watch

__all__ = [
    "PARTS",
    "GradientFlow",
    "flow_of_watch",
    "flow_over_training",
    "gradflow",
    "plan_gradflow",
    "read_watch",
]
