"""The loss around a trained network: slices along directions that are as large as its filters."""

from resprobe.probes.landscapes.directions import directions
from resprobe.probes.landscapes.grid import Grid, shape_facts
from resprobe.probes.landscapes.planning import plan_landscape
from resprobe.probes.landscapes.study import landscape

__all__ = ["Grid", "directions", "landscape", "plan_landscape", "shape_facts"]
