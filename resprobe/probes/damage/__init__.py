"""What says beforehand which block a network can spare: size and gradient against damage.

The measurements are those of the other probes, made on several sets of images; here they are
correlated over the blocks.
"""

from resprobe.probes.damage.plan import plan_predictors
from resprobe.probes.damage.predictors import Predictors, predictors

__all__ = ["Predictors", "plan_predictors", "predictors"]
