"""Every kind of result, and how it is drawn: the one table that a new figure is entered in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from resprobe.errors import InputError, ResprobeError, first_line
from resprobe.figures.alignment import (
    alignment_height,
    alignment_panels,
    matrix_panels,
    plot_alignment,
    plot_matrix,
)
from resprobe.figures.decisions import (
    borderline_panels,
    decisions_panels,
    plot_borderline,
    plot_decisions,
)
from resprobe.figures.degradation import families, plot_degradation
from resprobe.figures.geometry import (
    geometry_panels,
    plot_singular_values,
    plot_spectrum,
    plot_stream,
    stream_panels,
)
from resprobe.figures.gradflow import (
    has_identity_path,
    has_residual_blocks,
    plot_gradient_norm,
    plot_gradient_split,
    plot_identity_path,
)
from resprobe.figures.gradient_histograms import histogram_panels, plot_gradient_histogram
from resprobe.figures.gradient_training import plot_gradient_training, training_panels
from resprobe.figures.initialisation import initialisation_panels, plot_signal_variance
from resprobe.figures.landscape import landscape_height, landscape_panels, plot_landscape
from resprobe.figures.lesion import (
    classes_panels,
    lesion_height,
    lesion_panels,
    plot_classes,
    plot_lesion,
)
from resprobe.figures.magnitudes import magnitude_panels, plot_magnitude
from resprobe.figures.path_law import plot_path_law
from resprobe.figures.paths import path_panels, plot_path_counts
from resprobe.figures.predictors import plot_correlations, plot_predictors, predictors_panels
from resprobe.figures.readouts import plot_readout, readout_panels
from resprobe.figures.responses import plot_responses, response_panels
from resprobe.figures.series import Results, listed
from resprobe.figures.similarities import (
    plot_similarity,
    plot_similarity_summary,
    similarity_height,
    similarity_panels,
)
from resprobe.figures.theme import short_text
from resprobe.figures.training import plot_training
from resprobe.figures.weights import plot_weight_gradients

__all__ = ["KINDS", "Kind", "Panel", "kind_of", "of_whole_frames"]

Panel = Callable[..., Axes]
"""``panel(results, ax, order=())`` draws into the axes and returns them."""


@dataclass(frozen=True)
class Kind:
    """How one kind of result is drawn.

    Attributes
    ----------
    first : Panel
        What is drawn where there are axes for one panel only.
    panels : callable, optional
        The panels of the whole figure of some results; ``[first]`` where there is none.
    height : callable, optional
        The height in inches that a panel of some results wants at a width in inches; None for
        the usual one.
    """

    first: Panel
    panels: Callable[[Results], list[Panel]] | None = None
    height: Callable[[Results, float], float | None] | None = None

    def panels_of(self, results: Results) -> list[Panel]:
        """Return the panels of the whole figure."""
        return [self.first] if self.panels is None else self.panels(results)

    def height_of(self, results: Results, width: float) -> float | None:
        """Return a panel's height; None for the usual one."""
        return None if self.height is None else self.height(results, width)


def kind_of(results: Results) -> Kind:
    """Return how a result is drawn.

    Raises
    ------
    InputError
        If there is none, no figure draws it, or they are of several kinds.
    """
    names = list(dict.fromkeys(short_text(one.name) for one in listed(results)))
    if names[0] not in KINDS:
        raise InputError(f"no figure draws a result named '{names[0]}'; known: {', '.join(KINDS)}")
    if len(names) > 1:
        raise InputError(
            f"a figure draws results of one kind and these are named {', '.join(names)}; "
            "draw them one by one"
        )
    return KINDS[names[0]]


@contextmanager
def of_whole_frames(results: Results) -> Iterator[None]:
    """Tell in one sentence what pandas and matplotlib say of a frame that no study gives.

    Rows that are cut away, counts that are none: what a figure checks by itself it tells better.
    """
    try:
        yield
    except ResprobeError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        name = short_text(listed(results)[0].name)
        raise InputError(
            f"the {name} result cannot be drawn as it is ({first_line(error)}); run the study again"
        ) from error


def _gradflow_panels(results: Results) -> list[Panel]:
    if has_identity_path(results):
        parts = (plot_gradient_split, plot_identity_path)
        return [plot_gradient_norm, *(partial(part, bare=True) for part in parts)]
    return [plot_gradient_norm, *[plot_gradient_split] * has_residual_blocks(results)]


def _degradation_panels(results: Results) -> list[Panel]:
    return [partial(plot_degradation, residual=residual) for residual in families(results)]


KINDS: dict[str, Kind] = {
    "lesion": Kind(plot_lesion, lesion_panels, lesion_height),
    "lesion-classes": Kind(plot_classes, classes_panels),
    "gradflow": Kind(plot_gradient_norm, _gradflow_panels),
    "gradflow-weights": Kind(plot_weight_gradients),
    "gradflow-histograms": Kind(plot_gradient_histogram, histogram_panels),
    "gradflow-training": Kind(plot_gradient_training, training_panels),
    "magnitude": Kind(plot_magnitude, magnitude_panels),
    "magnitude-responses": Kind(plot_responses, response_panels),
    "initialisation": Kind(plot_signal_variance, initialisation_panels),
    "train": Kind(plot_training),
    "degradation": Kind(plot_degradation, _degradation_panels),
    "paths": Kind(plot_path_counts, path_panels),
    "path-law": Kind(plot_path_law),
    "predictors": Kind(plot_predictors, predictors_panels),
    "predictors-correlations": Kind(plot_correlations),
    "readout": Kind(plot_readout, readout_panels),
    "readout-decisions": Kind(plot_decisions, decisions_panels),
    "readout-borderline": Kind(plot_borderline, borderline_panels),
    "similarity": Kind(plot_similarity, similarity_panels, similarity_height),
    "similarity-summary": Kind(plot_similarity_summary),
    "geometry": Kind(plot_singular_values, geometry_panels),
    "geometry-values": Kind(plot_spectrum),
    "geometry-alignment": Kind(plot_alignment, alignment_panels, alignment_height),
    "geometry-matrices": Kind(plot_matrix, matrix_panels, alignment_height),
    "geometry-stream": Kind(plot_stream, stream_panels),
    "landscape": Kind(plot_landscape, landscape_panels, landscape_height),
}
