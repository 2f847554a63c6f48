from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from resprobe.results import Result
from resprobe.statistics import wilson

mpl.use("agg")


def meta(*networks: str, sha: str | None = None) -> dict[str, Any]:
    facts = [
        {
            "network": name,
            "parameters": 77850,
            "classes": 10,
            "checkpoint_sha256": sha,
            "plain": name.startswith("plain"),
        }
        for name in networks
    ]
    data = {"data_set": "tiny", "split": "test", "n": 1000}
    run = {"device": "cpu", "torch": "2.13", "python": "3.11", "time": "2026-11-01T00:00:00+00:00"}
    return {"data": data, "networks": facts, "seed": 0, "resprobe": "0.1.0", "command": "x", **run}


def lesion(n: int = 1000, **networks: list[float | None]) -> Result:
    """The first number of each network is the intact accuracy; None cannot be deleted."""
    rows = []
    for name, accuracies in networks.items():
        for block, accuracy in enumerate(accuracies, start=-1):
            intact = block < 0
            row = {"network": name, "lesion": "intact" if intact else f"delete:{block}"}
            row |= {"blocks": "" if intact else str(block), "k": int(not intact), "draw": 0}
            row |= {
                "kind": "intact" if intact else "identity",
                "name": f"b{block}",
                "stage": 1,
                "n": n,
            }
            row |= {"deletable": accuracy is not None and not intact, "loss": 0.5}
            value = float("nan") if accuracy is None else accuracy
            low, high = (value, value) if accuracy is None else wilson(round(accuracy * n), n)
            rise = accuracies[0] - value
            row |= {"accuracy": value, "accuracy_low": low, "accuracy_high": high}
            row |= {"error": 1 - value, "error_rise": rise, "error_rise_low": rise - 0.02}
            rows.append(row | {"error_rise_high": rise + 0.02})
    return Result("lesion", pd.DataFrame(rows), meta(*networks, sha="12fca82fed99"))


def gradflow(sha: str | None = None, **networks: list[float]) -> Result:
    """The numbers are the norms at the blocks' inputs, first block first."""
    rows = []
    for name, norms in networks.items():
        plain = name.startswith("plain")
        for block, norm in enumerate(norms):
            row = {"network": name, "block": block, "name": f"b{block}", "output": norm}
            row |= {"stage": 1, "kind": "identity", "cosine": 0.1}
            row |= {"identity": 0.0 if plain else 0.8 * norm, "input": norm}
            row |= {"residual": norm if plain else 0.4 * norm}
            rows.append(row | {"residual_share": 1.0 if plain else 0.3 + 0.1 * block})
    return Result("gradflow", pd.DataFrame(rows), meta(*networks, sha=sha))


def weights(*networks: str) -> Result:
    rows = [
        {"network": name, "parameter": f"conv{i}.weight", "gradient_norm": 0.1, "weight_norm": 1.0}
        for name in networks
        for i in (1, 2)
    ]
    return Result("gradflow-weights", pd.DataFrame(rows), meta(*networks))


def train(validation_n: int = 100, **networks: list[tuple[float, float]]) -> Result:
    """The pairs are training and validation error, epoch by epoch from 1."""
    rows = []
    for name, errors in networks.items():
        for epoch, (training, validation) in enumerate(errors, start=1):
            row = {"network": name, "epoch": epoch, "train_error": training, "train_n": 900}
            row |= {"validation_error": validation, "validation_n": validation_n}
            rows.append(row)
    return Result("train", pd.DataFrame(rows), meta(*networks, sha="12fca82fed99"))


class Outline(HTMLParser):
    """The tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]

    def values(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


@pytest.fixture
def fake() -> SimpleNamespace:
    """Functions that make results: lesion, gradflow, weights, train."""
    return SimpleNamespace(lesion=lesion, gradflow=gradflow, weights=weights, train=train)


@pytest.fixture(scope="session")
def outline():
    return Outline


@pytest.fixture(scope="session")
def story() -> list[Result]:
    """A plain and a residual network with the contrast that the papers report."""
    return [
        train(plain8=[(0.5, 0.6), (0.30, 0.35)], resnet8=[(0.4, 0.5), (0.20, 0.22)]),
        lesion(plain8=[0.8, 0.1, None, 0.12], resnet8=[0.85, 0.7, 0.6, 0.75]),
        gradflow(plain8=[9.0, 3.0, 1.0], resnet8=[1.2, 1.1, 1.0]),
        gradflow(sha="12fca82fed99", plain8=[2.0, 1.5, 1.0], resnet8=[1.2, 1.1, 1.0]),
        weights("plain8", "resnet8"),
    ]


@pytest.fixture(autouse=True)
def _nothing_global_changes():
    before = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before
