"""The numbers of each study as a reader wants them."""

from __future__ import annotations

from resprobe.report.tables.tables import (
    blocks_table,
    borderline_table,
    decisions_table,
    gradflow_table,
    left_out_table,
    lesion_table,
    magnitude_table,
    paths_table,
    readout_table,
    recipe_table,
    responses_table,
    training_table,
    weights_table,
)

__all__ = [
    "blocks_table",
    "borderline_table",
    "decisions_table",
    "gradflow_table",
    "left_out_table",
    "lesion_table",
    "magnitude_table",
    "paths_table",
    "readout_table",
    "recipe_table",
    "responses_table",
    "training_table",
    "weights_table",
]
