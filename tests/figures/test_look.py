from __future__ import annotations

import matplotlib as mpl
import pytest
from figure_samples import MAKERS, sample
from matplotlib.colors import to_hex

from resprobe.errors import InputError, UsageError
from resprobe.figures import COLUMN, figure, save, styled, svg_text
from resprobe.figures.look import read_look
from resprobe.figures.theme import ink, muted, paper, points, points_of, stroke, style, theme

MINE = """
# a journal's
font.family: serif
font.size: 10       # all text
lines.linewidth: 2.2
axes.prop_cycle: cycler(color=['112233', 'red'], marker=['X', 'D'], linestyle=['-', '--'])
savefig.dpi: 50
"""


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "mine.mplstyle"
    path.write_text(MINE)
    return path


def drawn(result):
    (line,) = [line for line in figure(result).axes[0].lines if line.get_label() == "resnet14"]
    return line


def test_a_style_sheet_lies_over_the_look_of_the_figures_inside_the_block_only(sheet, fake):
    result = fake.gradflow(resnet14=[3.0, 2.0, 1.0])
    usual = drawn(result)
    with styled(sheet):
        mine = drawn(result)
        assert style(1).colour == "#ff0000"
    assert (to_hex(mine.get_color()), mine.get_marker()) == ("#112233", "X")
    assert mine.get_linewidth() == 2.2
    again = drawn(result)
    assert again.get_color() == usual.get_color() != mine.get_color()
    assert again.get_marker() == "o"


def test_the_size_of_the_font_scales_all_text_and_a_size_of_its_own_stays():
    with styled({"font.size": 16, "axes.labelsize": 9}):
        assert points(6.5) == 13
        assert points_of("xtick.labelsize") == 14
        assert points_of("axes.labelsize") == 9
    with styled({"axes.labelsize": "large"}):
        assert points_of("axes.labelsize") == pytest.approx(1.2 * 8)
    assert points_of("axes.labelsize") == 8


def test_the_width_of_lines_scales_all_lines():
    with styled({"lines.linewidth": 2.2}):
        assert stroke(0.8) == pytest.approx(1.6)


def test_a_dark_sheet_has_light_ink_and_marks_that_are_hollow_are_dark():
    with styled("dark_background"):
        assert (ink(), paper()) == ("#ffffff", "#000000")
        assert muted() not in (ink(), paper())
        made = figure(sample("lesion single"))
    diamonds = [line for line in made.axes[0].lines if line.get_marker() == "D"]
    assert {to_hex(line.get_markerfacecolor()) for line in diamonds} == {"#000000"}
    assert to_hex(made.get_facecolor()) == "#000000"


def test_a_figure_keeps_its_look_when_it_is_saved_later(sheet, tmp_path, fake):
    result = fake.gradflow(resnet14=[3.0, 2.0])
    with styled(sheet):
        made = figure(result, width=COLUMN)
        inside = svg_text(made, salt="x")
    assert svg_text(made, salt="x") == inside
    assert "serif" in inside
    (png,) = save(made, tmp_path / "x", formats=["png"])
    assert png.read_bytes()[16:20] == (175).to_bytes(4)  # 3.5 inches of 50 dots
    assert figure(result)._repr_png_() != made._repr_png_()


def test_looks_may_be_nested_and_are_gone_after_an_exception():
    with styled({"font.size": 12}), styled({"text.color": "red"}):
        assert (points(8.0), ink()) == (12, "#ff0000")
    with pytest.raises(RuntimeError), styled({"font.size": 12}):
        raise RuntimeError
    assert (points(8.0), ink()) == (8, "#262626")


def test_nothing_of_matplotlib_changes_inside_the_block_either():
    before = dict(mpl.rcParams)
    with styled({"font.size": 30}):
        assert dict(mpl.rcParams) == before
        with theme():
            assert mpl.rcParams["font.size"] == 30


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("look", ["dark_background", "ggplot", {"font.size": 11}], ids=str)
def test_every_kind_is_drawn_in_other_looks(kind, look):
    with styled(look):
        assert svg_text(figure(sample(kind)), salt="x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("font.sise: 9", r"line 1, 'font.sise', is no setting of matplotlib"),
        ("font.size: 9\nfont.size 9", r"line 2, 'font.size 9', is no setting"),
        ("font.size: large-ish", r"mine.mplstyle: .*large-ish"),
        ("font.size: 9\nfont.size: 8", r"'font.size' is set 2 times; keep one"),
        ("text.usetex: True", r"'text.usetex' cannot be part of a figure's look"),
        ("backend: pdf", r"'backend' cannot be part"),
    ],
)
def test_a_broken_sheet_is_one_sentence(tmp_path, text, said, caplog):
    path = tmp_path / "mine.mplstyle"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_look(path)
    assert "\n" not in str(caught.value)
    assert caplog.records == []


def test_a_sheet_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"none: no style sheet there .*such as grayscale"):
        read_look(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no UTF-8 text"):
        read_look(tmp_path / "binary")
    with pytest.raises(InputError, match="no style sheet there"):
        read_look(tmp_path)


@pytest.mark.parametrize("settings", [{"font.sise": 9}, {"font.size": "big"}, {"text.color": 3}])
def test_settings_that_do_not_exist_are_one_sentence(settings):
    with pytest.raises(UsageError, match="no look can be made of these settings") as caught:
        read_look(settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("savefig.dpi", 1e9), ("figure.dpi", 1), ("font.size", 1e6), ("font.size", 0),
     ("font.size", float("nan")), ("lines.linewidth", 1e5), ("lines.linewidth", -1),
     ("xtick.labelsize", 1e4), ("axes.labelpad", 1e5)],
)  # fmt: skip
def test_a_size_that_no_figure_can_have_is_one_sentence(tmp_path, name, value):
    said = f"'{name}' goes from -?[0-9]+ to [0-9]+ here; got"
    with pytest.raises(UsageError, match=said):
        read_look({name: value})
    path = tmp_path / "mine.mplstyle"
    path.write_text(f"{name}: {value}\n")
    with pytest.raises(InputError, match=f"mine.mplstyle: {said}") as caught:
        read_look(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
def test_the_largest_sizes_are_drawn_and_the_sheets_of_matplotlib_are_taken(fake):
    with styled({"font.size": 40, "lines.linewidth": 40, "axes.labelpad": 40}):
        assert svg_text(figure(fake.gradflow(resnet14=[3.0, 2.0]), width=COLUMN), salt="x")
    assert all(read_look(name) is not None for name in mpl.style.available)
    assert read_look({"savefig.dpi": "figure", "xtick.labelsize": "small"})
