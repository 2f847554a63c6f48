import contextlib
import io
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from analyses.conftest import ANALYSES, commands

from resprobe.errors import InputError, UsageError
from resprobe.results import Result

KINDS = ("single", "random", "shuffle", "paths")


def command(option):
    (found,) = [words for words in commands() if option in words and "ensemble" in words[1]]
    return found


@pytest.fixture(scope="session")
def run(module):
    """Return the function that runs the script in this process, and gives what it says."""
    ensemble = module("ensemble")

    def say(arguments):
        threads, said = torch.get_num_threads(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            ensemble.main([*map(str, arguments)])
        torch.set_num_threads(threads)
        return said.getvalue()

    return say


@pytest.fixture(scope="session")
def smoke(script, tmp_path_factory):
    """The folder that the smoke command of the page leaves."""
    folder = tmp_path_factory.mktemp("ensemble")
    done = script(command("--smoke"), folder)
    assert done.code == 0, done.err
    assert done.err.splitlines() == [f"measuring resnet14-{kind}" for kind in KINDS]
    return folder / "ensemble-smoke"


def test_every_published_figure_has_a_table_and_a_drawing(smoke):
    for kind in KINDS:
        result = Result.load(smoke / f"{kind}.csv")
        assert set(result.frame["network"]) == {"resnet14"}
        assert result.name == ("paths" if kind == "paths" else "lesion")
        assert (smoke / f"{kind}.png").stat().st_size > 10_000
    assert set(Result.load(smoke / "paths.csv").frame["method"]) == {"exact", "rms", "sampled"}
    assert Result.load(smoke / "random.csv").frame["k"].max() == 4


def test_the_page_has_every_quantity_beside_the_published_one(smoke, module):
    page = (smoke / "README.md").read_text()
    part = page.partition("<!-- ensemble:begin -->")[2].partition("<!-- ensemble:end -->")[0]
    assert "resnet14: 6 blocks, " in part
    assert "100 images for single deletions, 50 for random ones and orders, 20 for" in part
    for name, quantity in module("ensemble_summary").QUANTITIES.items():
        (row,) = [line for line in part.splitlines() if quantity.text in line]
        assert quantity.published in row
        assert re.search(r"n = [\d,]+ \|$", row), name


def test_what_is_measured_is_not_measured_again(smoke, run, tmp_path):
    again = shutil.copytree(smoke, tmp_path / "again")
    (again / "parts" / "resnet14-shuffle.json").unlink()
    assert run(["--smoke", "--out", again]) == "measuring resnet14-shuffle\n"
    for kind in KINDS:
        found, wanted = (Result.load(f / f"{kind}.csv").frame for f in (again, smoke))
        pd.testing.assert_frame_equal(found, wanted)


def test_redrawing_changes_nothing(smoke, run, tmp_path):
    again = shutil.copytree(smoke, tmp_path / "again", ignore=shutil.ignore_patterns("parts"))
    (again / "table.csv").unlink()
    assert run(["--smoke", "--redraw", "--out", again]) == ""
    for name in ("table.csv", "README.md", "single.csv", "random.png"):
        assert (again / name).read_bytes() == (smoke / name).read_bytes(), name


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ([], UsageError, "each with a file name of its own; got none"),
        (["--ckpt", "a/n.pt", "--ckpt", "b/n.pt"], UsageError, "got n, n"),
        (["--ckpt", "none.pt"], InputError, "none.pt"),
        (["--redraw"], InputError, "single.csv: no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(run, tmp_path, more, error, said):
    with pytest.raises(error, match=re.escape(said)):
        run([*more, "--out", tmp_path])


def test_an_error_is_one_sentence_and_its_code(script, tmp_path):
    done = script(["python", "analyses/ensemble.py"], tmp_path)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert done.err.startswith("ensemble: --ckpt names the trained networks")


def test_the_published_table_and_page_are_what_the_results_say(module):
    results = {kind: Result.load(ANALYSES / "ensemble" / f"{kind}.csv") for kind in KINDS}
    found = module("ensemble_summary")
    table = Result.load(ANALYSES / "ensemble" / "table.csv").frame
    pd.testing.assert_frame_equal(found.summary(results), table, check_dtype=False)
    assert found.markdown(results, table) in (ANALYSES / "README.md").read_text()


def lesions(rows):
    blank = {"network": "net", "kind": "identity", "n": 100, "kendall_tau": np.nan, "k": 1}
    frame = pd.DataFrame([{**blank, **row} for row in rows])
    return frame.assign(accuracy_low=0.5, accuracy_high=0.9, error_rise_low=-1, error_rise_high=1)


def test_numbers_are_those_of_the_tables_by_hand(module):
    """54 blocks: rises of 0.01 but for one of 0.04; k deleted cost k / 50; gradients halve."""
    rises = [0.04, *[0.01] * 51]
    single = lesions(
        [{"lesion": "intact", "kind": "intact", "k": 0, "error": 0.1}]
        + [{"lesion": "delete", "error_rise": rise} for rise in rises]
        + [{"lesion": "delete", "kind": "transition", "error_rise": r} for r in (0.2, 0.3)]
    )
    random = lesions([{"k": k, "error": k / 50} for k in range(1, 21) for _ in range(3)])
    shuffle = lesions([{"k": k, "kendall_tau": 1 - k / 40, "error": k / 99} for k in range(1, 9)])
    lengths = np.arange(55)
    paths = pd.DataFrame(
        {"network": "net", "length": lengths, "norm": 0.5**lengths, "paths_share": 0.001, "n": 32,
         "effective": (lengths >= 5) & (lengths <= 17)}
    )  # fmt: skip
    paths = pd.concat([paths.assign(method=name) for name in ("sampled", "rms", "exact")])
    results = {
        name: Result(name, frame)
        for name, frame in (
            ("single", single), ("random", random), ("shuffle", shuffle), ("paths", paths),
        )
    }  # fmt: skip
    found = module("ensemble_summary").summary(results).set_index("quantity")["value"]
    expected = {
        "intact": 0.1, "identity": (0.04 + 0.51) / 52, "transition": 0.3,
        "identity_median": 0.01, "identity_most": 0.04,
        "random_10": 0.2, "random_20": 0.4, "random_trend": 1.0, "shuffle_trend": 1.0,
        "path_decay": 0.5, "low_sampled": 5 / 54, "high_exact": 17 / 54, "paths_share": 0.013,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
