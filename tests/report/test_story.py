"""The page of a report: what it shows, what it leaves out and says, and what it survives."""

from __future__ import annotations

import base64
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from resprobe.errors import InputError
from resprobe.report import report_page
from resprobe.report.compare import kin_of
from resprobe.report.sentences import lesion_sentences, response_sentences
from resprobe.results import Result, combined


@pytest.fixture
def written(tmp_path, outline):
    def write(*results: Result):
        return outline(report_page(list(results), tmp_path / "page.html").read_text("utf-8"))

    return write


@pytest.fixture
def told(written, monkeypatch):
    """Write a page whose figures are empty: drawing them takes most of the time."""
    monkeypatch.setattr("resprobe.report.story.figure", lambda *_, **__: Figure(figsize=(1, 1)))
    return written


def blocks(network: str, count: int, **more) -> Result:
    plain = network.startswith("plain")
    rows = [{"block": -1, "name": "stem", "kind": "stem", "stage": 0}]
    rows += [
        {"block": i, "name": f"b{i}", "kind": "identity", "stage": 1 + 3 * i // count}
        for i in range(count)
    ]
    rows.append({"block": -1, "name": "head", "kind": "head", "stage": 0})
    shapes = {"in_shape": "8x4x4", "out_shape": "8x4x4", "parameters": 1184, "multiply_adds": 99}
    frame = pd.DataFrame([{"network": network, **row, **shapes} for row in rows])
    facts = {"network": network, "plain": plain, "checkpoint_sha256": "1" * 64}
    return Result("blocks", frame, {"networks": [facts]})


def left_out(network: str, study: str, reason: str) -> Result:
    row = {"network": network, "study": study, "done": False, "n": 0, "results": ""}
    return Result("survey", pd.DataFrame([{**row, "reason": reason}]), {})


def test_each_network_has_its_drawing_coloured_by_what_deletions_cost(written, fake, tmp_path):
    seen = written(
        blocks("resnet8", 3),
        blocks("plain8", 3),
        fake.lesion(resnet8=[0.8, 0.7, 0.6, 0.75], plain8=[0.8, 0.1, None, 0.2]),
    )
    html = (tmp_path / "page.html").read_text("utf-8")
    drawings = re.findall(r"<svg[^>]*>(?:(?!</svg>).)*data-block.*?</svg>", html, re.DOTALL)
    assert len(drawings) == 2
    assert drawings[0].count('fill-opacity="1.000"') >= 1
    assert "deleted: +20.0 points" in drawings[0]
    assert "cannot be deleted" in drawings[1]
    assert "Its error rises most, by 20.0\u00a0points, without block 1 (b1)" in seen.text
    assert "error rise without it (points)" in seen.text


def test_without_lesions_the_drawing_is_plain_and_nothing_is_said_of_worth(told, fake):
    seen = told(blocks("resnet8", 3), fake.gradflow(resnet8=[2.0, 1.0, 1.0]))
    assert "deleted:" not in seen.text
    assert "error rise without" not in seen.text
    assert "Its error" not in seen.text


def test_a_lesion_without_labels_is_coloured_by_answers_that_change(written, fake):
    result = fake.lesion(resnet8=[0.8, 0.7, 0.6, 0.75])
    frame = result.frame.assign(agreement=[1.0, 0.9, 0.7, 0.8])
    for name in ("accuracy", "error", "error_rise"):
        for end in ("", "_low", "_high"):
            if name + end in frame:
                frame[name + end] = np.nan
    for name in ("low", "high"):
        frame[f"agreement_{name}"] = frame["agreement"]
    seen = written(blocks("resnet8", 3), Result("lesion", frame, result.meta))
    assert "percent of answers changed by its deletion" in seen.text
    assert "changes 10.0\u00a0% to 30.0\u00a0% of the answers of resnet8" in seen.text


def test_what_is_left_out_is_named_with_the_reason(told, fake):
    seen = told(fake.gradflow(resnet8=[2.0, 1.0]), left_out("resnet8", "paths", "so <it> is"))
    assert "so <it> is" in seen.text
    assert "What is left out" in seen.text
    assert "What is left out" not in told(fake.gradflow(resnet8=[2.0, 1.0])).text


def test_what_cannot_be_shown_is_named_and_the_rest_is_shown(told, fake):
    flow = fake.gradflow(resnet8=[2.0, 1.0])
    odd = {
        "the lesion result has no rows": Result(
            "lesion", fake.lesion(resnet8=[0.8]).frame.iloc[:0]
        ),
        "lacks the column network": Result("paths", pd.DataFrame({"length": [0]})),
        "nothing to tell of 'landscape'": Result("landscape", flow.frame),
    }
    seen = told(flow, *odd.values())
    for reason in odd:
        assert reason in seen.text
    assert "Gradient flow at initialisation" in seen.text


def test_a_result_that_lacks_a_column_says_so_in_its_place(written, fake):
    broken = Result("magnitude", fake.gradflow(resnet8=[2.0, 1.0]).frame)
    seen = written(fake.gradflow(resnet8=[2.0, 1.0]), broken)
    assert "This part cannot be shown: the magnitude result lacks the column" in seen.text
    assert "Gradient flow at initialisation" in seen.text


def test_a_page_of_nothing_that_can_be_shown_is_refused(tmp_path, fake):
    empty = Result("lesion", fake.lesion(resnet8=[0.8]).frame.iloc[:0])
    for results, match in (([], "at least one result"), ([empty], "no rows"),
                           ([blocks("a", 1)], "no analysis to show")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            report_page(results, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_trained_and_new_networks_have_sections_of_their_own(told, fake):
    seen = told(fake.gradflow(a=[2.0, 1.0]), fake.gradflow(sha="1" * 64, b=[2.0, 1.0]))
    new, trained = (seen.text.rindex(f"Gradient flow {w}") for w in ("at init", "after tr"))
    assert new < seen.text.index("In a the") < trained < seen.text.index("In b the")


@pytest.mark.parametrize("count", [1, pytest.param(1000, marks=pytest.mark.long)])
def test_one_block_and_a_thousand_stay_readable(written, fake, tmp_path, count):
    accuracies = [0.8, *np.linspace(0.1, 0.8, count)]
    seen = written(blocks("resnet", count), fake.lesion(resnet=list(accuracies)),
                   fake.gradflow(resnet=list(np.linspace(1, 3, count))))  # fmt: skip
    assert (tmp_path / "page.html").stat().st_size < 5e6
    assert len([g for g in seen.all("g") if g.get("class") == "block"]) == count
    assert "cannot be shown" not in seen.text
    assert f"of {count} block" in seen.text


def test_a_very_long_name_and_numbers_that_are_not_finite_stay_readable(written, fake):
    name = "x" * 3000
    lesions = fake.lesion(**{name: [0.8, 0.7, 0.6, 0.5]})
    numbers = [c for c in lesions.frame if c.startswith(("accuracy", "error"))]
    lesions.frame.loc[1, numbers] = float("nan")
    seen = written(
        blocks(name, 3),
        lesions,
        fake.gradflow(**{name: [float("nan"), float("inf"), 1.0]}),
    )
    assert "cannot be shown" not in seen.text
    assert "not finite at 2 of 3 blocks" in seen.text
    visible = seen.text.partition("</script>")[0]
    assert max(map(len, re.findall(r"x+", visible))) < 60


def test_every_result_can_be_had_as_it_was_saved(told, fake, tmp_path):
    results = [fake.lesion(a=[0.8, 1 / 3]), fake.lesion(b=[0.8, 0.7]), fake.gradflow(a=[0.1, 2.0])]
    links = {a["download"]: a["href"] for a in told(*results).all("a") if "download" in a}
    names = ["a-lesion", "b-lesion", "gradflow"]
    assert list(links) == [f"{name}.{end}" for name in names for end in ("csv", "json")]
    for name, result in zip(names, results, strict=True):
        saved = result.save_as(tmp_path / "saved" / name)
        for path in saved:
            assert base64.b64decode(links[path.name].partition("base64,")[2]) == path.read_bytes()


def test_two_networks_whose_names_look_alike_in_a_file_have_two_files(told, fake):
    seen = told(fake.lesion(**{"a b": [0.8, 0.7]}), fake.lesion(**{"a/b": [0.8, 0.7]}))
    names = [a["download"] for a in seen.all("a") if "download" in a]
    assert names == ["a_b-lesion.csv", "a_b-lesion.json", "a_b-lesion-2.csv", "a_b-lesion-2.json"]


def test_the_recipe_has_a_column_for_each_network(told, fake):
    def recipe(network, **settings):
        rows = [{"network": network, "setting": s, "value": v} for s, v in settings.items()]
        return Result("recipe", pd.DataFrame(rows), {})

    seen = told(recipe("a", momentum="0.9", decay="0.1"), recipe("b", momentum="0.8"),
                   fake.gradflow(a=[2.0, 1.0]))  # fmt: skip
    text = re.sub(r"\s+", " ", seen.text)
    assert "setting a b momentum 0.9 0.8 decay 0.1" in text


def test_what_all_results_have_in_common_is_said_once(told, fake):
    def on(device, result):
        return Result(result.name, result.frame, {**result.meta, "device": device})

    alike = told(fake.gradflow(a=[2.0, 1.0]), fake.lesion(a=[0.8, 0.7]))
    assert "All of it: device cpu, torch 2.13, Python 3.11, time 2026" in alike.text
    assert "\ndevice\n" not in alike.text
    seen = told(on("cpu", fake.gradflow(a=[2.0, 1.0])), on("cuda", fake.lesion(a=[0.8, 0.7])))
    assert "All of it: torch 2.13" in seen.text
    assert "\ndevice\n" in seen.text


def on_images(result, **data):
    return Result(result.name, result.frame, {**result.meta, "data": data})


def test_networks_measured_on_different_images_are_not_compared(fake):
    tiny = {"data_set": "tiny", "split": "test", "n": 1000}
    for change in ({"n": 500}, {"split": "train"}, {"data_set": "other"}):
        plain = on_images(fake.lesion(plain8=[0.8, 0.1, 0.2]), **tiny)
        residual = on_images(fake.lesion(resnet8=[0.8, 0.7, 0.6]), **{**tiny, **change})
        for results in ([plain, residual], [combined([plain, residual])]):
            text = " ".join(lesion_sentences(results, kin=kin_of(results)))
            assert "Every deletion costs" not in text
            assert text.count("plain8 (1,000 images, tiny, test) and resnet8 (") == 1
            assert text.endswith("were not measured on the same images: no comparison.")
        alike = [plain, on_images(residual, **tiny)]
        text = " ".join(lesion_sentences(alike, kin=kin_of(alike)))
        assert "Every deletion costs plain8" in text
        assert "no comparison" not in text


def test_a_deeper_network_on_other_images_is_not_compared():
    def responses(network, n, response):
        rows = [{"network": network, "layer": 0, "response_std": response, "rank": 1}]
        return Result("magnitude-responses", pd.DataFrame(rows), {"data": {"n": n}})

    kin = {"deep": (False, 8), "shallow": (False, 4)}
    for n, compared in ((100, True), (200, False)):
        results = [responses("deep", n, 0.2), responses("shallow", 100, 0.4)]
        text = " ".join(response_sentences(results, kin=kin))
        assert ("responses of deep are smaller" in text) == compared
