"""``resprobe figure``: saved results are drawn again."""

from __future__ import annotations

import json

import pytest
from figure_samples import sample
from PIL import Image

from resprobe.figures import COLUMN, figure, save
from resprobe.results import Result


@pytest.fixture
def saved(tmp_path):
    """The saved result of single deletions."""
    return sample("lesion single", blocks=3).save(tmp_path / "results")[0]


def test_a_saved_result_is_drawn_beside_its_file(ok, saved):
    ran = ok("figure", saved)
    assert ran.out.splitlines() == [str(saved.with_suffix(end)) for end in (".png", ".svg")]
    assert ran.err == f"resprobe: drew lesion from {saved}\n"
    (fresh, _) = save(figure(Result.load(saved)), saved.parent / "fresh" / "lesion")
    assert saved.with_suffix(".png").read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize(
    ("width", "inches"), [("column", 3.5), ("page", 7.0), ("5", 5.0), ("4.5", 4.5)]
)
def test_the_width_is_a_journals_or_in_inches(ok, saved, tmp_path, width, inches):
    ok("figure", saved, "--width", width, "--out", tmp_path / "x.png", "--quiet")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.width == 200 * inches


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (["--format", "pdf"], ["results/lesion.pdf"]),
        (["--format", "svg, png"], ["results/lesion.svg", "results/lesion.png"]),
        (["--out", "fig.one"], ["fig.one.png", "fig.one.svg"]),
        (["--out", "fig.pdf"], ["fig.pdf"]),
        (["--out", "fig.pdf", "--format", "svg"], ["fig.svg"]),
        (["--out", "there"], ["there/lesion.png", "there/lesion.svg"]),
        (["--out", "new/fig"], ["new/fig.png", "new/fig.svg"]),
    ],
    ids=" ".join,
)
def test_formats_and_places(ok, saved, tmp_path, options, written):
    (tmp_path / "there").mkdir()
    ran = ok("figure", saved.relative_to(tmp_path), *options, "--quiet")
    assert ran.out.splitlines() == written
    assert ran.err == ""
    assert all((tmp_path / path).stat().st_size > 1000 for path in written)


def test_several_files_of_one_kind_are_overlaid(ok, saved, tmp_path):
    other = sample("lesion single", ("other",), 3).save_as(tmp_path / "others" / "two")[0]
    ok("figure", saved, other, "--format", "svg")
    svg = (saved.parent / "lesion-overlaid.svg").read_text()
    assert ">resnet14<" in svg
    assert ">other<" in svg


def test_a_style_sheet_is_used(ok, saved, tmp_path):
    sheet = tmp_path / "mine.mplstyle"
    sheet.write_text("axes.prop_cycle: cycler(color=['123456'])\n")
    ok("figure", saved, "--style", sheet, "--format", "svg")
    assert "#123456" in saved.with_suffix(".svg").read_text()


def test_the_json_beside_the_table_names_the_result_too(ok, saved):
    ok("figure", saved.with_suffix(".json"), "--format", "svg", "--quiet")
    assert saved.with_suffix(".svg").exists()


def edited(path, **more):
    notes = path.with_suffix(".json")
    notes.write_text(json.dumps(json.loads(notes.read_text()) | more))


def refused(call, *arguments):
    ran = call("figure", *arguments)
    assert ran.out == ""
    assert ran.err.startswith("resprobe: ")
    assert ran.err.count("\n") == 1
    return ran.code, ran.err


def test_a_result_of_another_format_is_one_sentence(call, saved):
    edited(saved, format=2)
    assert refused(call, saved) == (
        3,
        f"resprobe: {saved.with_suffix('.json')}: result format 2; this version reads format 1\n",
    )


def test_files_that_are_no_results_are_one_sentence(call, saved, tmp_path):
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("a,b\n1,2\n")
    assert (
        "foreign.json: no such file; a result is a .csv and the .json" in refused(call, foreign)[1]
    )
    foreign.with_suffix(".json").write_text("[1, 2]")
    assert "not the notes of a result" in refused(call, foreign)[1]
    assert "give the .csv that a command wrote" in refused(call, saved.with_suffix(".png"))[1]
    edited(saved, name="pears")
    code, said = refused(call, saved)
    assert code == 3
    assert "no figure draws a result named 'pears'" in said


def test_an_empty_result_and_results_of_two_kinds_are_one_sentence(call, saved, tmp_path):
    other = sample("path-law", blocks=3).save(tmp_path)[0]
    assert "of one kind and these are named lesion, path-law" in refused(call, saved, other)[1]
    study = sample("lesion pairs", blocks=3).save(tmp_path)[0]
    assert "these are single, pairs" in refused(call, saved, study)[1]
    whole = Result.load(other)
    empty = Result("path-law", whole.frame.iloc[:0], {}).save(tmp_path / "empty")[0]
    assert refused(call, empty) == (
        3,
        "resprobe: the path-law result has no rows, so there is nothing to draw\n",
    )


@pytest.mark.parametrize(
    ("options", "code", "match"),
    [
        (["--width", "wide"], 2, "--width wide: wanted column, page or a number of inches"),
        (["--width", "1"], 2, "3 to 20 inches wide"),
        (["--width", "nan"], 2, "3 to 20 inches wide"),
        (["--format", "gif"], 2, "unknown figure format 'gif'"),
        (["--format", "png,"], 2, "unknown figure format ''"),
        (["--style", "none.mplstyle"], 3, "none.mplstyle: no style sheet there"),
        (["--out", "results/lesion.csv/x"], 1, "cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_is_one_sentence_and_writes_nothing(
    call, saved, tmp_path, options, code, match
):
    before = sorted(tmp_path.rglob("*"))
    got, said = refused(call, saved, *options)
    assert (got, match in said) == (code, True), said
    assert sorted(tmp_path.rglob("*")) == before


def test_no_file_is_a_usage_error(call):
    assert call("figure").code == 2


def test_column_is_what_python_calls_so(ok, saved, tmp_path):
    ok("figure", saved, "--width", "column", "--out", tmp_path / "x.svg", "--quiet")
    (fresh,) = save(figure(saved, width=COLUMN), tmp_path / "fresh" / "x", formats=["svg"])
    assert (tmp_path / "x.svg").read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize(
    ("part", "said"),
    [({"meta": [1]}, "not the notes of a result"), ({"sha256": "0" * 64}, "is not the one that")],
    ids=["meta", "sha256"],
)
def test_notes_that_do_not_fit_are_one_sentence(call, saved, part, said):
    edited(saved, **part)
    code, text = refused(call, saved)
    assert (code, said in text) == (3, True)


@pytest.mark.parametrize("kind", ["readout-decisions", "readout-borderline"])
def test_a_table_of_one_row_is_one_sentence(call, tmp_path, kind):
    whole = sample(kind, blocks=3)
    cut = Result(kind, whole.frame.iloc[:1], whole.meta).save(tmp_path)[0]
    assert refused(call, cut)[0] == 3


def test_a_size_that_no_figure_can_have_is_one_sentence(call, saved, tmp_path):
    (tmp_path / "huge.mplstyle").write_text("savefig.dpi: 1e9\n")
    code, said = refused(call, saved, "--style", "huge.mplstyle")
    assert (code, "'savefig.dpi' goes from 10 to 1200" in said) == (3, True)
