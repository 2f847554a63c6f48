"""Surveys: every analysis that applies to one network, and why the others do not.

``survey(chain, data)`` computes nothing itself: it asks the probes, keeps what they give in a
folder so that an interrupted survey goes on with what is complete, and says of each analysis
whether it was made. ``read_results(folder)`` reads such a folder again without any network.
"""

from __future__ import annotations

from resprobe.surveys.making import blocks_of, plan_survey, survey
from resprobe.surveys.reading import begin_index, read_results, write_index
from resprobe.surveys.studies import Counts

__all__ = [
    "Counts",
    "begin_index",
    "blocks_of",
    "plan_survey",
    "read_results",
    "survey",
    "write_index",
]
