"""Pages whose commands and Python are run as they stand there."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from running import run

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def page(name):
    return (ROOT / name).read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def printed(commands, folder):
    """What some lines of shell print, all of which must succeed.

    Commands of ours are run in this process, which has loaded torch already.
    """
    lines = [shlex.split(line, comments=True) for line in commands.splitlines()]
    if "\\\n" not in commands and all(not line or line[0] == "resprobe" for line in lines):
        return "".join(_printed_here(arguments, folder) for _, *arguments in filter(None, lines))
    return _printed(["bash", "-e", "-c", commands], folder)


def printed_by_python(code, folder):
    return _printed([sys.executable, "-c", code], folder)


def _printed_here(arguments, folder):
    before = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(folder):
            ran = run(*arguments)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ran.code == 0, f"{shlex.join(arguments)}\n{ran.err}"
    return ran.out


def _printed(command, folder):
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[-1]}\n{done.stderr}"
    return done.stdout
