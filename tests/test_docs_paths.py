"""Every command and the Python of docs/paths.md are run as they stand there."""

import pytest
from pages import blocks, page, printed, printed_by_python

PAGE = page("docs/paths.md")


@pytest.mark.long
def test_the_commands_and_the_python_run_in_the_order_of_the_page(tmp_path):
    commands = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert sum(command.startswith("resprobe paths ") for command in commands) >= 4
    for command in commands:
        assert printed(command, tmp_path).strip(), command
    assert (tmp_path / "results" / "paths.png").exists()
    (python,) = blocks(PAGE, "python")
    assert "0.4537%" in printed_by_python(python, tmp_path)
