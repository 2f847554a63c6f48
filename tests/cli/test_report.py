import json
from pathlib import Path

import pytest

import resprobe.probes
from resprobe.results import Result


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures empty: drawing them takes most of the time, and is not asked about."""
    from matplotlib.figure import Figure

    monkeypatch.setattr("resprobe.report.story.figure", lambda *_, **__: Figure(figsize=(1, 1)))


SMALL = ("--images", 6, "--fit-images", 8)


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """A report of a residual and a plain network, and what the command said."""
    from running import run

    folder = tmp_path_factory.mktemp("reports")
    both = ("--ckpt", trained / "resnet8.pt", "--ckpt", trained / "plain8.pt")
    ran = run("report", *both, *SMALL, "--out", folder / "page.html", "--json")
    assert ran.code == 0, ran.err
    return folder, ran


def test_the_page_its_results_and_what_was_left_out_are_there(made):
    folder, ran = made
    assert ran.json["page"] == str(folder / "page.html")
    left = [row for row in ran.json["rows"] if not row["done"]]
    assert [(row["network"], row["study"]) for row in left] == [("plain8", "paths")]
    assert "resprobe: plain8: paths is left out: a plain network has no shortcuts" in ran.err
    kept = {path.relative_to(folder / "page-results") for path in folder.rglob("*.csv")}
    for network in ("resnet8", "plain8"):
        for kind in ("blocks", "train", "recipe", "lesion", "readout-borderline"):
            assert Path(network, f"{kind}.csv") in kept
    assert Path("survey.csv") in kept
    assert not list(folder.rglob("*.part"))


def test_both_networks_are_on_the_page_with_every_part(made):
    text = (made[0] / "page.html").read_text("utf-8")
    assert "<h1>How resnet8 and plain8 use their depth</h1>" in text
    for title in ("What is compared", "Training", "Recipe", "Deleting one block", "Gradient flow",
                  "Paths by their length", "Size of the branches", "Reading the answer",
                  "How this was measured", "What is left out"):  # fmt: skip
        assert text.count(f">{title}") >= 1, title
    assert "This part cannot be shown" not in text


def test_a_second_report_measures_nothing(made, ok, trained, monkeypatch, undrawn):
    folder, _ = made
    for probe in ("lesion", "paths", "magnitude", "gradflow", "readout"):
        monkeypatch.setattr(resprobe.probes, probe, None)
    both = ("--ckpt", trained / "resnet8.pt", "--ckpt", trained / "plain8.pt")
    ran = ok("report", *both, *SMALL, "--out", "b.html",
             "--results", folder / "page-results")  # fmt: skip
    assert ran.out == "b.html\n"
    assert ran.err.count("is there already") == 9
    assert "Deleting one block" in Path("b.html").read_text("utf-8")


def test_a_page_is_written_again_from_what_is_saved(made, ok, tmp_path):
    folder, _ = made
    ok("report", "--from", folder / "page-results", "--out", "again.html", "--quiet")
    before, after = (
        path.read_text("utf-8") for path in (folder / "page.html", tmp_path / "again.html")
    )
    assert after == before


def test_a_page_of_an_interrupted_report_says_so(ok, net, tmp_path, monkeypatch, undrawn):
    page = tmp_path / "cut.html"
    ok("report", "--ckpt", net, *SMALL, "--out", page)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(resprobe.probes, "readout", interrupted)
    from running import run

    assert run("report", "--ckpt", net, "--images", 5, "--fit-images", 8, "--out", page).code == 130
    monkeypatch.undo()
    ok("report", "--from", tmp_path / "cut-results", "--out", page)
    text = page.read_text("utf-8")
    assert "the report was interrupted; the same command goes on with it" in text
    assert "Deleting one block" in text
    assert "Reading the answer" not in text


def test_a_network_at_initialisation_has_no_lesions_and_says_why(ok, pets, undrawn):
    ran = ok(
        "report", "--arch", "resnet8", "--width", 2, "--data", f"folder:{pets}", "--images", 6,
        "--out", "new.html", "--title", "<Mine>",
    )  # fmt: skip
    text = Path("new.html").read_text("utf-8")
    assert "<h1>&lt;Mine&gt;</h1>" in text
    assert "Gradient flow at initialisation" in text
    assert "Deleting one block" not in text
    assert "at initialisation there is no answer that a deletion can cost" in text
    assert "lesion is left out" in ran.err


def test_a_dry_run_says_what_each_analysis_takes_and_writes_nothing(ok, net, tmp_path):
    ran = ok("report", "--ckpt", net, *SMALL, "--dry-run", "--json", "--quiet")
    rows = ran.json["rows"]
    assert len(rows) == 5
    assert {row["network"] for row in rows} == {"resnet8"}
    assert {row["images"] for row in rows} <= {6, 14}
    assert list(tmp_path.iterdir()) == []


def test_without_probes_the_head_alone_reads(ok, net, undrawn):
    ok("report", "--ckpt", net, "--images", 6, "--fit-images", 0, "--out", "a.html", "--quiet")
    frame = Result.load("a-results/resnet8/readout.csv").frame
    assert frame["probe_accuracy"].isna().all()
    assert "linear probe of" not in Path("a.html").read_text("utf-8")


def test_a_network_with_a_hostile_name_stays_in_the_folder(ok, net, tmp_path, undrawn):
    hostile = tmp_path / "x" / "..<img src=x>.pt"
    hostile.parent.mkdir()
    above = hostile.with_name("...pt")  # whose label is ".."
    for path in (hostile, above):
        path.write_bytes(net.read_bytes())
    ok("report", "--ckpt", hostile, "--ckpt", above, *SMALL, "--out", "y/a.html", "--quiet")
    text = Path("y/a.html").read_text("utf-8")
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text
    assert {path.name for path in Path().glob("*")} == {"x", "y"}
    assert {path.name for path in Path("y").glob("*")} == {"a.html", "a-results"}
    assert len(list(Path("y/a-results").glob("*/lesion.csv"))) == 2


@pytest.mark.parametrize(
    ("code", "match", "arguments"),
    [
        (2, "no page named: give --out FILE", ()),
        (2, "the name of a page ends in .html; choose such as a.html", ("--out", "a.txt")),
        (2, "no network named", ("--out", "a.html")),
        (3, "no such folder", ("--from", "none", "--out", "a.html")),
        (2, "--from runs no network", ("--from", ".", "--arch", "resnet8", "--out", "a.html")),
        (2, "--from runs no network", ("--from", ".", "--results", "b", "--out", "a.html")),
        (3, "holds no result", ("--from", ".", "--out", "a.html")),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(refused, code, match, arguments):
    refused(code, match, "report", *arguments)


def test_a_page_in_place_of_a_folder_is_refused(refused, tmp_path):
    (tmp_path / "a.html").mkdir()
    refused(2, "a folder; name the page's file", "report", "--arch", "resnet8", "--out", "a.html")


def test_a_saved_result_of_another_version_is_refused(made, refused, tmp_path):
    saved = made[0] / "page-results" / "resnet8"
    for ending in ("csv", "json"):
        (tmp_path / f"lesion.{ending}").write_bytes((saved / f"lesion.{ending}").read_bytes())
    notes = json.loads((tmp_path / "lesion.json").read_text())
    (tmp_path / "lesion.json").write_text(json.dumps({**notes, "format": 99}))
    refused(3, "result format 99; this version reads", "report", "--from", ".", "--out", "a.html")


def test_an_empty_result_is_named_on_the_page_and_the_rest_is_shown(made, ok, tmp_path, undrawn):
    saved = made[0] / "page-results" / "resnet8"
    for kind in ("gradflow", "lesion"):
        result = Result.load(saved / f"{kind}.csv")
        frame = result.frame.iloc[:0] if kind == "lesion" else result.frame
        Result(kind, frame, result.meta).save_as(tmp_path / "r" / kind)
    ok("report", "--from", "r", "--out", "a.html", "--quiet")
    text = Path("a.html").read_text("utf-8")
    assert "the lesion result has no rows, so there is nothing to show" in text
    assert "Gradient flow after training" in text
