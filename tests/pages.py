"""Pages whose commands and Python are run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def page(name):
    return (ROOT / name).read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def printed(commands, folder):
    """What bash prints for some lines, all of which must succeed."""
    return _printed(["bash", "-e", "-c", commands], folder)


def printed_by_python(code, folder):
    return _printed([sys.executable, "-c", code], folder)


def _printed(command, folder):
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[-1]}\n{done.stderr}"
    return done.stdout
