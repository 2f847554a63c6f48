from __future__ import annotations

import lesion_frames
import pytest

from resprobe.errors import InputError
from resprobe.report import demo_page
from resprobe.results import Result


@pytest.fixture(scope="module")
def file(story, tmp_path_factory):
    """The page of the story, written once."""
    return demo_page(story, tmp_path_factory.mktemp("story") / "page.html")


@pytest.fixture(scope="module")
def seen(file, outline):
    return outline(file.read_text("utf-8"))


@pytest.fixture
def written(tmp_path, outline):
    def write(results):
        return outline(demo_page(results, tmp_path / "page.html").read_text("utf-8"))

    return write


def test_the_story_is_told_in_order_with_a_figure_and_a_table_each(seen):
    heads = [
        "What is compared",
        "Training",
        "Deleting one block",
        "Gradient flow at initialisation",
    ]
    heads += ["Gradient flow after training", "Gradients of the weights at initialisation"]
    places = [seen.text.rindex(f"\n{head}\n") for head in [*heads, "How this was measured"]]
    assert places == sorted(places)
    assert len(seen.all("svg")) == 5
    assert len(seen.all("table")) == 6


def test_the_sentences_are_those_of_the_numbers(seen):
    text = seen.text.replace("\u00a0", " ")
    assert "plain8 is a plain network of 3 blocks and 77,850 parameters." in text
    assert "Every deletion costs plain8 more than any costs resnet8" in text
    assert "the gradient is more even in resnet8" in text
    assert "resnet8 ends 10.0 points below plain8" in text


def test_every_number_of_the_lesion_study_is_in_its_table(seen):
    text = seen.text.replace("\u00a0", " ")
    for figure in ("70.0", "60.0", "75.0", "12.0"):
        assert figure in text
    assert "identity (cannot be deleted)" in text
    assert "none (intact)" in text


def test_ids_are_unique_and_references_resolve(seen):
    ids = seen.values("id")
    assert len(ids) == len(set(ids))
    inside = {href[1:] for href in seen.values("href") if not href.startswith("data:")}
    assert inside
    assert inside <= set(ids)


def test_one_network_has_one_colour_in_all_figures(fake, written, tmp_path):
    first = fake.lesion(plain8=[0.8, 0.1, 0.2], resnet8=[0.8, 0.7, 0.6])
    second = fake.gradflow(resnet8=[2.0, 1.0])  # alone, it would have the first colour
    written([first, second])
    html = (tmp_path / "page.html").read_text("utf-8")
    flow = html[html.rindex("<svg") :]
    assert "var(--line-1)" in flow
    assert "var(--line-0)" not in flow


@pytest.mark.long
def test_results_that_were_saved_and_loaded_give_the_same_bytes(file, story, tmp_path):
    again = []
    for number, result in enumerate(story):
        files = result.save(tmp_path / str(number))
        again.append(Result.load(files[0]))
    assert demo_page(again, tmp_path / "after.html").read_bytes() == file.read_bytes()


def test_hostile_names_are_text_on_the_page_and_in_the_figures(fake, written, tmp_path):
    name = "plain<script>alert('$x^2$')</script>"
    both = {name: [0.8, 0.1, 0.2], "other": [0.8, 0.1, 0.2]}
    seen = written([fake.lesion(**both), fake.gradflow(**both)])
    assert seen.all("script") == [{}]
    assert seen.text.count("alert('$x^2$')") > 5
    assert "\\$" not in seen.text
    assert (tmp_path / "page.html").read_text("utf-8").count("<script") == 1


def test_a_single_lesion_result_makes_a_page(fake, written):
    seen = written([fake.lesion(resnet8=[0.8, 0.7, 0.6])])
    assert "Deleting one block" in seen.text
    assert "Training" not in seen.text


def test_two_results_of_a_kind_share_a_section(fake, written):
    seen = written([fake.lesion(plain8=[0.8, 0.1, 0.2]), fake.lesion(resnet8=[0.8, 0.7, 0.6])])
    assert len(seen.all("svg")) == 1
    assert "Every deletion costs plain8 more than any costs resnet8" in seen.text


def test_a_meta_that_says_nothing_is_survived(fake, written):
    results = [fake.lesion(resnet8=[0.8, 0.7]), fake.train(resnet8=[(0.5, 0.5)])]
    seen = written([Result(r.name, r.frame, {}) for r in results])
    assert "resnet8 is a residual network of 1 block." in seen.text


def test_other_kinds_no_results_and_empty_results_are_refused(fake, tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(InputError, match="needs at least one result"):
        demo_page([], path)
    with pytest.raises(InputError, match="nothing to tell of 'landscape'; it tells of train"):
        demo_page([Result("landscape", fake.weights("a").frame)], path)
    with pytest.raises(InputError, match="has no rows"):
        demo_page([Result("lesion", fake.lesion(resnet8=[0.8, 0.7]).frame.iloc[:0])], path)
    assert not path.exists()


def test_a_lesion_study_that_is_no_single_deletion_is_refused(tmp_path):
    result = lesion_frames.result("repeat", lesion_frames.RESIDUAL)
    with pytest.raises(InputError, match="tells of single deletions, and"):
        demo_page([result], tmp_path / "page.html")


def test_the_page_holds_each_deletion_once_whatever_else_was_measured(tmp_path, outline):
    result = lesion_frames.result("single", lesion_frames.RESIDUAL, classes=True, recalibrate=True)
    text = outline(demo_page([result], tmp_path / "page.html").read_text()).text
    assert text.count("layer.4") == 1
