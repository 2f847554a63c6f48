"""The committed tables of benchmarks load and have their columns; timing by closed forms."""

import importlib
import itertools
import math
import sys
from pathlib import Path

import pandas as pd
import pytest

from resprobe.results import Result

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.csv"))


@pytest.fixture(scope="module")
def module():
    """Return the function that imports a file of ``benchmarks``, which is not installed."""
    sys.path.insert(0, str(ROOT))
    yield lambda name: importlib.import_module(f"benchmarks.{name}")
    sys.path.remove(str(ROOT))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_committed_table_loads_with_its_columns_and_names_its_machine(path, module):
    table = Result.load(path)
    assert list(table.frame.columns) == list(module("tables").COLUMNS[path.stem])
    assert len(table.frame)
    assert {"cpu", "cores", "threads", "versions", "date"} <= table.meta.keys()
    written = path.with_suffix(".json").read_text() + path.read_text()
    assert not any(place in written for place in ("/tmp", "/work", "/root", "/home"))


def test_rows_are_saved_under_their_columns_and_an_unknown_one_is_refused(module, tmp_path):
    tables = module("tables").Tables()
    tables.add("memory", command="resprobe demo", peak_bytes=2**33, images=256)
    tables.add("peers", work="counting", against="fingers", ratio=2.0)
    with pytest.raises(AssertionError, match="colour"):
        tables.add("memory", colour="red")
    files = tables.save(tmp_path)
    assert sorted(file.name for file in files) == [
        "memory.csv", "memory.json", "peers.csv", "peers.json",
    ]  # fmt: skip
    row = Result.load(tmp_path / "memory.csv").frame.iloc[0]
    assert (row["command"], row["peak_bytes"]) == ("resprobe demo", 2**33)
    assert Result.load(tmp_path / "peers.csv").frame["note"].tolist() == [""]


@pytest.mark.parametrize(
    # the largest k with P(B <= k - 1) <= 2.5 % for B of n fair coins: from tables
    ("n", "k"),
    [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (20, 6), (40, 14)],
)
def test_the_interval_of_a_median_is_of_the_order_statistics(n, k, module):
    values = [float(value) for value in range(1, n + 1)]
    assert module("timing").median_interval(values[::-1]) == (k, n + 1 - k)


def test_ratios_are_of_neighbouring_runs_and_theirs_stands_above(module):
    # each reading of the clock: theirs 2 then ours 1, theirs 6 then ours 2, theirs 4 then ours 1
    durations = [2, 1, 6, 2, 4, 1]
    readings = itertools.chain.from_iterable((0, duration) for duration in durations)
    order = []
    timing = module("timing").in_turn(
        lambda: order.append("theirs"), lambda: order.append("ours"),
        rounds=3, clock=readings.__next__,
    )  # fmt: skip
    assert order == ["theirs", "ours"] * 3
    assert timing == (1, 4, 3, 2, 4, 3)


def test_what_is_around_theirs_is_not_around_ours_and_not_timed(module):
    inside, seen, ticks = [], [], itertools.count()

    class Around:
        def __enter__(self):
            next(ticks), next(ticks)
            inside.append(True)

        def __exit__(self, *_):
            inside.pop()

    timing = module("timing").in_turn(
        lambda: seen.append(bool(inside)), lambda: seen.append(bool(inside)),
        rounds=1, clock=ticks.__next__, around=Around,
    )  # fmt: skip
    assert seen == [True, False]
    assert timing.theirs_s == timing.ours_s == 1


def test_what_the_garbage_collector_takes_is_told_apart(module):
    import gc

    cost_of = module("timing").cost_of
    collecting = cost_of(gc.collect, most=1)
    assert 0 < collecting.collector_s <= collecting.seconds
    assert collecting.own_s == collecting.seconds - collecting.collector_s
    assert cost_of(lambda: sum(range(100_000)), most=1).collector_s == 0
    callbacks = list(gc.callbacks)
    with pytest.raises(ZeroDivisionError):
        cost_of(lambda: 1 / 0)
    assert gc.callbacks == callbacks


def test_the_run_of_median_seconds_is_returned(module, monkeypatch):
    timing = module("timing")
    durations = iter([5, 9, 7])
    readings = itertools.chain.from_iterable((0, duration) for duration in durations)
    monkeypatch.setattr(timing.time, "process_time", readings.__next__)
    monkeypatch.setattr(timing.gc, "callbacks", [])
    assert timing.cost_of(lambda: None, long=100) == (7, 0)


def test_the_exponent_of_a_power_is_its_power(module):
    sizes = [1, 2, 4, 8]
    found = module("timing").exponent_of(sizes, [3 * size**2 for size in sizes])
    assert found == pytest.approx((2, 2, 2, 2))


def test_the_interval_of_an_exponent_is_that_of_a_least_squares_slope(module):
    from scipy.stats import linregress, t

    sizes, costs = [1, 2, 4, 8, 16], [1.0, 3.0, 3.5, 9.0, 30.0]
    found = module("timing").exponent_of(sizes, costs)
    import numpy as np

    fit = linregress(np.log(sizes), np.log(costs))
    half = t.ppf(0.975, 3) * fit.stderr
    wanted = (fit.slope, fit.slope - half, fit.slope + half, np.log2(30 / 9))
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("name", "blocks"), [("resnet8", 3), ("resnet20", 9)])
def test_laws_count_what_the_plans_count(name, blocks, module):
    import torch

    from resprobe.chain import unravel
    from resprobe.datasets import Batches, ImageSet, Normalisation
    from resprobe.probes import plan_lesion, plan_paths

    growth = module("growth")
    chain = unravel(growth.model_of(name, 2), torch.zeros(2, 3, 8, 8))
    pixels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images = ImageSet(pixels, torch.arange(4), tuple("abcdefghij"), "black", "test")
    data = Batches(images, Normalisation((0.5,) * 3, (0.25,) * 3), 4)
    lesions = growth.PROBES["lesion"].evaluations(chain)
    assert lesions == blocks + blocks * (blocks + 1) // 2
    assert lesions == plan_lesion(chain, data).block_evaluations
    paths = growth.PROBES["paths"].evaluations(chain)
    assert paths == plan_paths(chain, data, method="exact").block_evaluations
    assert growth.PROBES["magnitude"].evaluations(chain) == blocks


def test_a_table_says_by_which_command_it_came(module, tmp_path):
    tables = module("tables").Tables()
    tables.add("growth", probe="lesion", axis="blocks", size=600, images=4, seconds=1.0)
    tables.add("memory", command="resprobe demo")
    tables.say("growth", command="make")
    tables.save(tmp_path)
    assert Result.load(tmp_path / "growth.csv").meta["command"] == "make"
    assert "command" not in Result.load(tmp_path / "memory.csv").meta


def test_the_site_says_what_the_garbage_collector_took(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    speed = importlib.import_module("extensions.speed")
    rows = [("lesion", "blocks", 600, 4.0, 1.0), ("paths", "blocks", 600, 2.0, math.nan)]
    frame = pd.DataFrame(rows, columns=["probe", "axis", "size", "seconds", "collector_s"])
    assert "25% at most (lesion, 600 blocks)" in speed.collected(frame)
    assert "was not measured" in speed.collected(frame.iloc[1:])


def test_the_site_can_show_what_is_kept(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    shown = importlib.import_module("extensions.speed").page()
    assert shown.count("\n| --- ") >= len(RESULTS)
    assert "nan" not in shown
