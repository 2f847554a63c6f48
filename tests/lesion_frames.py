"""Lesion results of every study without a network: what figures, tables and sentences read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from resprobe.results import Result
from resprobe.statistics import paired_difference, wilson

COLUMNS = [
    "network", "study", "lesion", "kind", "blocks", "name", "stage", "k", "draw", "transitions",
    "times", "alpha", "kendall_tau", "class_name", "batch_norm", "selection", "n", "correct",
    "accuracy", "accuracy_low", "accuracy_high", "error", "error_rise", "error_rise_low",
    "error_rise_high", "loss", "loss_rise", "loss_rise_low", "loss_rise_high", "agreement",
    "agreement_low", "agreement_high", "kl", "kl_low", "kl_high", "interaction",
    "interaction_low", "interaction_high", "deletable",
]  # fmt: skip
TEXTS = ("network", "study", "lesion", "kind", "blocks", "name", "class_name", "batch_norm")
COUNTS = ("stage", "k", "draw", "transitions", "times", "n", "correct")


@dataclass(frozen=True)
class Net:
    """A network that answers as its damage says: 0 leaves it, 1 takes it to chance."""

    name: str
    blocks: int
    plain: bool = False
    intact: float = 0.1
    classes: int = 10

    def stage(self, block: int) -> int:
        return 1 + 3 * block // self.blocks

    def is_transition(self, block: int) -> bool:
        return block > 0 and self.stage(block) != self.stage(block - 1)

    def deletable(self, block: int) -> bool:
        return not (self.plain and self.is_transition(block))

    def cost(self, block: int) -> float:
        if self.plain:
            return 0.9
        return 0.3 if self.is_transition(block) else 0.02 + 0.08 * ((7 * block) % 5) / 5

    def error(self, blocks: Sequence[int], strength: float = 1.0) -> float:
        kept = float(np.prod([1 - strength * self.cost(block) for block in blocks]))
        chance = 1 - 1 / self.classes
        return chance - (chance - self.intact) * kept


@dataclass
class Study:
    """Rows of one network in one study."""

    net: Net
    name: str
    n: int = 1000
    labelled: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def row(self, lesion: str, blocks: Sequence[int], error: float, **more: Any) -> dict[str, Any]:
        transitions = sum(map(self.net.is_transition, blocks))
        kind = "identity" if transitions == 0 else "transition"
        row = dict.fromkeys(COLUMNS, float("nan"))
        row |= {"network": self.net.name, "study": self.name, "lesion": lesion, "name": ""}
        row |= {"kind": kind if blocks else "intact", "blocks": "+".join(map(str, blocks))}
        row |= {"stage": 0, "k": len(blocks), "draw": 0, "transitions": transitions, "times": 0}
        row |= {"class_name": "", "batch_norm": "running", "selection": False, "n": self.n}
        if len(blocks) == 1:
            row |= {"stage": self.net.stage(blocks[0]), "name": f"layer.{blocks[0]}"}
        possible = all(map(self.net.deletable, blocks))
        row |= {"deletable": bool(blocks) and possible, "correct": -1}
        row |= more
        return row | (self.figures(error, row["n"], intact=not blocks) if possible else {})

    def figures(self, error: float, n: int, *, intact: bool) -> dict[str, Any]:
        wrong = round(self.net.intact * n) if intact else int(self.rng.binomial(n, error))
        same = n if intact else n - max(0, wrong - round(self.net.intact * n))
        low, high = wilson(same, n)
        found = {"agreement": same / n, "agreement_low": low, "agreement_high": high}
        found |= {"kl": 2 - 2 * same / n, "kl_low": 0.0, "kl_high": 2.1 - 2 * same / n}
        if not self.labelled:
            return found
        before = round(self.net.intact * n)
        lost = max(0, wrong - before)
        gained = max(0, before - wrong)
        rise, rise_low, rise_high = paired_difference(
            n - before - lost, lost, gained, before - gained
        )
        low, high = wilson(n - wrong, n)
        found |= {"correct": n - wrong, "accuracy": 1 - wrong / n, "error": wrong / n}
        found |= {"accuracy_low": low, "accuracy_high": high, "error_rise": rise}
        found |= {"error_rise_low": rise_low, "error_rise_high": rise_high}
        found |= {"loss": 3 * wrong / n, "loss_rise": 3 * rise}
        return found | {"loss_rise_low": 3 * rise_low, "loss_rise_high": 3 * rise_high}

    def intact(self, **more: Any) -> dict[str, Any]:
        return self.row("intact", (), self.net.intact, **more)

    def delete(self, blocks: Sequence[int], **more: Any) -> dict[str, Any]:
        label = "delete:" + "+".join(map(str, blocks))
        return self.row(label, blocks, self.net.error(blocks), **more)


def single(study: Study) -> Iterator[dict[str, Any]]:
    yield study.intact()
    yield from (study.delete([block]) for block in range(study.net.blocks))


def random(study: Study, most: int = 20, draws: int = 20) -> Iterator[dict[str, Any]]:
    yield study.intact()
    blocks = [block for block in range(study.net.blocks) if study.net.deletable(block)]
    for k in range(1, min(most, len(blocks)) + 1):
        for draw in range(draws):
            chosen = sorted(map(int, study.rng.choice(blocks, k, replace=False)))
            yield study.delete(chosen, draw=draw)


def shuffle(study: Study, most: int = 20, draws: int = 20) -> Iterator[dict[str, Any]]:
    yield study.intact(kendall_tau=1.0)
    for k in range(1, most + 1):
        for draw in range(draws):
            tau = float(np.clip(0.95**k + study.rng.normal(0, 0.04), -1, 0.99))
            pairs = study.rng.integers(1, study.net.blocks, (k, 2))
            label = "shuffle:" + "+".join(f"{i}-{j}" for i, j in pairs)
            blocks = sorted(set(map(int, pairs.flat)))
            error = study.net.error(range(study.net.blocks), 0.6 * (1 - tau))
            more = {"k": k, "draw": draw, "kendall_tau": tau, "transitions": k // 9}
            yield study.row(label, [b for b in blocks if study.net.deletable(b)], error, **more)


def pairs(study: Study) -> Iterator[dict[str, Any]]:
    yield study.intact()
    alone = [study.delete([block]) for block in range(study.net.blocks)]
    yield from alone
    for i, j in combinations(range(study.net.blocks), 2):
        if study.net.deletable(i) and study.net.deletable(j):
            row = study.delete([i, j])
            if study.labelled:
                beyond = row["error_rise"] - alone[i]["error_rise"] - alone[j]["error_rise"]
            else:
                beyond = alone[i]["agreement"] + alone[j]["agreement"] - row["agreement"] - 1
            row |= {"interaction": beyond, "interaction_low": beyond - 0.02}
            yield row | {"interaction_high": beyond + 0.02}


def greedy(study: Study, most: int | None = None) -> Iterator[dict[str, Any]]:
    yield study.intact()
    yield study.intact(selection=True, n=500)
    left = [block for block in range(study.net.blocks) if study.net.deletable(block)]
    dropped: list[int] = []
    for _ in range(most or len(left)):
        yield from (study.delete([*dropped, block], selection=True, n=500) for block in left)
        dropped.append(min(left, key=study.net.cost))
        left.remove(dropped[-1])
    yield from (study.delete(dropped[:k]) for k in range(1, len(dropped) + 1))


def repeat(study: Study, times: Sequence[int] = (2, 3)) -> Iterator[dict[str, Any]]:
    yield study.intact()
    for number in times:
        for block in range(study.net.blocks):
            error = study.net.error([block], 0.5 * (number - 1))
            row = study.row(f"repeat:{block}x{number}", [block], error, times=number)
            if study.net.is_transition(block):
                row |= dict.fromkeys(COLUMNS[COLUMNS.index("accuracy") : -1], float("nan"))
                row |= {"deletable": False, "correct": -1}
            yield row


def scale(
    study: Study, alphas: Sequence[float] = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5)
) -> Iterator[dict[str, Any]]:
    yield study.intact()
    for block in range(study.net.blocks):
        for alpha in alphas:
            error = study.net.error([block], abs(1 - alpha) ** 1.5)
            yield study.row(f"scale:{block}x{alpha:g}", [block], error, alpha=alpha)


STUDIES = {
    "single": single, "layers": single, "random": random, "shuffle": shuffle, "pairs": pairs,
    "greedy": greedy, "repeat": repeat, "scale": scale,
}  # fmt: skip
PLAIN = Net("plain20", 9, plain=True, intact=0.12)
RESIDUAL = Net("resnet20", 9, intact=0.08)
VGG = Net("vgg", 13, plain=True, intact=0.15)


def by_class(study: Study, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of every class beside those of all images."""
    for row in rows:
        yield row
        for number in range(study.net.classes):
            blocks = [int(block) for block in row["blocks"].split("+") if block]
            error = min(1.0, study.net.error(blocks) * (0.4 + 0.15 * number))
            more = {key: row[key] for key in ("k", "draw", "times", "alpha", "selection")}
            n = study.n // study.net.classes
            yield study.row(row["lesion"], blocks, error, **more, class_name=f"c{number}", n=n)


def recalibrated(study: Study, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows with recalibrated statistics after the raw ones, with half the damage."""
    yield from rows
    for row in rows:
        if not row["selection"]:
            possible = row["deletable"] or row["kind"] == "intact"
            error = study.net.intact + 0.5 * max(0, row["error"] - study.net.intact)
            figures = study.figures(error, row["n"], intact=False) if possible else {}
            yield row | figures | {"batch_norm": "recalibrated"}


def result(
    study: str,
    *nets: Net,
    labelled: bool = True,
    classes: bool = False,
    recalibrate: bool = False,
    n: int = 1000,
    **options: Any,
) -> Result:
    """Make a lesion result as the probe gives it."""
    rows: list[dict[str, Any]] = []
    for seed, net in enumerate(nets):
        made = Study(net, study, n=n, labelled=labelled, seed=seed)
        found = list(STUDIES[study](made, **options))
        found = list(recalibrated(made, found)) if recalibrate else found
        rows += by_class(made, found) if classes else found
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame = frame.astype({column: str for column in TEXTS})
    frame = frame.astype({column: "int64" for column in COUNTS})
    return Result(
        "lesion", frame.astype({"selection": bool, "deletable": bool}), meta(study, *nets, n=n)
    )


def meta(study: str, *nets: Net, n: int = 1000) -> dict[str, Any]:
    """Say what the probe says."""
    facts = [
        {
            "network": net.name,
            "parameters": 1000 * net.blocks,
            "blocks": net.blocks,
            "plain": net.plain,
            "classes": net.classes,
            "checkpoint_sha256": "12fca82fed99",
        }
        for net in nets
    ]
    return {
        "study": study,
        "data": {"data_set": "tiny", "split": "test", "n": n, "batch_size": 64},
        "networks": facts,
        "seed": 7,
        "confidence": 0.95,
        "resprobe": "0.1.0",
    }
