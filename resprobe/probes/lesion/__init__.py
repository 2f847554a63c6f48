"""Lesions: blocks deleted, shuffled, repeated, scaled, and what the network then answers.

A study says which programs to run; :func:`lesion` runs them together, so that what they share
is computed once, and adds up over images all that its table needs.
"""

from resprobe.probes.lesion.kept import forget
from resprobe.probes.lesion.lesions import Study
from resprobe.probes.lesion.study import lesion

__all__ = ["Study", "forget", "lesion"]
