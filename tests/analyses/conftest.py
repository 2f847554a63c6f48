import contextlib
import importlib
import io
import runpy
import sys
from pathlib import Path

import pytest
import torch
from running import Ran

ROOT = Path(__file__).parent.parent.parent
ANALYSES = ROOT / "analyses"


@pytest.fixture(scope="session")
def script(module):
    """Return the function that runs a command of the page from a folder of its own.

    In this process, which has loaded torch already, as ``python FILE`` does it.
    """

    def run(words, folder):
        program, path, *rest = words
        assert program == "python"
        out, err, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
        kept, sys.argv = sys.argv, [path, *map(str, rest)]
        try:
            with (
                contextlib.chdir(folder),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                runpy.run_path(str(ROOT / path), run_name="__main__")
            code = 0
        except SystemExit as left:
            code = left.code
        finally:
            sys.argv = kept
            torch.set_num_threads(threads)
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def module():
    """Return the function that imports a file of ``analyses``, which is no package."""
    sys.path.append(str(ANALYSES))  # where a script's own folder is when it runs
    yield importlib.import_module
    sys.path.remove(str(ANALYSES))
