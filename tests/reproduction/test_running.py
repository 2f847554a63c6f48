"""Which scripts are run, with which options, and what becomes of those that fail."""

import shlex
import time
from pathlib import Path

import pandas as pd
import pytest

from resprobe.errors import InputError, UsageError
from resprobe.reproduction import (
    Asked,
    absent,
    arguments,
    check,
    chosen,
    claims_table,
    command,
    find_scripts,
    read_script,
    run,
    scripts_folder,
    shown,
)
from resprobe.results import Result

CKPT = ' --ckpt a.th --ckpt b.th --images 7 --data folder:pets --label "Cats, dogs"'


# Which


def test_scripts_are_chosen_by_name_and_number_and_keep_their_order(write):
    folder = write("so", 3).parent
    write("thus", 12)
    write("else", 7)
    scripts = find_scripts(folder)

    def names(*only):
        return [script.name for script in chosen(scripts, only)]

    assert names() == ["so", "else", "thus"]
    assert names("12", "so") == ["so", "thus"]
    assert names("03") == ["so"]
    with pytest.raises(UsageError, match="unknown script 'thsu': did you mean 'thus'"):
        names("so", "thsu")


def test_the_scripts_of_a_clone_lie_beside_the_package(monkeypatch, tmp_path):
    from resprobe.reproduction import running

    assert scripts_folder(None).name == "analyses"
    assert scripts_folder(tmp_path) == tmp_path
    monkeypatch.setattr(running, "__file__", str(tmp_path / "a" / "b" / "running.py"))
    with pytest.raises(InputError, match="--scripts CLONE/analyses"):
        scripts_folder(None)


# With which options


def test_a_command_is_run_as_it_stands_where_its_files_are_here(looking, tmp_path, monkeypatch):
    script = read_script(looking("so", 3, "any_networks=True", options=CKPT))
    monkeypatch.chdir(tmp_path)
    assert arguments(script, Asked()) == ["--images", "7"]
    assert absent(script, Asked()) == ["a.th", "b.th", "folder:pets"]
    (tmp_path / "b.th").touch()
    (tmp_path / "pets").mkdir()
    assert absent(script, Asked()) == ["a.th"]
    assert shlex.join(arguments(script, Asked())) == (
        "--ckpt b.th --images 7 --data folder:pets --label 'Cats, dogs'"
    )


def test_what_is_asked_for_takes_the_place_of_what_a_command_looks_at(looking, tmp_path):
    script = read_script(looking("so", 3, "own=(1,), any_networks=True", options=CKPT))
    asked = Asked(checkpoints=(Path("c.pt"), Path("d.pt")), data="cifar10", device="cuda",
                  networks=tmp_path, out=tmp_path)  # fmt: skip
    assert absent(script, asked) == []
    assert arguments(script, asked) == [
        "--images", "7", "--ckpt", "c.pt", "--ckpt", "d.pt", "--data", "cifar10",
        "--networks", str(tmp_path), "--device", "cuda", "--out", str(tmp_path),
    ]  # fmt: skip


@pytest.mark.parametrize("one", [{"smoke": True}, {"redraw": True}])
def test_tiny_runs_and_figures_from_tables_look_at_no_file(looking, one):
    script = read_script(looking("so", 3, "any_networks=True", options=CKPT))
    assert absent(script, Asked(**one)) == []
    assert arguments(script, Asked(**one)) == ["--images", "7", f"--{next(iter(one))}"]


def test_options_for_networks_are_for_those_that_look_at_networks(looking, write):
    asked = Asked(checkpoints=(Path("c.pt"),), data="cifar10", data_root=Path("r"), threads=2)
    none = read_script(write("none", 1))
    own = read_script(looking("own", 2, "own=(1,)"))
    assert arguments(none, asked) == ["--threads", "2"]
    rest = ["--data", "cifar10", "--data-root", "r", "--threads", "2"]
    assert arguments(own, asked) == rest
    alone = Asked(**{**vars(asked), "only_checkpoints": True})
    assert arguments(own, alone) == ["--ckpt", "c.pt", "--only-ckpt", *rest]
    assert arguments(none, alone) == ["--threads", "2"]


def test_a_script_that_reads_images_without_networks_is_told_of_them(write):
    body = 'def options(parser):\n    parser.add_argument("--data")\n'
    script = read_script(write("so", 3, body, options=" --data folder:none --epochs 2"))
    assert arguments(script, Asked()) == ["--epochs", "2"]
    told = arguments(script, Asked(data="cifar10", label="x"))
    assert told == ["--epochs", "2", "--data", "cifar10"]


def test_a_folder_of_networks_is_for_those_that_look_at_networks(write, tmp_path):
    body = 'def options(parser):\n    parser.add_argument("--networks")  # names, and no folder\n'
    assert arguments(read_script(write("so", 3, body)), Asked(networks=tmp_path)) == []


def test_what_cannot_be_meant_is_refused_before_anything_runs(write):
    script = read_script(write("so", 3))
    with pytest.raises(UsageError, match="name them"):
        check([script], Asked(only_checkpoints=True))
    with pytest.raises(UsageError, match="so looks at no trained network"):
        check([script], Asked(checkpoints=(Path("c.pt"),)))


def test_a_command_is_what_is_typed_from_here(write, tmp_path, monkeypatch):
    script = read_script(write("so", 3))
    monkeypatch.chdir(tmp_path)
    assert command(script, Asked(label="x", smoke=True)) == "python scripts/so.py --smoke"
    monkeypatch.chdir(script.path.parent / "..")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert command(script, Asked()) == f"python {script.path}"


# Running


def test_a_script_is_run_in_a_process_of_its_own_and_what_it_says_is_passed_on(write, tmp_path):
    body = "import os, sys\nprint('wrote')\nprint('measuring', os.getpid(), *sys.argv[1:], file=sys.stderr)"  # noqa: E501
    said = []
    assert run(read_script(write("so", 3, body)), Asked(out=tmp_path), say=said.append) == ""
    import os

    ((verb, process, *words),) = (line.split() for line in said)
    assert (verb, words) == ("measuring", ["--out", str(tmp_path)])
    assert int(process) != os.getpid()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import sys\nprint('so: a.th: no such file', file=sys.stderr)\nsys.exit(3)",
         "a.th: no such file"),
        ("raise ValueError('lost')", "ValueError: lost"),
        ("import sys\nsys.exit(4)", "exit code 4"),
    ],
)  # fmt: skip
def test_why_a_script_failed_is_its_last_line(write, body, reason):
    assert run(read_script(write("so", 3, body)), Asked(), say=lambda line: None) == reason


WAITING = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
finally:
    Path(__file__).with_suffix(".ended").touch()
"""


def test_a_script_is_ended_first_where_its_caller_is_interrupted(write):
    path = write("so", 3, WAITING)

    def interrupt(line):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(read_script(path), Asked(), say=interrupt)
    assert path.with_suffix(".ended").exists()
    assert time.monotonic() - began < 15


# What was found


def test_headlines_are_one_for_each_script(tmp_path):
    frame = pd.DataFrame(
        {"number": [1, 1, 2], "analysis": ["a", "a", "b"], "headline": [True, False, True],
         "measured": [0.5, 0.6, 0.7]}
    )  # fmt: skip
    assert len(claims_table(tmp_path)) == 0
    Result("claims", frame, {}).save_as(tmp_path / "claims")
    assert claims_table(tmp_path)["measured"].tolist() == [0.5, 0.7]
    assert claims_table(tmp_path, only=["b"])["number"].tolist() == [2]


@pytest.mark.parametrize(
    ("number", "percent", "text"),
    [
        ((float("nan"),) * 3, False, "-"),
        ((0.25, 0.2, 0.3), False, "0.25 [0.2, 0.3]"),
        ((0.25, float("nan"), float("nan")), True, "25.0 %"),
        ((0.05, 0.04, 0.125), True, "5.00 % [4.00, 12.5]"),
        ((11_690_512.0, float("nan"), float("nan")), False, "1.17e+07"),
        ((1_234.0, float("nan"), float("nan")), False, "1,234"),
    ],
)
def test_numbers_are_shown_with_their_intervals(number, percent, text):
    assert shown(*number, percent=percent) == text
