"""A folder of scripts that do next to nothing."""

import pytest

SCRIPT = '''"""{title}.

Number    {number}
Question  Is it so,
          or not?
Command   python analyses/{name}.py{options}
Cost      Nothing.
Source    Nobody 2000, Fig. 1.
"""
{body}
'''


@pytest.fixture
def write(tmp_path):
    """Return the function that writes a script."""
    folder = tmp_path / "scripts"
    folder.mkdir()

    def script(name, number, body="", *, title="It is so", options=""):
        path = folder / f"{name}.py"
        path.write_text(
            SCRIPT.format(title=title, number=number, name=name, options=options, body=body)
        )
        return path

    return script


NETWORKS = """
from kit.analysis import Analysis
from kit.own import more

def options(parser):
    parser.add_argument("--images", type=int)
    more(parser)

ANALYSIS = Analysis(options=options, {given})
"""


@pytest.fixture
def looking(write):
    """Return the function that writes a script that looks at trained networks."""

    def script(name, number, given, *, options=""):
        path = write(name, number, NETWORKS.format(given=given), options=options)
        kit = path.parent / "kit"
        kit.mkdir(exist_ok=True)
        (kit / "own.py").write_text(
            "def more(parser):\n    inner(parser)\n\n"
            "def inner(parser):\n    parser.add_argument('--draws')\n    more(parser)\n\n"
            "def other(parser):\n    parser.add_argument('--unused')\n"
        )
        return path

    return script
