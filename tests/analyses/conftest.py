import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ANALYSES = ROOT / "analyses"


def commands() -> list[list[str]]:
    """The commands of the page, as words."""
    text = (ANALYSES / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [shlex.split(line, comments=True) for line in "".join(blocks).splitlines()]


@pytest.fixture(scope="session")
def script():
    """Return the function that runs a command of the page from a folder of its own."""

    def run(words, folder):
        program, path, *rest = words
        assert program == "python"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, ROOT / path, *map(str, rest)],
            cwd=folder, env=environment, capture_output=True, text=True,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def module():
    """Return the function that imports a file of ``analyses``, which is no package."""
    sys.path.append(str(ANALYSES))  # where a script's own folder is when it runs
    yield importlib.import_module
    sys.path.remove(str(ANALYSES))
