"""The table of options in docs/networks.md is made from the options themselves."""

import importlib.util
import re
from pathlib import Path

import pytest

from resprobe.networks import Architecture
from resprobe.networks.rules import ENUMS, USUAL

SCRIPT = Path(__file__).parent.parent / "docs" / "make_networks.py"


@pytest.fixture(scope="module")
def rows():
    spec = importlib.util.spec_from_file_location("make_networks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = [line for line in module.options_table().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert {len(row) for row in cells} == {4}
    return {row[0]: row[1:] for row in cells}


def test_every_option_has_a_row(rows):
    assert list(rows) == [field for field in USUAL if field != "num_classes"]


@pytest.mark.parametrize("field", ENUMS)
def test_every_value_has_a_meaning(rows, field):
    told = dict(re.findall(r"`([^`]+)`: ([^<]+)", rows[field][0]))
    assert list(told) == [member.value for member in ENUMS[field]]
    assert all(len(meaning) > 5 for meaning in told.values())


def test_the_usual_value_is_that_of_the_networks_beside_it(rows):
    assert rows["scale"][1] == "0.5"
    for field in ("block", "shortcut", "order", "layout"):
        pairs = re.findall(r"(\S+) \(([^)]*)\)", rows[field][1])
        assert pairs
        for value, names in pairs:
            for name in re.findall("`([^`]+)`", names):
                assert getattr(Architecture.parse(name), field).value == value
