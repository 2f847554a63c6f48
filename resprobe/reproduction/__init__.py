"""The scripts that measure published claims again: which there are, and running them.

Each is a file of the repository's ``analyses/`` whose docstring says what it asks, how it is run
and what it costs. This room reads those docstrings (``scripts``), runs the scripts, each in a
process of its own (``running``), and shows what they found (``summary``); what they measure is
theirs.
"""

from resprobe.reproduction.running import (
    Asked,
    absent,
    arguments,
    check,
    chosen,
    command,
    run,
    scripts_folder,
)
from resprobe.reproduction.scripts import Script, find_scripts, read_script
from resprobe.reproduction.summary import claims_table, shown

__all__ = [
    "Asked",
    "Script",
    "absent",
    "arguments",
    "check",
    "chosen",
    "claims_table",
    "command",
    "find_scripts",
    "read_script",
    "run",
    "scripts_folder",
    "shown",
]
