from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from resprobe.errors import InputError, ResprobeError
from resprobe.figures import svg_text
from resprobe.figures.hover import Curve
from resprobe.figures.theme import theme
from resprobe.report import Download, Section, page
from resprobe.report.cells import cells as cells_of
from resprobe.report.svg import inline_svg

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture
def svg() -> str:
    with theme():
        made = Figure(figsize=(4, 2))
        made.subplots().plot([0, 1], [0, 1], marker="o", label="x")
    return svg_text(made, salt="same")


@pytest.fixture
def written(tmp_path, outline):
    """Write a page of the given sections and read it as a browser would."""

    def write(*sections: Section, title: str = "Title"):
        return outline(page(title, sections, path=tmp_path / "page.html").read_text("utf-8"))

    return write


def test_title_sentences_captions_headings_and_cells_are_text_whatever_they_hold(written, svg):
    table = pd.DataFrame({HOSTILE: [HOSTILE]})
    section = Section(HOSTILE, [HOSTILE], svg, table, HOSTILE, HOSTILE)
    plain, hostile = (
        written(Section("a", ["b"], svg, pd.DataFrame({"c": ["d"]}))),
        written(section, title=HOSTILE),
    )
    assert hostile.all("script") == [{}]
    assert hostile.text.count(HOSTILE) >= 7
    assert len(hostile.tags) == len(plain.tags) + 1  # the caption under the figure


def test_a_page_needs_no_network_and_lets_no_script_run_but_its_own(written, svg, tmp_path):
    seen = written(Section("One", ["A."], svg), Section("Two", ["B."], svg))
    assert not seen.all("link", "img", "iframe", "object", "image")
    html = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"https?://|@import|src=", html)
    assert all(reference.startswith("#") for reference in seen.values("href"))
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(m["content"] for m in seen.all("meta") if "content" in m and "http-equiv" in m)
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    )


def test_sentences_are_a_paragraph_and_a_list_where_there_are_more_than_three(written):
    seen = written(Section("A", ["One.", "Two.", "Three."], intro="First of all."))
    assert "First of all.\nOne. Two. Three." in re.sub(r"\n+", "\n", seen.text)
    assert not seen.all("li")
    assert len(written(Section("A", ["One.", "Two.", "Three.", "Four."])).all("li")) == 4


def test_a_section_under_another_has_a_smaller_heading_and_is_not_in_the_contents(written):
    seen = written(Section("A"), Section("B", under=True), Section("C"), Section("D"))
    assert [tag for tag, _ in seen.tags if tag in ("h1", "h2", "h3")] == [
        "h1",
        "h2",
        "h3",
        "h2",
        "h2",
    ]
    assert seen.values("href") == ["#section-1", "#section-1", "#section-3", "#section-4"]


def test_what_points_say_is_an_attribute_whatever_it_holds(written, svg):
    curve = Curve(HOSTILE, HOSTILE, ((1.0, 2.5, HOSTILE),))
    seen = written(Section("A", [], svg, curves=[curve]))
    (figure,) = seen.all("figure")
    assert json.loads(figure["data-curves"]) == [
        {"quantity": HOSTILE, "points": [[1.0, 2.5, HOSTILE]]}
    ]


def test_a_download_holds_every_byte_under_its_name(written):
    content = "a\n\u00a0<b>,0.1\n".encode()
    seen = written(Section("A", downloads=[Download(f"{HOSTILE}.csv", content)]))
    (link,) = [a for a in seen.all("a") if "download" in a]
    assert link["download"] == f"{HOSTILE}.csv"
    kind, _, text = link["href"].partition(";base64,")
    assert kind == "data:text/csv;charset=utf-8"
    assert base64.b64decode(text) == content


def test_figures_with_the_same_ids_do_not_collide(written, svg):
    seen = written(*[Section(f"{i}", [], svg) for i in range(3)])
    ids = seen.values("id")
    assert len(ids) == len(set(ids))
    assert len([name for name in ids if name.startswith("figure3-")]) > 3
    references = {reference[1:] for reference in seen.values("href")}
    clips = set(re.findall(r"url\(#([^)]+)\)", " ".join(seen.values("clip-path"))))
    assert clips
    assert references | clips <= set(ids)


def test_a_figure_is_an_image_with_a_name(written, svg):
    seen = written(
        Section("Lesions", [], svg, figure_caption="What it shows"), Section("B", [], svg)
    )
    assert [(s["role"], s["aria-label"]) for s in seen.all("svg")] == [
        ("img", "What it shows"),
        ("img", "B"),
    ]


def test_what_scrolls_can_be_reached_and_named_with_the_keyboard(written, svg):
    seen = written(Section("A", [], svg, pd.DataFrame({"x": [1]})))
    scrolled = [tag for tag in seen.all("div") if tag.get("class") == "scroll"]
    assert len(scrolled) == 2
    assert all(tag["tabindex"] == "0" for tag in scrolled)
    assert all(
        tag.get("aria-label") or tag["aria-labelledby"] in seen.values("id") for tag in scrolled
    )


def test_a_table_names_its_columns_its_rows_and_itself(written):
    frame = pd.DataFrame({"network": ["a", "b"], "error (%)": [12.5, 7.0]})
    seen = written(Section("A", table=frame, table_caption="Errors in percent."))
    assert [cell["scope"] for cell in seen.all("th")] == ["col", "col", "row", "row"]
    assert len(seen.all("caption")) == 1
    for text in ("network", "error (%)", "12.5", "7.0", "Errors in percent."):
        assert text in seen.text


def test_light_and_dark_follow_the_reader_and_paper_stays_light(written, svg, tmp_path):
    written(Section("A", [], svg))
    html = (tmp_path / "page.html").read_text("utf-8")
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    figure = html[html.index("<svg") : html.index("</svg>")]
    assert "var(--ink)" in figure
    assert "var(--paper)" in figure
    assert not re.search("#262626|#ffffff", figure, re.IGNORECASE)
    for name in set(re.findall(r"var\((--[\w-]+)\)", html)):
        assert html.count(f"{name}: #") == 3, f"{name} is not set for light, dark and print"


def test_the_same_sections_give_the_same_bytes(svg, tmp_path):
    one, two = (
        page("T", [Section("A", ["b"], svg)], path=tmp_path / name) for name in ("1.html", "2.html")
    )
    assert one.read_bytes() == two.read_bytes()
    assert "metadata" not in one.read_text("utf-8")


@pytest.mark.parametrize("svg", ["no svg", "<svg", "<html></html>", "<svg></svg>"])
def test_a_figure_that_is_no_svg_is_refused_and_nothing_is_written(svg, tmp_path):
    with pytest.raises(InputError, match="not an SVG document"):
        page("T", [Section("A", [], svg)], path=tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_page_of_no_sections_is_refused(tmp_path):
    with pytest.raises(InputError, match="needs at least one section"):
        page("T", [], path=tmp_path / "page.html")


def test_a_folder_that_is_a_file_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResprobeError, match="cannot be written"):
        page("T", [Section("A")], path=tmp_path / "file" / "page.html")


ACTIVE = [
    '<script xmlns="http://www.w3.org/2000/svg">alert(1)</script>',
    '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="x()"/></foreignObject>',
    '<path onclick="alert(1)" d="M0 0"/>',
    '<a href="javascript:alert(1)"><path d="M0 0"/></a>',
    '<use href="http://example.org/x.svg#a"/>',
    '<use xlink:href="javascript:alert(1)"/>',
    '<image href="http://example.org/x.png"/>',
    "<style>@import url(http://example.org/x.css)</style>",
    '<rect style="fill: url(http://example.org/x.svg#a)"/>',
    "<rect fill=\"url('http://example.org/x.svg#a')\"/>",
    '<set attributeName="href" to="javascript:alert(1)"/>',
    '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>',
    '<script xmlns="urn:other">alert(1)</script>',
]


@pytest.mark.parametrize("active", ACTIVE)
def test_nothing_active_and_nothing_from_outside_survives_in_a_figure(active, outline):
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    clean = inline_svg(f'{head}{active}<path id="kept" d="M0 0"/></svg>', prefix="p-", label="x")
    assert not re.search("alert|javascript|example|onload|onclick|script", clean, re.IGNORECASE)
    assert outline(clean).values("id") == ["p-kept"]


@given(label=st.text(alphabet=st.characters(exclude_categories=["C"]), max_size=30))
def test_any_label_comes_through(label):
    text = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    clean = inline_svg(text, prefix="p-", label=label)
    assert unescape(clean) == f'<svg role="img" aria-label="{label}" />'


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([0.5, float("nan"), 0.25], ["0.50", "–", "0.25"]),
        ([-0.5, 100.0], ["−0.5", "100.0"]),
        ([12.345678, 7.0], ["12.35", "7.00"]),
        ([7663.2, 0.02516], ["7663", "0.02516"]),
        ([1e-9, 1.0], ["1e−09", "1"]),
        ([float("inf"), 0.0], ["inf", "0"]),
        ([3, 4], ["3", "4"]),
        ([True, False], ["yes", "no"]),
        ([None, "a-b"], ["–", "a-b"]),
        ([], []),
    ],
)
def test_numbers_are_written_for_readers(values, cells):
    assert [row[0] for row in cells_of(pd.DataFrame({"x": values}))["rows"]] == cells


# up to 1e300: four digits of the largest float are more than the largest float
@given(st.lists(st.floats(-1e300, 1e300) | st.just(float("nan")), max_size=12))
def test_every_number_of_a_column_keeps_at_least_two_digits(values):
    cells = [row[0] for row in cells_of(pd.DataFrame({"x": np.array(values, dtype=float)}))["rows"]]
    for value, cell in zip(values, cells, strict=True):
        if np.isfinite(value):
            assert float(cell.replace("−", "-")) == pytest.approx(value, rel=0.05, abs=1e-300)


def test_the_room_does_without_torch():
    code = "import sys, resprobe.report, resprobe.figures; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
