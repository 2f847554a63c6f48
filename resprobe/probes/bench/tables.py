"""Looks as tables: those of the lesion studies and of the magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.bench.looking import SIZES, Look
from resprobe.probes.lesions.rows import COLUMNS, Rows
from resprobe.probes.lesions.tally import Groups
from resprobe.probes.study import block_labels, provenance
from resprobe.results import Result

__all__ = ["lesion_result", "size_table"]


def lesion_result(
    chain: Chain,
    data: Batches,
    intact: Look,
    looks: Sequence[Look],
    *,
    network: str,
    seed: int,
    about: dict[str, Any] | None,
) -> Result:
    """Return looks as a result "lesion"; see :meth:`resprobe.Workbench.result`."""
    rows = Rows(chain, Groups())
    shown = [look for look in looks if look.lesion.k]
    sums = torch.stack([intact.sums, *(look.sums for look in shown)])
    rows.add([look.lesion for look in shown], sums, data, confidence=0.95)
    study = _study(shown)
    frame = pd.DataFrame(rows.all).assign(network=network, study=study)
    meta = {
        "study": study,
        "confidence": 0.95,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return Result("lesion", frame[list(COLUMNS)], meta)


def _study(looks: Sequence[Look]) -> str:
    if all(look.lesion.k == 1 and look.arrangement.deleted for look in looks):
        return "single"
    return "by-hand" if any(look.arrangement.deleted for look in looks) else "shuffle"


def size_table(chain: Chain, data: Batches, look: Look, *, network: str) -> pd.DataFrame:
    """Return the sizes of branches; see :meth:`resprobe.Workbench.magnitudes`."""
    labels = block_labels(chain, network=network, n=data.n)
    frame = pd.DataFrame([labels[block] for block in look.arrangement.order])
    frame.insert(0, "place", range(len(frame)))
    return frame.assign(**dict(zip(SIZES, look.sizes.T, strict=True)))
