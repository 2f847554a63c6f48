"""What ``resprobe train`` asks for and prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.say import about, counted, table
from resprobe.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.datasets import Images
    from resprobe.networks import Architecture
    from resprobe.results import Result
    from resprobe.training import Execution, Precision, Progress, Recipe, TrainingPlan
    from resprobe.training.seeds import Seeds

__all__ = [
    "check_one_of_ours",
    "check_places",
    "network_text",
    "not_ours",
    "planned",
    "precision_of",
    "read",
    "recipe_of",
    "reporter",
    "say_depth",
    "say_execution",
    "seeds_told",
    "told",
]


def not_ours(given: str) -> UsageError:
    """Build the refusal of a network from elsewhere."""
    return UsageError(
        f"train takes what --arch names, its own networks, and not {given}; train "
        "that where it comes from, and bring its weights to the other commands with --ckpt"
    )


def check_one_of_ours(arch: str) -> None:
    """Raise UsageError where --arch names several networks, or one from elsewhere."""
    if "," in arch:
        raise UsageError(
            f"train takes one architecture; got --arch {arch}, so train them one after the other"
        )
    source = arch.partition(":")[0]
    if source in ("torchvision", "timm") or source.endswith(".py"):
        raise not_ours(arch)


def network_text(arch: str, blocks_per_batch: int | None) -> str:
    """Return what --arch and --blocks-per-batch say together, as one text."""
    return arch if blocks_per_batch is None else f"{arch}:blocks_per_batch={blocks_per_batch}"


def recipe_of(
    text: str, changes: Sequence[str], *, batch_size: int | None, validation: float | None
) -> Recipe:
    """Return the recipe that is named, with what ``--set`` and the other options change in it."""
    from resprobe.training import Recipe

    wanted: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {change}: wanted NAME=VALUE, such as learning_rate=0.05")
        if wanted.setdefault(name.strip(), value.strip()) != value.strip():
            raise UsageError(f"--set {name.strip()}: given twice, with different values; keep one")
    if batch_size is not None:
        wanted["batch_size"] = batch_size
    if validation is not None:
        wanted["validation_fraction"] = validation
    recipe = Recipe.read(text)
    return recipe.changed(wanted) if wanted else recipe


def read(spec: str, split: str, root: Path | None, images: int | None) -> Images:
    """Read a split, or evenly spaced images of it; of the test split as many as there are."""
    from resprobe.datasets import load

    found = load(spec, split=split, root=root)
    if images is None or (split == "test" and images >= len(found)):
        return found
    return found.subset(images)


def reporter(step: Callable[[int, int], None] | None) -> Callable[[Progress], None]:
    """Return what tells a progress bar where a run stands."""
    if step is None:
        return lambda _: None
    return lambda at: step(at.iteration, at.iterations)


def precision_of(name: str) -> Precision:
    """Return the precision of a name; UsageError where there is none."""
    from resprobe.errors import one_of
    from resprobe.training import Precision

    known = {one.value: one for one in Precision}
    if name not in known:
        raise one_of("precision", name, known)
    return known[name]


def say_execution(execution: Execution, say: Callable[[str], None]) -> None:
    """Say how a training is computed, where that is not the plain way."""
    warning = execution.precision.check(execution.device)
    if warning:
        say(warning)
    if execution.compile_forward:
        say("the forward pass is compiled, which takes a minute at first")
    if execution.world.size > 1:
        say(f"{execution.world.size} processes share every batch")


def say_depth(
    recipe: Recipe, architecture: Architecture, arch: str, say: Callable[[str], None]
) -> None:
    """Say what part of the network a batch learns with, where that needs a word."""
    blocks = architecture.blocks_in_all
    if architecture.blocks_per_batch is not None:
        share = f"{architecture.blocks_per_batch}/{blocks}"
        when = (
            f"branches count {share} at test time"
            if architecture.survival_scaling == "test"
            else f"their branches are divided by {share}, and test time has nothing to do"
        )
        say(
            f"every batch goes through {architecture.blocks_per_batch} of {blocks} blocks; {when} "
            f"(survival_scaling={architecture.survival_scaling})"
        )
    if recipe.name.startswith("huang2016-stochastic-depth") and architecture.survival == 1:
        say(
            f"{architecture.spec} has no stochastic depth, so this is the baseline of that "
            f"recipe; --arch {arch}:survival=0.5 has it"
        )


def check_places(out: Path, *, seed: int, seeds: int | None, replace: bool) -> None:
    """Raise UsageError where a training would, for the files at ``out``; write nothing."""
    from resprobe.training.places import Places
    from resprobe.training.seeds import check_seeds_free

    if replace or seeds is None:
        places = Places.beside(out)
        if not replace:
            places.check_free()
    else:
        check_seeds_free(out, range(seed, seed + seeds))


def planned(plan: TrainingPlan, architecture: Architecture, *, runs: int, json: bool) -> str:
    """Return what would run, as text for people or as one JSON object; its times are a run's."""
    from resprobe.results import plain_json, versions

    if json:
        meta = {**versions(), "dry_run": True}
        return plain_json({"meta": meta, "rows": [dataclasses.asdict(plan)]})
    return (
        f"{architecture.spec}: {counted(plan.images, 'image')} to train on, "
        f"{plan.validation_images:,} held out; {counted(plan.epochs, 'epoch')}, "
        f"{counted(plan.iterations, 'iteration')} of batch {plan.batch_size}; "
        f"{about(plan.duration_s * runs)}{f' for {runs} seeds' if runs > 1 else ''}"
    )


def _figures(frame: pd.DataFrame) -> list[str]:
    return [name for name in map(str, frame.columns) if name.endswith(("_loss", "_error"))]


def _rounded(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with numbers of some columns as text of four digits, and "-" for none."""
    as_text = {name: frame[name].map("{:.4f}".format).replace("nan", "-") for name in columns}
    return frame.assign(**as_text)


def told(result: Result, out: Path, *, json: bool) -> str:
    """Return the epochs and the test error, as text for people or as one JSON object."""
    if json:
        return result.to_json()
    frame = result.frame
    shown = frame if (frame["test_n"] > 0).any() else frame.filter(regex="^(?!test_)")
    shown = _rounded(shown, _figures(shown))
    shown["duration_s"] = frame["duration_s"].map("{:.1f}".format)
    lines = [table(shown)]
    test = result.meta["networks"][0]["test"]
    if "test_error_low" in test:
        lines.append(
            f"test error of the kept checkpoint: {test['test_error']:.4f} "
            f"[{test['test_error_low']:.4f}, {test['test_error_high']:.4f}] "
            f"on {test['test_n']} images"
        )
    lines.append(f"saved {out}")
    return "\n".join(lines)


def seeds_told(seeds: Seeds, out: Path, *, json: bool) -> str:
    """Return a row per seed, and mean, standard deviation and interval over them.

    The JSON object has them as ``rows`` and ``spread``, and all ``epochs`` beside them.
    """
    if json:
        return seeds.runs.to_json(
            spread=seeds.spread.frame.to_dict("records"),
            epochs=seeds.epochs.frame.to_dict("records"),
        )
    runs = _rounded(seeds.runs.frame, _figures(seeds.runs.frame))
    spread = _rounded(seeds.spread.frame, ("mean", "sd", "low", "high"))
    summary = out.with_name(f"{out.stem}-seeds.csv")
    return "\n".join([table(runs), "", table(spread), f"saved {summary} and a run for each seed"])
