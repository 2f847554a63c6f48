"""From sums over images to tidy frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from resprobe.chain import Chain
from resprobe.probes.jacobians.sums import FIGURES, OF_STAGE, StageSums, Sums
from resprobe.probes.study import block_labels
from resprobe.streams import Moments

__all__ = ["alignment_frame", "block_frame", "matrix_frame", "stage_facts", "stream_frame",
           "value_frame"]  # fmt: skip


def block_frame(chain: Chain, sums: Sums, *, network: str, n: int) -> pd.DataFrame:
    """Return the columns of "geometry", a row per block."""
    rows = []
    for number, label in enumerate(block_labels(chain, network=network, n=n)):
        found = _with_errors(sums.figures[number], FIGURES)
        rows.append(
            {
                **label,
                **found,
                "rank_is_bound": sums.bounded[number],
                "k": sums.held[number],
                "residual": sums.residuals[number],
            }
        )
    return pd.DataFrame(rows)


def value_frame(chain: Chain, sums: Sums, *, network: str, n: int) -> pd.DataFrame:
    """Return the columns of "geometry-values", a row per block and singular value."""
    rows = []
    for number, label in enumerate(block_labels(chain, network=network, n=n)):
        moments = sums.values[number]
        means, errors = moments.mean, moments.standard_error()
        rows += [
            {**label, "index": place + 1, "value": float(mean), "value_se": float(error)}
            for place, (mean, error) in enumerate(zip(means, errors, strict=True))
        ]
    return pd.DataFrame(rows)


def alignment_frame(sums: Sums, *, network: str, n: int) -> pd.DataFrame:
    """Return the columns of "geometry-alignment", a row per ordered pair of blocks."""
    rows = []
    for stage, of in sums.stages.items():
        many = len(of.blocks)
        means = of.pairs.mean.reshape(many, many, 4)
        errors = of.pairs.standard_error().reshape(many, many, 4)
        for i, j in ((i, j) for i in range(many) for j in range(many)):
            scores = dict(
                zip(("alignment", "diagonal", "captured", "chance"), means[i, j], strict=True)
            )
            rows.append(
                {
                    "network": network, "stage": stage, "block": of.blocks[i],
                    "directions": of.blocks[j], "n": n, "k": of.k, **scores,
                    "alignment_se": errors[i, j, 0], "diagonal_se": errors[i, j, 1],
                    "captured_se": errors[i, j, 2], "diagonal_chance": 1 / of.k,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=_ALIGNMENT)


_ALIGNMENT = [
    "network", "stage", "block", "directions", "n", "k", "alignment", "diagonal", "captured",
    "chance", "alignment_se", "diagonal_se", "captured_se", "diagonal_chance",
]  # fmt: skip


def matrix_frame(sums: Sums, *, network: str, n: int) -> pd.DataFrame:
    """Return the columns of "geometry-matrices": |U_j^T J_i V_j| / sigma_1, mean over pairs."""
    rows = []
    for stage, of in sums.stages.items():
        if len(of.blocks) < 2:
            continue
        means, errors = of.matrices.mean, of.matrices.standard_error()
        rows += [
            {
                "network": network, "stage": stage, "pairs": len(of.blocks) * (len(of.blocks) - 1),
                "n": n, "row": place // of.k + 1, "column": place % of.k + 1,
                "value": float(means[place]), "value_se": float(errors[place]),
            }
            for place in range(of.k**2)
        ]  # fmt: skip
    names = ["network", "stage", "pairs", "n", "row", "column", "value", "value_se"]
    return pd.DataFrame(rows, columns=names)


def stream_frame(chain: Chain, sums: Sums, *, network: str, n: int) -> pd.DataFrame:
    """Return the columns of "geometry-stream", a row per identity block."""
    rows: list[dict[str, Any]] = []
    for stage, of in sums.stages.items():
        rows += _steps(chain, stage, of, network=network, n=n)
    return pd.DataFrame(rows, columns=_STREAM)


_STREAM = [
    "network", "stage", "block", "name", "step", "steps", "n", "cosine", "cosine_se", "chance",
    "length", "length_se",
]  # fmt: skip


def _steps(
    chain: Chain, stage: int, of: StageSums, *, network: str, n: int
) -> Iterator[dict[str, Any]]:
    cosines, lengths = of.cosines, of.lengths
    for step, block in enumerate(of.blocks):
        yield {
            "network": network, "stage": stage, "block": block, "name": chain.blocks[block].name,
            "step": step + 1, "steps": len(of.blocks), "n": n,
            "cosine": float(cosines.mean[step]),
            "cosine_se": float(cosines.standard_error()[step]),
            "chance": len(of.blocks) ** -0.5 if len(of.blocks) > 1 else float("nan"),
            "length": float(lengths.mean[step]),
            "length_se": float(lengths.standard_error()[step]),
        }  # fmt: skip


def stage_facts(sums: Sums) -> list[dict[str, Any]]:
    """Return what ``meta`` says of each stage that has identity blocks."""
    return [
        {"stage": stage, "blocks": len(of.blocks), "k": of.k, **_with_errors(of.whole, OF_STAGE)}
        for stage, of in sums.stages.items()
    ]


def _with_errors(moments: Moments, names: tuple[str, ...]) -> dict[str, float]:
    means, errors = moments.mean, moments.standard_error()
    found: dict[str, float] = {}
    for name, mean, error in zip(names, means, errors, strict=True):
        found |= {name: float(mean), f"{name}_se": float(error)}
    return found
