from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from resprobe.results import Result
from resprobe.statistics import wilson

mpl.use("agg")

COLUMNS = ["accuracy", "accuracy_low", "accuracy_high", "error"]
COLUMNS += ["error_rise", "error_rise_low", "error_rise_high", "loss"]


def meta(*networks: str, n: int = 1000, sha: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "study": "single",
        "data": {"data_set": "tiny", "split": "test", "n": n, "batch_size": 64},
        "networks": [
            {
                "network": name,
                "parameters": 10,
                "classes": 10,
                "checkpoint_sha256": sha,
                "plain": name.startswith("plain"),
            }
            for name in networks
        ],
        "seed": 7,
        "resprobe": "0.1.0",
        **more,
    }


def stage_of(block: int, blocks: int) -> int:
    return 1 + 3 * block // blocks


def lesion_rows(name: str, intact: float, errors: list[float | None], n: int = 1000) -> list[dict]:
    rows = []
    for block, error in enumerate([intact, *errors], start=-1):
        stage = stage_of(block, len(errors)) if block >= 0 else 0
        change = block > 0 and stage != stage_of(block - 1, len(errors))
        row = {"network": name, "stage": stage, "draw": 0, "n": n, "deletable": error is not None}
        if block < 0:
            row |= {"lesion": "intact", "blocks": "", "k": 0, "kind": "intact", "name": ""}
        else:
            kind = "transition" if change else "identity"
            row |= {"lesion": f"delete:{block}", "blocks": str(block), "k": 1, "kind": kind}
            row |= {"name": f"layer{stage}.{block}"}
        correct = -1 if error is None else round((1 - error) * n)
        row["correct"] = correct
        row |= dict.fromkeys(COLUMNS, float("nan"))
        if error is not None:
            low, high = wilson(correct, n)
            rise = 1 - correct / n - intact
            row |= {"accuracy": correct / n, "accuracy_low": low, "accuracy_high": high}
            row |= {"error": 1 - correct / n, "error_rise": rise, "loss": 1.0}
            row |= {"error_rise_low": rise - 0.02, "error_rise_high": rise + 0.02}
        rows.append(row)
    return rows


def lesion(**networks: list[float | None]) -> Result:
    """The first number of each network is the intact error; None cannot be deleted."""
    rows = [row for name, e in networks.items() for row in lesion_rows(name, e[0], e[1:])]
    return Result("lesion", pd.DataFrame(rows), meta(*networks, sha="12fca82fed99"))


def gradflow(**networks: list[float]) -> Result:
    """The numbers are the norms at the blocks' inputs, first block first."""
    rows = []
    for name, norms in networks.items():
        plain = name.startswith("plain")
        for block, norm in enumerate(norms):
            row = {"network": name, "block": block, "name": f"b{block}", "output": norm}
            row |= {"stage": stage_of(block, len(norms)), "kind": "identity"}
            row |= {"identity": 0.0 if plain else 0.8 * norm, "input": norm, "cosine": 0.1}
            row |= {"residual": norm if plain else 0.4 * norm, "residual_share": 0.3}
            rows.append(row)
    return Result("gradflow", pd.DataFrame(rows), meta(*networks, batch_norm="batch"))


def weights(**networks: int) -> Result:
    """The numbers are the networks' depths in blocks, each of two convolutions."""
    rows = []
    for name, blocks in networks.items():
        parameters = ["conv1.weight", "bn1.weight", "conv1.bias"]
        for block in range(blocks):
            parameters += [f"layer.{block}.conv{i}.weight" for i in (1, 2)]
            parameters += [f"layer.{block}.bn{i}.weight" for i in (1, 2)]
        parameters += ["fc.weight", "fc.bias"]
        for place, parameter in enumerate(parameters):
            row = {"network": name, "parameter": parameter, "weight_norm": 1.0, "block": 0}
            rows.append(row | {"gradient_norm": 10.0**-place})
    return Result("gradflow-weights", pd.DataFrame(rows), meta(*networks))


def train(**networks: list[tuple[float, float]]) -> Result:
    """The pairs are training and validation error, epoch by epoch from 1."""
    rows = []
    for name, errors in networks.items():
        for epoch, (training, validation) in enumerate(errors, start=1):
            row = {"network": name, "epoch": epoch, "iteration": 10 * epoch, "learning_rate": 0.1}
            row |= {"train_loss": 1.0, "train_error": training, "train_n": 900}
            row |= {"validation_loss": 1.0, "validation_error": validation, "validation_n": 100}
            rows.append(row | {"duration_s": 2.5})
    return Result("train", pd.DataFrame(rows), meta(*networks))


@pytest.fixture
def fake() -> SimpleNamespace:
    """Functions that make results: lesion, gradflow, weights, train."""
    return SimpleNamespace(lesion=lesion, gradflow=gradflow, weights=weights, train=train)


@pytest.fixture
def ax():
    return Figure(figsize=(7, 3)).subplots()


@pytest.fixture
def shown():
    """What the legends of axes and figure say, and the lines that hold data, by label."""
    return SimpleNamespace(
        legend=lambda ax: [text.get_text() for text in ax.get_legend().get_texts()],
        shared=lambda made: [t.get_text() for x in made.legends for t in x.get_texts()],
        line=lambda ax, label: next(x for x in ax.lines if x.get_label() == label),
        marks=lambda ax, marker: [line for line in ax.lines if line.get_marker() == marker],
        bars=lambda ax: [np.vstack(c.get_segments()) for c in ax.collections if len(c.get_paths())],
    )


@pytest.fixture(autouse=True)
def _nothing_global_changes():
    before = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before
