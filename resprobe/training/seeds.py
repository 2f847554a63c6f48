"""The same training with several seeds, and how far the seeds lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resprobe.errors import UsageError
from resprobe.results import Result, combined
from resprobe.statistics import spread
from resprobe.training.places import Places, check_free

__all__ = ["Seeds", "check_seeds_free", "seed_file", "train_seeds"]

FIGURES = ("train_error", "validation_error", "test_error", "train_loss")


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """What several runs gave.

    Attributes
    ----------
    epochs : Result
        "train": the rows of all runs, each named by its network and seed.
    runs : Result
        "seeds": a row per run with ``network``, ``seed``, ``best_epoch``, ``train_error`` and
        ``train_loss`` (of the last epoch, as :class:`resprobe.training.log.EpochRow` has
        them), ``validation_error`` and ``test_error`` (of the checkpoint that is kept; NaN
        where there are no such images), ``test_n`` and ``checkpoint``.
    spread : Result
        "seeds-spread": for each of these figures ``n`` runs, their ``mean``, standard deviation
        ``sd`` and the mean's 95 % t interval, ``low`` to ``high``.
    """

    epochs: Result
    runs: Result
    spread: Result


def seed_file(out: str | Path, seed: int) -> Path:
    """Return the checkpoint of a seed: ``r56-seed0.pt`` for ``r56.pt``.

    Examples
    --------
    >>> seed_file("runs/r56.pt", 3).as_posix()
    'runs/r56-seed3.pt'
    """
    out = Path(out)
    return out.with_name(f"{out.stem}-seed{seed}{out.suffix}")


def train_seeds(
    train: Callable[..., Result],
    *,
    out: str | Path,
    seeds: Sequence[int],
    replace: bool = False,
    writes: bool = True,
) -> Seeds:
    """Train once for each seed, and say how far the runs lie apart.

    Parameters
    ----------
    train : callable
        Called with ``out=`` and ``seed=``; :func:`resprobe.train` with all else bound by
        :func:`functools.partial`. With ``resume=True`` in it, runs that are complete are
        taken as they are.
    out : str or Path
        Each run goes to the file that :func:`seed_file` names, ``runs`` and ``spread`` to
        ``NAME-seeds`` and ``NAME-seeds-spread``, as CSV and JSON.
    seeds : sequence of int
        Different from each other.
    replace : bool
        Whether files of such runs may be there; what happens to them then is what ``train``
        does (``resume`` or ``overwrite``).
    writes : bool
        Whether this process writes the summary; of several, one does.

    Raises
    ------
    UsageError
        If there is no seed, or one twice; or, before any is trained, if files are in the way.

    References
    ----------
    He et al. 2015, Table 6 gives best and mean ± sd of five runs.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"seeds must be different from each other, and at least one; got {seeds}")
    out = Path(out)
    summary, spreads = _summaries(out)
    if not replace:
        check_seeds_free(out, seeds)
    results = [train(out=seed_file(out, seed), seed=seed) for seed in seeds]
    runs = pd.DataFrame([_row(result) for result in results])
    measured = [name for name in FIGURES if runs[name].notna().all()]
    rows = [{"figure": name, **asdict(spread(runs[name].tolist()))} for name in measured]
    meta = {**results[0].meta, "seed": None, "seeds": list(seeds)}
    meta["networks"] = [network for result in results for network in result.meta["networks"]]
    found = Seeds(
        epochs=combined([_named(result) for result in results]),
        runs=Result("seeds", runs, meta),
        spread=Result("seeds-spread", pd.DataFrame(rows), meta),
    )
    if writes:
        found.runs.save_as(summary)
        found.spread.save_as(spreads)
    return found


def check_seeds_free(out: str | Path, seeds: Sequence[int]) -> None:
    """Raise UsageError if a file that :func:`train_seeds` writes is there already."""
    for seed in seeds:
        Places.beside(seed_file(out, seed)).check_free()
    for stem in _summaries(Path(out)):
        check_free(stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.json"))


def _summaries(out: Path) -> tuple[Path, Path]:
    return out.with_name(f"{out.stem}-seeds"), out.with_name(f"{out.stem}-seeds-spread")


def _row(result: Result) -> dict[str, Any]:
    (network,), last = result.meta["networks"], result.frame.iloc[-1]
    kept = result.frame.iloc[network["best_epoch"] - 1]
    test = network["test"]
    return {
        "network": network["network"],
        "seed": result.meta["seed"],
        "best_epoch": network["best_epoch"],
        "train_error": last["train_error"],
        "train_loss": last["train_loss"],
        "validation_error": kept["validation_error"],
        "test_error": test.get("test_error", float("nan")),
        "test_n": test.get("test_n", 0),
        "checkpoint": network["checkpoint"],
    }


def _named(result: Result) -> Result:
    """Tell the runs of one network apart by their seeds."""
    (network,), seed = result.meta["networks"], result.meta["seed"]
    label = f"{network['network']} seed {seed}"
    return Result(
        result.name,
        result.frame.assign(network=label),
        {**result.meta, "networks": [{**network, "network": label, "seed": seed}]},
    )
