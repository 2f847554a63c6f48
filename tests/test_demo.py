import json

import pytest

from resprobe.demo import Scale, run_demo
from resprobe.results import Result

SMALL = Scale(
    trained=("plain8", "resnet8"),
    untrained=("plain8", "resnet14"),
    epochs=1,
    width=4,
    train_images=300,
    test_images=100,
    gradient_images=20,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    said = []
    folder = tmp_path_factory.mktemp("demo")
    return run_demo(folder, scale=SMALL, say=said.append), said, folder


def test_everything_is_left_in_the_folder_that_is_named(made):
    demo, _, folder = made
    assert demo.page == folder / "index.html"
    for part, names in {
        "trained": ("train", "lesion", "gradflow", "gradflow-weights"),
        "at-initialisation": ("gradflow", "gradflow-weights"),
    }.items():
        for name in names:
            for ending in ("csv", "json", "png", "svg"):
                assert (folder / part / f"{name}.{ending}").stat().st_size > 100
    for name in ("plain8", "resnet8"):
        assert (folder / "trained" / f"{name}.pt").is_file()
    blocks = Result.load(folder / "trained" / "blocks.csv").frame
    assert blocks.groupby("network", sort=False)["block"].max().to_dict() == {
        "plain8": 2,
        "resnet8": 2,
    }


def test_both_studies_are_run_on_both_networks(made):
    _, _, folder = made
    lesions = Result.load(folder / "trained" / "lesion.csv")
    assert lesions.frame["network"].unique().tolist() == ["plain8", "resnet8"]
    assert [n["plain"] for n in lesions.meta["networks"]] == [True, False]
    assert all(n["checkpoint_sha256"] for n in lesions.meta["networks"])
    flow = Result.load(folder / "trained" / "gradflow.csv")
    assert flow.frame["network"].unique().tolist() == ["plain8", "resnet8"]
    assert flow.meta["batch_norm"] == "running"
    start = Result.load(folder / "at-initialisation" / "gradflow.csv")
    assert start.frame["network"].unique().tolist() == ["plain8", "resnet14"]
    assert start.meta["batch_norm"] == "batch"


def test_the_page_stands_alone_and_tells_of_both_networks(made):
    demo, _, _ = made
    text = demo.page.read_text()
    assert text.count("<svg") == 8
    assert text.count('class="drawing"') == 2
    assert "plain8" in text
    assert "resnet8" in text
    for outside in ("http://", "https://", "src="):
        assert outside not in text.replace("http://www.w3.org", "")


def test_what_begins_is_said(made):
    _, said, _ = made
    assert said[0] == "training plain8 on 300 images, epochs: 1"
    assert len(said) == 6


@pytest.mark.long
def test_two_runs_give_the_same_numbers(made, tmp_path):
    _, _, folder = made
    run_demo(tmp_path, scale=SMALL)
    for name in ("lesion", "gradflow"):
        first, again = ((d / "trained" / f"{name}.csv").read_text() for d in (folder, tmp_path))
        assert first == again
    notes = json.loads((tmp_path / "trained" / "lesion.json").read_text())
    assert notes["meta"]["seed"] == 0
