"""``resprobe reproduce``: the claims as a table, and scripts that fail or are interrupted."""

import signal
import time

import pandas as pd
import pytest

from resprobe.results import Result

SCRIPT = '''"""{name} is so.

Number    {number}
Question  Is {name} so?
Command   python analyses/{name}.py
Cost      Nothing.
Source    Nobody 2000.
"""
{body}
'''
FAILS = "import sys\nprint('b: a.th: no such file', file=sys.stderr)\nsys.exit(3)"
SAYS = "import sys\nprint('measuring', file=sys.stderr)"
WAITS = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
finally:
    Path(__file__).with_suffix(".ended").touch()
"""


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A folder of three scripts, beside the one that has what they found already."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scripts"
    folder.mkdir()
    for number, (name, body) in enumerate({"a": SAYS, "b": "", "c": ""}.items(), start=1):
        text = SCRIPT.format(name=name, number=number, body=body)
        (folder / f"{name}.py").write_text(text)
    frame = pd.DataFrame({
        "number": [1, 1, 3], "analysis": ["a", "a", "c"], "headline": [True, False, True],
        "claim": ["first", "second", "third"], "published": ["1", "2", "3"],
        "measured": [0.5, 0.7, float("nan")], "low": [0.4, 0.6, float("nan")],
        "high": [0.6, 0.8, float("nan")], "percent": [False, False, True],
        "verdict": ["reproduced", "reproduced", "not testable here"],
    })  # fmt: skip
    Result("claims", frame, {}).save_as(tmp_path / "reproduced" / "claims")
    return folder


def failing(scripts):
    (scripts / "b.py").write_text(SCRIPT.format(name="b", number=2, body=FAILS))


def test_one_row_for_each_script_says_what_was_found(ok, scripts):
    ran = ok("reproduce", "--scripts", scripts, "--only", "1", "--only", "c")
    head, first, second = ran.out.splitlines()
    assert head.split() == ["number", "analysis", "verdict", "here", "published", "claim"]
    assert first.split() == ["1", "a", "reproduced", "0.5", "[0.4,", "0.6]", "1", "first"]
    assert second.split() == ["3", "c", "not", "testable", "here", "-", "3", "third"]
    assert ran.notes == [
        "resprobe: a (1 of 2): a is so.", "resprobe: measuring", "resprobe: c (2 of 2): c is so.",
    ]  # fmt: skip


def test_json_has_the_same_rows_with_what_failed(ok, scripts):
    found = ok("reproduce", "--scripts", scripts, "--json", "--quiet").json
    assert [row["analysis"] for row in found["rows"]] == ["a", "c"]
    assert found["rows"][0]["measured"] == 0.5
    assert found["meta"]["failed"] == {}
    assert found["meta"]["results"] == "reproduced"


def test_a_script_that_fails_does_not_stop_the_others_and_is_named_at_the_end(call, scripts):
    failing(scripts)
    (scripts / "c.py").write_text(SCRIPT.format(name="c", number=3, body=SAYS))
    ran = call("reproduce", "--scripts", scripts)
    assert ran.code == 1
    assert ran.notes[-2:] == [
        "resprobe: measuring",
        "resprobe: 1 of 3 scripts failed: b (a.th: no such file)",
    ]
    assert "third" in ran.out
    quiet = call("reproduce", "--scripts", scripts, "--quiet", "--only", "b")
    assert (quiet.code, quiet.out) == (1, "")
    assert quiet.notes == ["resprobe: 1 of 1 scripts failed: b (a.th: no such file)"]


def test_questions_and_costs_are_listed_and_nothing_runs(ok, scripts):
    failing(scripts)
    ran = ok("reproduce", "--scripts", scripts, "--list")
    assert ran.out.splitlines()[:3] == [" 1 a", "   Is a so?", "   Cost: Nothing."]
    rows = ok("reproduce", "--scripts", scripts, "--list", "--json").json["rows"]
    assert [(row["number"], row["analysis"]) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]


def test_a_dry_run_prints_the_commands(ok, scripts):
    ran = ok("reproduce", "--scripts", scripts, "--dry-run", "--smoke", "--only", "b")
    assert ran.out == "python scripts/b.py --smoke\n"
    asked = ("reproduce", "--scripts", scripts, "--dry-run", "--json", "--threads", 2)
    assert ok(*asked).json["rows"][0]["command"] == "python scripts/a.py --threads 2"
    assert not (scripts.parent / "reproduced-smoke").exists()


def test_what_cannot_be_meant_is_one_sentence(refused, scripts):
    given = ("reproduce", "--scripts", scripts)
    refused(2, "unknown script 'bb'", *given, "--only", "bb")
    refused(2, "--only-ckpt looks at the networks of --ckpt alone", *given, "--only-ckpt")
    refused(2, "looks at no trained network", *given, "--ckpt", "x.pt")
    refused(3, "no scripts of published claims", "reproduce", "--scripts", scripts / "results")


def test_the_scripts_of_the_clone_are_those_that_are_run(ok):
    rows = ok("reproduce", "--list", "--json").json["rows"]
    assert {"path_counts", "cka", "landscape"} <= {row["analysis"] for row in rows}
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)


def test_a_script_is_ended_first_where_the_command_is(shell, scripts):
    (scripts / "b.py").write_text(SCRIPT.format(name="b", number=2, body=WAITS))
    process = shell("reproduce", "--scripts", scripts)
    for line in process.stderr:
        if "begun" in line:
            break
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    assert (scripts / "b.ended").exists()
    assert time.monotonic() - began < 15


@pytest.mark.long
def test_a_claim_of_the_repository_is_measured_again(shell, tmp_path):
    process = shell("reproduce", "--only", "path_counts", "--smoke")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.splitlines()[1].split()[:3] == ["7", "path_counts", "reproduced"]
    assert (tmp_path / "reproduced-smoke" / "path_counts" / "law.png").exists()
