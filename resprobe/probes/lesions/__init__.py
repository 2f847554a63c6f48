"""Lesions: blocks deleted, shuffled, repeated, scaled, and what the network then answers.

A study says which programs to run; :func:`lesion` runs them together, so that what they share
is computed once, and adds up over images all that its table needs.
"""

from resprobe.probes.lesions.asking import check_lesion
from resprobe.probes.lesions.making import Study
from resprobe.probes.lesions.planning import plan_lesion
from resprobe.probes.lesions.study import lesion

__all__ = ["Study", "check_lesion", "lesion", "plan_lesion"]
