"""The Jacobians of the branches: singular values and vectors, alignment, and the states' path."""

from resprobe.probes.jacobians.depth import Slope, depth_slopes, power_law
from resprobe.probes.jacobians.planning import plan_geometry
from resprobe.probes.jacobians.study import Geometry, geometry

__all__ = ["Geometry", "Slope", "depth_slopes", "geometry", "plan_geometry", "power_law"]
