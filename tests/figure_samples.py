"""A small valid result of every kind, for networks of any name and depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from lesion_frames import STUDIES, Net, result

from resprobe.probes.path_lengths import path_law
from resprobe.results import Result

Names = Sequence[str]
Maker = Callable[[Names, int], Result]

LESIONS = [f"lesion {study}" for study in STUDIES]


def sample(kind: str, names: Names = ("resnet14",), blocks: int = 6) -> Result:
    """Make a result; its numbers are drawn, and the same each time."""
    return MAKERS[kind](names, blocks)


def meta(names: Names, **more: Any) -> dict[str, Any]:
    networks = [
        {"network": name, "plain": False, "classes": 3, "checkpoint_sha256": "12fca82fed99"}
        for name in names
    ]
    data = {"data_set": "tiny", "split": "test", "n": 1000}
    return {"data": data, "networks": networks, "seed": 7, "resprobe": "0.1.0", **more}


def stage(block: int, blocks: int) -> int:
    return 1 + 3 * block // blocks


def block_rows(names: Names, blocks: int) -> list[dict[str, Any]]:
    rows = []
    for name, block in product(names, range(blocks)):
        number = stage(block, blocks)
        change = block > 0 and number != stage(block - 1, blocks)
        rows.append({"network": name, "block": block, "name": f"layer{number}.{block}", "n": 1000,
                     "stage": number, "kind": "transition" if change else "identity"})  # fmt: skip
    return rows


def with_numbers(rows: Iterable[dict[str, Any]], *columns: str, low: float = 0.1) -> pd.DataFrame:
    """Add columns of numbers up to 1; a standard error is a twentieth."""
    frame = pd.DataFrame(list(rows))
    generator = np.random.default_rng(0)
    for column in columns:
        drawn = generator.uniform(low, 1.0, len(frame))
        frame[column] = drawn / 20 if column.endswith("_se") else drawn
    return frame


def by_block(kind: str, *columns: str, **more: Any) -> Maker:
    def make(names: Names, blocks: int) -> Result:
        frame = with_numbers(block_rows(names, blocks), *columns).assign(**more)
        return Result(kind, frame, meta(names))

    return make


def lesion(study: str) -> Maker:
    def make(names: Names, blocks: int) -> Result:
        nets = [Net(name, blocks, plain=number == 1) for number, name in enumerate(names)]
        return result(study, *nets, **LESS.get(study, {}))

    return make


LESS = {"random": {"most": 3, "draws": 3}, "shuffle": {"most": 3, "draws": 3}}


def classes(names: Names, blocks: int) -> Result:
    nets = [Net(name, blocks, classes=3) for name in names]
    found = result("single", *nets, classes=True)
    rows = found.frame[found.frame["class_name"] != ""].reset_index(drop=True)
    return Result("lesion-classes", rows, found.meta)


def weights(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "parameter": f"layer.{block}.conv.weight", "block": block,
         "dimensions": 4, "weight_norm": 1.0}
        for name, block in product(names, range(blocks))
    ]  # fmt: skip
    return Result("gradflow-weights", with_numbers(rows, "gradient_norm"), meta(names))


def histograms(names: Names, blocks: int) -> Result:
    rows = [
        row | {"part": part, "low": low, "high": 2 * low, "count": 30, "share": share}
        for row in block_rows(names, blocks)
        for part in ("input", "residual")
        for low, share in ((0.0, 0.1), (2.0 ** -(3 + row["block"] % 3), 0.6), (0.5, 0.3))
    ]
    return Result("gradflow-histograms", pd.DataFrame(rows), meta(names))


def training(names: Names, blocks: int) -> Result:
    rows = [row | {"step": step} for step in (1, 5, 9) for row in block_rows(names, blocks)]
    frame = with_numbers(rows, "input", "identity", "residual")
    return Result("gradflow-training", frame, meta(names, unit="epoch"))


def responses(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "layer": layer, "name": f"conv{layer}", "place": "branch"}
        for name, layer in product(names, range(blocks))
    ]
    frame = with_numbers(rows, "response_std", "response_std_se", "from_batch_norm")
    frame["rank"] = frame.groupby("network")["response_std"].rank(ascending=False)
    return Result("magnitude-responses", frame, meta(names))


def initialisation(names: Names, blocks: int) -> Result:
    quantities = ("variance", "branch_share", "gradient_norm", "gradient_correlation")
    columns = [f"{name}{end}" for name in quantities for end in ("", "_se", "_law")]
    frame = with_numbers(block_rows(names, blocks), *columns, "shortcut_variance_law")
    return Result("initialisation", frame.assign(normalised=True), meta(names))


def train(names: Names, blocks: int) -> Result:
    rows = [{"network": name, "epoch": epoch} for name in names for epoch in range(1, blocks + 1)]
    return Result("train", with_numbers(rows, "train_error", "validation_error"), meta(names))


def degradation(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "plain": plain, "depth": 14 + place, "seed": seed, "epoch": epoch}
        for place, name in enumerate(names)
        for plain in (place % 2 == 1,)
        for seed in (0, 1)
        for epoch in range(1, blocks + 1)
    ]
    return Result("degradation", with_numbers(rows, "train_error", "test_error"), meta(names))


def paths(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "method": method, "transitions": "counted", "length": length,
         "effective": 0 < length < blocks}
        for name, method in product(names, ("exact", "rms", "sampled"))
        for length in range(blocks + 1)
    ]  # fmt: skip
    columns = ("paths_share", "weight", "projection", "rms", "rms_se", "norm", "norm_se")
    frame = with_numbers(rows, *columns, "average", "average_se")
    return Result("paths", frame, meta(names))


def law(names: Names, blocks: int) -> Result:
    del names
    found = path_law(blocks)
    return Result("path-law", found.frame, meta(()))


def correlations(names: Names, blocks: int) -> Result:
    del blocks
    rows = [
        {"network": name, "predictor": predictor, "damage": damage, "blocks": which,
         "method": "spearman", "estimate": 0.4, "low": -0.2, "high": 0.8, "resampled_low": 0.3,
         "resampled_high": 0.5}
        for name, predictor, damage, which in product(
            names, ("ratio", "residual_share", "cosine"), ("error_rise", "loss_rise"),
            ("all", "identity"),
        )
    ]  # fmt: skip
    return Result("predictors-correlations", pd.DataFrame(rows), meta(names))


def decisions(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "method": method, "block": block, "stage": stage(min(block, blocks - 1),
         blocks), "share": 1 / (blocks + 1), "cumulative": (block + 1) / (blocks + 1),
         "depth": 1 + blocks / 2, "depth_low": 0.9 + blocks / 2, "depth_high": 1.1 + blocks / 2}
        for name, method in product(names, ("probe", "head"))
        for block in range(blocks + 1)
    ]  # fmt: skip
    return Result("readout-decisions", pd.DataFrame(rows), meta(names))


def borderline(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "judged": judged, "group": group, "block": block, "n": 100,
         "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}
        for name, judged, group in product(
            names, ("before", "after"), ("borderline", "confident")
        )
        for block in range(blocks)
    ]  # fmt: skip
    return Result("readout-borderline", pd.DataFrame(rows), meta(names))


def similarity(names: Names, blocks: int) -> Result:
    name = names[0]
    rows = [
        {"network": name, "other_network": name, "layer": i, "other_layer": j, "block": i,
         "other_block": j, "stage": stage(i, blocks), "other_stage": stage(j, blocks),
         "place": "output", "other_place": "output", "cka": 1 / (1 + abs(i - j))}
        for i, j in product(range(blocks), repeat=2)
    ]  # fmt: skip
    return Result("similarity", pd.DataFrame(rows), meta(names[:1]))


def similarity_summary(names: Names, blocks: int) -> Result:
    del blocks
    rows = [
        {"network": name, "other_network": name, "measure": "mean", "places": "output, output",
         "stages": stages, "value": 0.5, "low": 0.4, "high": 0.6}
        for name, stages in product(names, ("all", "same", "different"))
    ]  # fmt: skip
    return Result("similarity-summary", pd.DataFrame(rows), meta(names))


def values(names: Names, blocks: int) -> Result:
    rows = [
        row | {"index": index, "value": (1 + row["block"]) / index}
        for row in block_rows(names, blocks)
        for index in range(1, 6)
    ]
    return Result("geometry-values", pd.DataFrame(rows), meta(names))


def alignment(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "stage": stage(i, blocks), "block": i, "directions": j, "k": 5,
         "diagonal": 1 / (1 + abs(i - j)), "captured": 0.5}
        for name in names
        for i, j in product(range(blocks), repeat=2)
        if stage(i, blocks) == stage(j, blocks)
    ]  # fmt: skip
    return Result("geometry-alignment", pd.DataFrame(rows), meta(names))


def matrices(names: Names, blocks: int) -> Result:
    rows = [
        {"network": name, "stage": number, "row": i, "column": j, "value": 1 / (1 + abs(i - j))}
        for name, number in product(names, {stage(block, blocks) for block in range(blocks)})
        for i, j in product(range(5), repeat=2)
    ]
    return Result("geometry-matrices", pd.DataFrame(rows), meta(names))


def landscape(names: Names, blocks: int) -> Result:
    """Return a plane for the first network and lines for the others."""
    del blocks
    rows = [
        {"network": name, "a": a, "b": b, "loss": 0.1 + a * a + b * b, "error": 0.1 + 0.1 * a * a}
        for place, name in enumerate(names)
        for a in np.linspace(-1, 1, 5)
        for b in (np.linspace(-1, 1, 5) if place == 0 else [0.0])
    ]
    frame = pd.DataFrame(rows)
    for name in ("loss", "error"):
        frame[f"{name}_low"], frame[f"{name}_high"] = 0.9 * frame[name], 1.1 * frame[name]
    return Result("landscape", frame, meta(names))


MAKERS: dict[str, Maker] = {
    **{f"lesion {study}": lesion(study) for study in STUDIES},
    "lesion-classes": classes,
    "gradflow": by_block(
        "gradflow", "input", "input_se", "identity", "identity_se", "residual", "residual_se",
        "identity_path", "identity_path_se",
    ),
    "gradflow-weights": weights,
    "gradflow-histograms": histograms,
    "gradflow-training": training,
    "magnitude": by_block(
        "magnitude", "ratio", "ratio_q10", "ratio_q90", "cosine", "cosine_se", "negative_share",
        "response_std",
    ),
    "magnitude-responses": responses,
    "initialisation": initialisation,
    "train": train,
    "degradation": degradation,
    "paths": paths,
    "path-law": law,
    "predictors": by_block(
        "predictors", "ratio", "ratio_se", "residual_share", "residual_share_se", "cosine",
        "cosine_se", "loss_rise", "loss_rise_se",
    ),
    "predictors-correlations": correlations,
    "readout": by_block(
        "readout", "probe_accuracy", "probe_accuracy_low", "probe_accuracy_high",
        "head_accuracy", "head_accuracy_low", "head_accuracy_high", "cosine", "cosine_se",
        "error_std_relative", "error_mean_relative", "error_std_se", "error_mean_se",
        "stage_std",
    ),
    "readout-decisions": decisions,
    "readout-borderline": borderline,
    "similarity": similarity,
    "similarity-summary": similarity_summary,
    "geometry": by_block("geometry", "sigma_1", "sigma_1_se", "effective_rank",
                         "effective_rank_se"),
    "geometry-values": values,
    "geometry-alignment": alignment,
    "geometry-matrices": matrices,
    "geometry-stream": by_block("geometry-stream", "cosine", "cosine_se", "length", "length_se",
                                chance=0.3),
    "landscape": landscape,
}  # fmt: skip
