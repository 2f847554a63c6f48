"""The page of a report in a real browser: it says its values, sorts, downloads, prints."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from report_browser import chromium, opened

from resprobe.report import report_page
from resprobe.results import Result

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def results():
    """What a survey gives of two tiny networks."""
    from resprobe import Architecture, Batches, load_data, unravel
    from resprobe.surveys import survey

    images = load_data("embedded").subset(8)
    data = Batches(images, images.normalisation)
    found: list[Result] = []
    for number, name in enumerate(("resnet8", "plain8")):
        model = Architecture(name, in_channels=1, width=2).build(seed=number)
        chain = unravel(model, data.example())
        about = {"checkpoint_sha256": f"{number}" * 64}
        found += survey(chain, data, network=name, about=about)
    return found


@pytest.fixture(scope="module")
def file(results, tmp_path_factory) -> Path:
    return report_page(results, tmp_path_factory.mktemp("page") / "a page.html")


@pytest.fixture
def show(browser, file):
    return lambda **how: opened(browser, file, **how)


def named(results, name, network="resnet8"):
    return next(r for r in results if r.name == name and r.frame["network"].iloc[0] == network)


def section(page, title):
    return page.locator("section", has=page.get_by_role("heading", name=title, exact=True))


def tip(page):
    return page.locator(".tip")


def point(page, title, text):
    """Where a point of a figure is on the screen."""
    figure = section(page, title).locator("figure")
    figure.scroll_into_view_if_needed()
    return figure.evaluate(
        """(figure, text) => {
          const svg = figure.querySelector("svg");
          for (const {points} of JSON.parse(figure.dataset.curves))
            for (const [x, y, said] of points) if (said.startsWith(text)) {
              const place = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
              return [place.x, place.y, said];
            }
        }""",
        text,
    )


def test_pointing_at_a_line_tells_the_value_that_is_in_the_frame(show, results):
    rows = named(results, "lesion").frame.set_index("lesion")
    with show() as page:
        x, y, said = point(page, "Deleting one block", "resnet8 · deleted block 1:")
        page.mouse.move(x + 1, y - 1)
        assert tip(page).is_visible()
        text = tip(page).inner_text()
        assert text.startswith(said)
        value = float(re.search(r": ([\d.]+)\s%", text)[1])
        assert value == pytest.approx(100 * rows.loc["delete:1", "error"], rel=1e-3)
        spot = page.locator(".spot").bounding_box()
        assert abs(spot["x"] + spot["width"] / 2 - x) < 1.5
        assert abs(spot["y"] + spot["height"] / 2 - y) < 1.5
        page.mouse.move(2, 2)
        assert tip(page).is_hidden()
        assert page.locator(".spot").count() == 0


def test_the_point_lies_on_the_line_that_is_drawn(show):
    with show() as page:
        x, y, _ = point(page, "Gradient flow after training", "resnet8 · block 2:")
        hit = page.evaluate(
            """([x, y]) => document.elementsFromPoint(x, y)
                 .filter((e) => e.closest("svg") && e.tagName !== "svg").map((e) => e.tagName)""",
            [x, y],
        )
        assert "use" in hit or "path" in hit


def test_arrow_keys_go_along_a_line_and_from_line_to_line(show, results):
    norms = named(results, "gradflow").frame["input"]
    with show() as page:
        figure = section(page, "Gradient flow after training").locator("figure .scroll")
        figure.focus()
        status = page.get_by_role("status")
        for block, key in enumerate(["ArrowRight", "ArrowRight", "ArrowRight"]):
            page.keyboard.press(key)
            text = status.inner_text()
            assert text.startswith(f"resnet8 · block {block}: ")
            value = float(text.partition(": ")[2].split()[0])
            assert value == pytest.approx(norms[block], rel=1e-3)
            assert "Gradient norm at the block's input" in text
        page.keyboard.press("ArrowLeft")
        assert "block 1" in status.inner_text()
        page.keyboard.press("ArrowDown")
        assert status.inner_text().startswith("plain8 · block 1: ")
        page.keyboard.press("End")
        assert "block 2" in status.inner_text()
        page.keyboard.press("Home")
        assert "block 0" in status.inner_text()
        assert tip(page).is_visible()
        page.keyboard.press("Escape")
        assert tip(page).is_hidden()
        page.keyboard.press("End")  # whatever comes first, it begins at the line's beginning
        assert "block 0" in status.inner_text()


def test_a_block_of_the_drawing_says_what_it_is_worth(show, results):
    rise = named(results, "lesion").frame.set_index("lesion").loc["delete:2", "error_rise"]
    with show() as page:
        drawing = section(page, "resnet8").locator("figure")
        drawing.locator("[data-block='2']").hover()
        text = tip(page).inner_text()
        assert text.startswith("layer3.0\nblock 2, transition\n")
        assert f"deleted: {100 * rise:+.1f} points".replace("-", "−") in text
        page.mouse.move(2, 2)
        drawing.locator(".scroll").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert "layer1.0, block 0, identity" in page.get_by_role("status").inner_text()


def column(page, title, heading):
    table = section(page, title).locator("table")
    names = [name.strip() for name in table.locator("thead th").all_inner_texts()]
    place = next(i for i, name in enumerate(names) if name.startswith(heading))
    return [row[place] for row in rows_of(table)]


def rows_of(table):
    return table.evaluate(
        "t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText))"
    )


def test_the_block_table_says_what_each_deletion_costs(show, results):
    rises = named(results, "lesion").frame.query("k == 1")["error_rise"]
    with show() as page:
        names, cells = (column(page, "resnet8", heading) for heading in ("name", "error rise"))
    assert names == ["stem", "layer1.0", "layer2.0", "layer3.0", "head"]
    assert [cells[0], cells[-1]] == ["–", "–"]
    shown = [float(cell.replace("−", "-")) for cell in cells[1:-1]]
    assert shown == pytest.approx(list(100 * rises), abs=0.06)
    assert len(set(shown)) > 1


def test_a_heading_sorts_its_table_both_ways_and_back_and_what_is_missing_is_last(show):
    title = "Size of the branches after training"
    with show() as page:
        head = section(page, title).get_by_role("button", name="ratio")
        given = column(page, title, "ratio")
        sizes = sorted(float(cell) for cell in given if cell != "–")
        missing = given.count("–")
        assert missing
        assert sizes
        for expected in (sizes, sizes[::-1]):
            head.click()
            cells = column(page, title, "ratio")
            assert [float(cell) for cell in cells[:-missing]] == expected
            assert cells[-missing:] == ["–"] * missing
        sorts = section(page, title).locator("th[aria-sort]")
        assert sorts.get_attribute("aria-sort") == "descending"
        head.click()
        assert column(page, title, "ratio") == given
        assert sorts.count() == 0


def test_a_table_sorts_by_the_keyboard_and_says_so(show):
    with show() as page:
        head = section(page, "Deleting one block").get_by_role("button", name="accuracy (%)")
        head.focus()
        page.keyboard.press("Enter")
        cells = [float(c) for c in column(page, "Deleting one block", "accuracy") if c != "–"]
        assert cells == sorted(cells)
        assert page.get_by_role("status").inner_text() == "Sorted by accuracy (%), ascending"
        assert head.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"


SORTED = [
    (["10", "9", "-", "–", "1,200"], ["-", "9", "10", "1,200", "–"]),
    (["1e-3", "2", "−5", "inf", "0.5"], ["−5", "1e-3", "0.5", "2", "inf"]),
    (["layer10", "layer9", "", "layer1"], ["layer1", "layer9", "layer10", ""]),
    (["9.1 to 9.2", "10.0 to 11.0", "–"], ["9.1 to 9.2", "10.0 to 11.0", "–"]),
]


@pytest.mark.parametrize(
    ("given", "expected"), SORTED, ids=["numbers", "exponents", "words", "spans"]
)
def test_cells_sort_as_a_reader_expects(browser, tmp_path, given, expected):
    import pandas as pd

    from resprobe.report import Section, page

    if "-" in given:
        given, expected = [g for g in given if g != "-"], [e for e in expected if e != "-"]
    frame = pd.DataFrame({"x": given, "place": range(len(given))})
    file = page("T", [Section("A", table=frame)], path=tmp_path / "page.html")
    with opened(browser, file) as shown:
        shown.get_by_role("button", name="x").click()
        assert column(shown, "A", "x") == expected


def test_every_download_is_the_saved_file_byte_for_byte(show, results, tmp_path):
    lesion = named(results, "lesion")
    wanted = {path.suffix: path.read_bytes() for path in lesion.save_as(tmp_path / "lesion")}
    with show() as page:
        for suffix, content in wanted.items():
            link = page.get_by_role("link", name=f"resnet8-lesion{suffix}")
            with page.expect_download() as download:
                link.click()
            got = download.value
            assert got.suggested_filename == f"resnet8-lesion{suffix}"
            assert Path(got.path()).read_bytes() == content


def test_dark_mode_changes_ground_ink_and_lines(show):
    def colours(page):
        svg = section(page, "Deleting one block").locator("figure svg")
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        marks = svg.evaluate(
            "s => [...new Set([...s.querySelectorAll('*')].map(e => getComputedStyle(e).stroke))]"
        )
        return ground, set(marks)

    with show() as page:
        light = colours(page)
    with show(color_scheme="dark") as page:
        dark = colours(page)
    assert light[0] == "rgb(255, 255, 255)" != dark[0]
    assert "rgb(0, 114, 178)" in light[1]
    assert "rgb(0, 114, 178)" not in dark[1]


def test_a_narrow_page_does_not_scroll_sideways_and_its_figures_do(show):
    with show(viewport={"width": 400, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        figure = section(page, "Deleting one block").locator("figure .scroll")
        assert figure.evaluate("f => f.scrollWidth > f.clientWidth")
        figure.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("End")
        spot, box = page.locator(".spot").bounding_box(), figure.bounding_box()
        assert box["x"] <= spot["x"] <= box["x"] + box["width"]


def test_on_paper_tables_are_whole_and_light_even_where_they_were_closed(show):
    with show(color_scheme="dark") as page:
        details = section(page, "Gradients of the weights after training").locator("details")
        details.locator("summary").click()
        assert details.get_attribute("open") is None
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert details.get_attribute("open") is not None
        assert details.locator(".scroll").evaluate("s => s.scrollHeight <= s.clientHeight")
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        for hidden in (".hint", ".downloads", "nav"):
            assert page.locator(hidden).first.is_hidden()
        page.set_viewport_size({"width": 720, "height": 1000})  # A4 without its margins
        widths = page.evaluate("[...document.querySelectorAll('table')].map(t => t.scrollWidth)")
        assert max(widths) <= 720
        assert len(page.pdf()) > 10_000


def test_without_script_everything_can_still_be_read(show, results):
    with show(java_script_enabled=False) as page:
        table = section(page, "Gradient flow after training").locator("table")
        assert table.locator("tbody tr").count() == 6
        assert page.locator("button").count() == 0
        assert page.locator(".hint").is_hidden()
        assert page.locator("svg title").count() > 6
        assert page.get_by_role("link", name="resnet8-lesion.csv").is_visible()


def test_the_skip_link_is_the_first_stop_and_headings_go_down_in_order(show):
    with show() as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").startswith("Skip")
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert np.max(np.diff(levels)) <= 1


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&$x^2$"


def test_a_hostile_name_runs_nothing_and_is_shown_as_it_is(browser, results, tmp_path):
    found = [named(results, kind) for kind in ("blocks", "lesion", "gradflow")]
    renamed = [
        Result(r.name, r.frame.assign(network=HOSTILE), {
            **r.meta, "command": HOSTILE,
            "networks": [{**r.meta["networks"][0], "network": HOSTILE}],
        })
        for r in found
    ]  # fmt: skip
    file = report_page(renamed, tmp_path / "page.html", title=HOSTILE)
    with opened(browser, file) as page:
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0
        assert page.locator("h1").inner_text() == HOSTILE
        figure = section(page, "Gradient flow after training").locator("figure .scroll")
        figure.focus()
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("status").inner_text().startswith("</script><script")
        assert "$x^2$ · block 0: " in page.get_by_role("status").inner_text()
