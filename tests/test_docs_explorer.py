"""The commands and the Python of docs/explorer.md run as they stand there."""

import pytest
from pages import blocks, page, printed

PAGE = page("docs/explorer.md")


@pytest.mark.long
def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for commands in blocks(PAGE, "sh"):
        printed(commands, tmp_path)
    names: dict[str, object] = {}
    for code in blocks(PAGE, "python"):
        exec(compile(code, "docs/explorer.md", "exec"), names)
    out = capsys.readouterr().out
    assert "shuffle:0-1,delete:5" in out
    assert "shuffle:0-1,delete:3+5" in out
