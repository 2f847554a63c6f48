"""Every command and the Python of docs/figures.md are run as they stand there."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

from resprobe import figures
from resprobe.figures.kinds import KINDS
from resprobe.figures.look import read_look

PAGE = page("docs/figures.md")


@pytest.mark.long
def test_the_commands_and_the_python_run_in_the_order_of_the_page(tmp_path):
    for block in blocks(PAGE, "sh"):
        for command in block.splitlines():
            assert printed(command, tmp_path).strip(), command
    for name in ("results/lesion.png", "lesion-column.pdf", "both.svg", "grey.svg"):
        assert (tmp_path / name).stat().st_size > 1000
    out = printed_by_python("".join(blocks(PAGE, "python")), tmp_path)
    assert out.splitlines() == ["Deleted block (0 is nearest the input)", "7.0"]
    assert {path.name for path in tmp_path.glob("mine.*")} == {"mine.png", "mine.svg"}
    assert (tmp_path / "both.pdf").exists()


def test_the_style_sheet_of_the_page_is_one(tmp_path):
    (text,) = re.findall(r"```\n# mine.mplstyle\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "mine.mplstyle").write_text(text)
    assert read_look(tmp_path / "mine.mplstyle")["savefig.dpi"] == 600


def test_the_table_has_every_kind_and_every_function():
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert [kind for kind, _ in rows] == list(KINDS)
    named = re.findall(r"`(plot_\w+)`", "".join(functions for _, functions in rows))
    assert sorted(named) == sorted(name for name in figures.__all__ if name.startswith("plot_"))
