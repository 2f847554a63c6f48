"""The analyses: a chain and images in, a :class:`~resprobe.results.Result` out.

Every probe is written once over the chain and knows no model's class. Probes compute; they
neither draw nor print, and they leave the model as they found it, also when they fail.
"""

from resprobe.probes.batch_norm import Statistics
from resprobe.probes.bench import Look, Workbench
from resprobe.probes.damage import Predictors, plan_predictors, predictors
from resprobe.probes.gradients import (
    GradientFlow,
    flow_of_watch,
    flow_over_training,
    gradflow,
    plan_gradflow,
    read_watch,
)
from resprobe.probes.jacobians import Geometry, depth_slopes, geometry, plan_geometry
from resprobe.probes.landscapes import landscape, plan_landscape
from resprobe.probes.lesions import lesion, plan_lesion
from resprobe.probes.magnitudes import (
    Magnitudes,
    magnitude,
    plan_magnitude,
    stored_responses,
)
from resprobe.probes.path_lengths import path_counts, path_law, path_share, paths, plan_paths
from resprobe.probes.plan import Plan
from resprobe.probes.readouts import Readout, plan_readout, readout
from resprobe.probes.signals import initialisation, plan_initialisation
from resprobe.probes.similarities import Compared, Similarity, plan_similarity, similarity

__all__ = [
    "Compared",
    "Geometry",
    "GradientFlow",
    "Look",
    "Magnitudes",
    "Plan",
    "Predictors",
    "Readout",
    "Similarity",
    "Statistics",
    "Workbench",
    "depth_slopes",
    "geometry",
    "flow_of_watch",
    "flow_over_training",
    "gradflow",
    "initialisation",
    "landscape",
    "lesion",
    "magnitude",
    "path_counts",
    "path_law",
    "path_share",
    "paths",
    "plan_geometry",
    "plan_gradflow",
    "plan_initialisation",
    "plan_landscape",
    "plan_lesion",
    "plan_magnitude",
    "plan_paths",
    "plan_predictors",
    "plan_readout",
    "plan_similarity",
    "predictors",
    "read_watch",
    "readout",
    "similarity",
    "stored_responses",
]
