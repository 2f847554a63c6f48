"""What a lesion study is asked for, checked before anything is measured."""

from __future__ import annotations

import numpy as np

from resprobe.chain import Chain, has_batch_norm
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError
from resprobe.probes.batch_norm import batches_for
from resprobe.probes.lesions.looks import check_tolerance
from resprobe.probes.lesions.making import Study
from resprobe.probes.study import check_fit

__all__ = ["check_lesion"]


def check_lesion(
    chain: Chain,
    data: Batches,
    *,
    study: Study,
    seed: int = 0,
    tolerance: float | None = None,
    per_class: bool = False,
    recalibrate: Batches | None = None,
    selection: Batches | None = None,
) -> None:
    """Raise unless :func:`resprobe.lesion` can be done with these, as far as one can know.

    Raises
    ------
    InputError
        If images, network and study do not fit.
    UsageError
        If the tolerance is none, or classes are to be told apart and there are no labels.
    """
    check_fit(chain, data, labels=False)
    for given in (recalibrate, selection):
        if given is not None:
            check_fit(chain, given, labels=False)
    if selection is not None and bool(selection.data.classes) != bool(data.data.classes):
        raise InputError(
            "images to choose by and images to report either all have labels or none do; "
            f"{data.data.name} and {selection.data.name} differ in it"
        )
    if tolerance is not None:
        check_tolerance(tolerance)
    if per_class and not data.data.classes:
        raise UsageError(f"figures by class go by labels, and {data.data.name} has none")
    if recalibrate is not None:
        if not has_batch_norm(chain):
            raise InputError(
                "the network has no BatchNorm whose statistics could be measured anew; leave "
                "recalibration out"
            )
        batches_for(chain, recalibrate, "batch")
    next(study.rounds(chain, np.random.default_rng(seed)))
