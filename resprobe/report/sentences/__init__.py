"""Sentences worked out from results: each says what its numbers say, whichever way they point."""

from __future__ import annotations

from resprobe.report.sentences.gradients import gradflow_sentences
from resprobe.report.sentences.lesions import lesion_sentences
from resprobe.report.sentences.magnitudes import magnitude_sentences, response_sentences
from resprobe.report.sentences.networks import network_sentences, worth_sentence
from resprobe.report.sentences.paths import path_sentences
from resprobe.report.sentences.readouts import (
    borderline_sentences,
    decision_sentences,
    readout_sentences,
)
from resprobe.report.sentences.training import training_sentences

__all__ = [
    "borderline_sentences",
    "decision_sentences",
    "gradflow_sentences",
    "lesion_sentences",
    "magnitude_sentences",
    "network_sentences",
    "path_sentences",
    "readout_sentences",
    "response_sentences",
    "training_sentences",
    "worth_sentence",
]
