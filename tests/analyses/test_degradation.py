import re
import shutil

import numpy as np
import pandas as pd
import pytest
from analyses.conftest import ANALYSES, commands

import resprobe
from resprobe.datasets import Batches
from resprobe.results import Result
from resprobe.training import evaluate

NETWORKS = ("plain20", "plain56", "resnet20", "resnet56")
KEPT = ("curves.csv", "curves.json", "runs.csv", "runs.json")


def command(option):
    (found,) = [words for words in commands() if option in words and "degradation" in words[1]]
    return found


@pytest.fixture(scope="session")
def smoke(script, tmp_path_factory):
    """The folder that the smoke command leaves."""
    folder = tmp_path_factory.mktemp("smoke")
    done = script(command("--smoke"), folder)
    assert done.code == 0, done.err
    assert done.err.splitlines() == [
        f"training {name}, seed {seed}" for seed in (0, 1) for name in NETWORKS
    ]
    return folder / "degradation-smoke"


def test_every_epoch_of_every_run_is_a_row_with_all_three_errors(smoke):
    curves = Result.load(smoke / "curves.csv")
    assert curves.name == "degradation"
    frame = curves.frame
    assert len(frame) == len(NETWORKS) * 2 * 2
    assert set(zip(frame["network"], frame["plain"], frame["depth"], strict=True)) == {
        (f"{name}:width=1", name.startswith("plain"), int(name[-2:])) for name in NETWORKS
    }
    assert frame[["train_error", "validation_error", "test_error"]].notna().all(axis=None)
    for name in NETWORKS:
        log = pd.read_csv(smoke / "checkpoints" / f"{name}-seed1.csv")
        rows = frame[(frame["network"] == f"{name}:width=1") & (frame["seed"] == 1)]
        pd.testing.assert_frame_equal(rows[log.columns].reset_index(drop=True), log)
    assert curves.meta["recipe"]["iterations"] == 6
    assert {"resprobe", "torch", "command", "threads", "setting"} <= curves.meta.keys()


def test_the_training_error_is_measured_again_on_all_images_learnt_from(smoke):
    runs = pd.read_csv(smoke / "runs.csv")
    row = runs[(runs["name"] == "resnet20") & (runs["seed"] == 1)].iloc[0]
    kept = resprobe.load(smoke / "checkpoints" / "resnet20-seed1-last.pt")
    images = resprobe.datasets.load("embedded", split="train").subset(400)
    learnt, _ = images.holdout(0.1, seed=kept.split_seed)
    seen = evaluate(kept.model, Batches(learnt, kept.normalisation))
    assert (row["train_error_eval"], row["checkpoint_sha256"]) == (seen.error, kept.sha256)
    assert (row["epochs"], seen.n) == (2, 360)


def test_the_figure_and_the_page_are_made(smoke):
    assert (smoke / "degradation.png").stat().st_size > 10_000
    assert "Fashion-MNIST, embedded" in (smoke / "degradation.svg").read_text().replace("\xa0", " ")
    page = (smoke / "README.md").read_text()
    part = page.partition("<!-- degradation:begin -->")[2].partition("<!-- degradation:end -->")[0]
    assert "360 learnt from, 40 held out, 400 tested on" in part
    assert "| plain56 - plain20 | 2 |" in part
    verdicts = [cell for line in part.splitlines()[-2:] for cell in line.split("|")[3:5]]
    assert all(re.match(r" (undecided:|holds with|fails with) ", cell) for cell in verdicts)


def test_what_is_trained_is_not_trained_again_and_gives_the_same(smoke, script, tmp_path):
    again = shutil.copytree(smoke, tmp_path / "again")
    (again / "checkpoints" / "plain20-seed1.csv").unlink()
    done = script([*command("--smoke"), "--out", again, "--networks", "plain20"], tmp_path)
    assert (done.code, done.err) == (0, "training plain20, seed 1\n")
    found = pd.read_csv(again / "runs.csv").drop(columns=["duration_s", "checkpoint_sha256"])
    wanted = pd.read_csv(smoke / "runs.csv")[found.columns]
    wanted = wanted[wanted["name"] == "plain20"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)


def test_another_setting_than_that_of_the_runs_is_refused(smoke, script, tmp_path):
    kept = smoke / "checkpoints" / "plain20-seed0-last.pt"
    moved = shutil.copytree(smoke / "checkpoints", tmp_path / "moved")
    shutil.copy(kept, moved / "plain20-seed1-last.pt")
    asked = [*command("--smoke"), "--out", tmp_path / "new", "--runs", moved, "--collect"]
    done = script(asked, tmp_path)
    assert done.code == 3
    (line,) = done.err.splitlines()
    assert "plain20-seed1-last.pt: another training (seed) than the one that is asked" in line


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--networks", "plain21"], 2, "--networks wants some of plain20,plain56,"),
        (["--seeds", "1-3"], 2, "--seeds whole numbers with commas between them; got"),
        (["--redraw"], 3, "curves.csv: no such file"),
        (["--collect", "--data", "embedded"], 3, "no run is complete yet"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(script, tmp_path, more, code, said):
    done = script(["python", "analyses/degradation.py", *more, "--out", tmp_path], tmp_path)
    assert done.code == code
    assert len(done.err.splitlines()) == 1
    assert said in done.err


@pytest.mark.parametrize("folder", [path.parent for path in ANALYSES.glob("*/curves.csv")], ids=str)
def test_the_published_table_and_page_are_what_the_runs_say(module, folder):
    runs = Result.load(folder / "runs.csv")
    found = module("degradation_summary")
    table = Result.load(folder / "table.csv").frame
    pd.testing.assert_frame_equal(found.summary(runs.frame), table, check_dtype=False)
    page = (ANALYSES / "README.md").read_text()
    assert found.markdown(runs.frame, runs.meta["page"]) in page


def test_redrawing_changes_nothing(smoke, script, tmp_path):
    again = shutil.copytree(smoke, tmp_path / "again", ignore=shutil.ignore_patterns("checkpoints"))
    for name in ("table.csv", "degradation.svg"):
        (again / name).unlink()
    done = script([*command("--smoke"), "--redraw", "--out", again], tmp_path)
    assert done.code == 0, done.err
    for name in (*KEPT, "table.csv", "README.md"):
        assert (again / name).read_bytes() == (smoke / name).read_bytes(), name
    assert (again / "degradation.svg").exists()


def runs_of(**errors):
    """Runs whose every error is the one given, seed by seed."""
    columns = ("train_error_eval", "train_error", "validation_error", "test_error")
    return pd.DataFrame(
        [
            {"name": name, "seed": seed, **dict.fromkeys(columns, error)}
            for name, found in errors.items()
            for seed, error in enumerate(found)
        ]
    )


def test_differences_are_taken_seed_by_seed(module):
    """0.10, 0.20 and 0.30: mean 0.2, sd 0.1, and t(0.975, 2) = 4.3027 times 0.1 / sqrt 3."""
    runs = runs_of(plain20=[0.1, 0.5, 0.3], plain56=[0.2, 0.7, 0.6])
    table = module("degradation_summary").summary(runs)
    row = table[(table["network"] == "plain56 - plain20") & (table["figure"] == "test_error")]
    np.testing.assert_allclose(
        row[["n", "mean", "sd", "low", "high"]].to_numpy()[0],
        [3, 0.2, 0.1, 0.2 - 0.248414, 0.2 + 0.248414],
        atol=1e-6,
    )


def test_a_seed_that_only_one_network_has_counts_for_it_alone(module):
    runs = runs_of(plain20=[0.1, 0.2, 0.3], plain56=[0.5])
    table = module("degradation_summary").summary(runs).set_index(["network", "figure"])
    assert table.loc[("plain20", "test_error"), "n"] == 3
    assert table.loc[("plain56 - plain20", "test_error"), "n"] == 1
    assert np.isnan(table.loc[("plain56", "test_error"), "low"])


@pytest.mark.parametrize(
    ("plain", "residual", "first", "second"),
    [
        ([0.1, 0.11, 0.12], [-0.1, -0.11, -0.12], "holds with all 3 seeds: +11.00 points [+8.52, "
         "+13.48], n = 3", "holds with all 3 seeds: -11.00 points"),
        ([-0.1, -0.11], [0.1, 0.11], "fails with all 2 seeds: -10.50", "fails with all 2 seeds"),
        ([0.1, -0.1], [0.1, -0.1], "undecided: it holds with 1 of 2 seeds", "undecided"),
        ([0.0, 0.0], [0.0, 0.0], "fails with all 2 seeds", "holds with all 2 seeds"),
        ([0.01, 0.2], [-0.01, -0.2], "n = 2; the interval includes 0", "; the interval includes 0"),
        ([0.1], [0.1], "holds with the one seed that there is: +10.00 points, and so without",
         "fails with the one seed"),
        ([], [], "not measured", "not measured"),
    ],
)  # fmt: skip
def test_a_verdict_says_what_the_seeds_bear_out(module, plain, residual, first, second):
    claims = module("degradation_summary").CLAIMS
    assert first in claims[0].verdict(plain)
    assert second in claims[1].verdict(residual)


def test_a_page_without_its_markers_is_refused(module, tmp_path):
    filled = module("page").filled
    path = tmp_path / "page.md"
    for text in ("none", "<!-- x:begin -->", "<!-- x:end --><!-- x:begin -->"):
        path.write_text(text)
        with pytest.raises(resprobe.errors.InputError, match="wanted <!-- x:begin -->"):
            filled(path, "x", "new")
        assert path.read_text() == text
    path.write_text("a <!-- x:begin -->old<!-- x:end --> b")
    filled(path, "x", "new")
    assert path.read_text() == "a <!-- x:begin -->\nnew\n<!-- x:end --> b"
