"""The analyses: a chain and images in, a :class:`~resprobe.results.Result` out.

Every probe is written once over the chain and knows no model's class. Probes compute; they
neither draw nor print, and they leave the model as they found it, also when they fail.
"""

from resprobe.probes.batch_norm import Statistics
from resprobe.probes.damage import Predictors, plan_predictors, predictors
from resprobe.probes.gradflow import GradientFlow, gradflow
from resprobe.probes.lesions import lesion, plan_lesion
from resprobe.probes.path_lengths import path_counts, path_law, path_share, paths, plan_paths
from resprobe.probes.plan import Plan, plan_gradflow

__all__ = [
    "GradientFlow",
    "Plan",
    "Predictors",
    "Statistics",
    "gradflow",
    "lesion",
    "path_counts",
    "path_law",
    "path_share",
    "paths",
    "plan_gradflow",
    "plan_lesion",
    "plan_paths",
    "plan_predictors",
    "predictors",
]
