from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from resprobe.errors import ResprobeError, UsageError
from resprobe.figures import figure, save, svg_text

LESION = [0.1, 0.2, 0.3, 0.4]


def test_png_and_svg_are_written_beside_each_other_and_nothing_else(fake, tmp_path):
    made = figure(fake.lesion(resnet8=LESION))
    paths = save(made, tmp_path / "out" / "resnet8.v1")
    assert [path.name for path in paths] == ["resnet8.v1.png", "resnet8.v1.svg"]
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    with Image.open(paths[0]) as image:
        assert image.size == (1400, int(200 * made.get_figheight()))


def test_the_same_figure_gives_the_same_bytes(fake, tmp_path):
    for folder in ("a", "b"):
        made = figure(fake.gradflow(plain8=[3.0, 2.0, 1.0], resnet8=[3.0, 2.0, 1.0]))
        save(made, tmp_path / folder / "x", formats=("svg", "png", "pdf"))
    for name in ("x.svg", "x.png", "x.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_each_file_is_drawn_once(fake, tmp_path, monkeypatch):
    made, drawn = figure(fake.lesion(resnet8=LESION)), []
    draw = type(made).draw
    monkeypatch.setattr(
        type(made), "draw", lambda self, renderer: drawn.append(renderer) or draw(self, renderer)
    )
    assert len(save(made, tmp_path / "x")) == len(drawn) == 2


def test_svg_keeps_text_as_text_and_carries_no_date(fake):
    text = svg_text(figure(fake.lesion(resnet8=LESION)), salt="a")
    words = "".join(ElementTree.fromstring(text.encode()).itertext())
    assert "Deleted block (0 is nearest the input)" in words
    assert "resnet8" in words
    assert "dc:date" not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_a_hostile_name_stays_text_in_the_svg(fake):
    text = svg_text(figure(fake.lesion(**{"<script>&x</script>": LESION})), salt="a")
    assert "<script>" not in text
    assert "<script>&x</script>" in "".join(ElementTree.fromstring(text.encode()).itertext())


def test_figures_with_different_salts_have_different_ids(fake):
    texts = [svg_text(figure(fake.lesion(resnet8=LESION)), salt=salt) for salt in "ab"]
    first, second = (set(re.findall(r'id="([mp][0-9a-f]{8,})"', text)) for text in texts)
    assert first
    assert not first & second


@pytest.mark.parametrize(
    ("formats", "message"), [(("gif",), "figure format 'gif'"), ((), "no format")]
)
def test_a_format_that_is_not_there_is_refused_before_anything_is_written(
    fake, tmp_path, formats, message
):
    with pytest.raises(UsageError, match=message):
        save(figure(fake.lesion(resnet8=LESION)), tmp_path / "x", formats=formats)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_gives_one_sentence(fake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResprobeError, match="cannot be written"):
        save(figure(fake.lesion(resnet8=LESION)), tmp_path / "file" / "x")


def test_under_another_name_only_the_ids_of_an_svg_differ(fake, tmp_path):
    made = figure(fake.gradflow(resnet8=[3.0, 2.0, 1.0]))
    files = [save(made, tmp_path / name, formats=("png", "pdf", "svg")) for name in ("x", "y")]
    first, second = ([path.read_bytes() for path in paths] for paths in files)
    assert first[:2] == second[:2]
    plain = [re.sub(rb"[mpCDh][0-9a-f]{8,}", b"ID", svg) for svg in (first[2], second[2])]
    assert plain[0] == plain[1]
    assert first[2] != second[2]
    page = (Path(__file__).parents[2] / "docs" / "figures.md").read_text()
    assert "the same bytes under the same name" in page
