import re
import resource
import subprocess
import sys

import pytest

import resprobe

COMMANDS = (
    "train",
    "recipe",
    "lesion",
    "geometry",
    "gradflow",
    "initialisation",
    "landscape",
    "magnitude",
    "paths",
    "predictors",
    "readout",
    "similarity",
    "describe",
    "figure",
    "report",
    "reproduce",
    "demo",
    "data",
)
PAGES = [(), *((name,) for name in COMMANDS)]
PAGES += [("data", name) for name in ("list", "fetch", "verify")]
HEAVY = ("torch", "numpy", "pandas", "scipy", "matplotlib", "seaborn", "PIL", "rich")


def options(page):
    return dict(re.findall(r"^  (?:-\w, )?(--[a-z-]+)(.*)", page, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
@pytest.mark.parametrize("ask", ["--help", "-h"])
def test_every_command_explains_itself(ok, page, ask):
    ran = ok(*page, ask)
    assert ran.out.startswith(f"Usage: {' '.join(('resprobe', *page))} ")
    assert ran.err == ""
    assert max(map(len, ran.out.splitlines())) <= 80
    assert not re.search(r"--[a-z-]+ <", ran.out)  # typer's names for types, not ours


def test_help_lists_the_commands_and_no_command_gives_it_as_a_usage_error(call, ok):
    page = ok("--help").out
    assert re.findall(r"^  (\w+)  +\w", page.split("Commands:")[1], re.MULTILINE) == list(COMMANDS)
    alone = call()
    assert alone.code == 2
    assert alone.out + alone.err == page


@pytest.mark.parametrize(
    "command",
    [
        "geometry",
        "gradflow",
        "initialisation",
        "landscape",
        "lesion",
        "paths",
        "predictors",
        "readout",
        "similarity",
    ],
)
def test_analysing_commands_take_the_common_options(ok, command):
    common = "--arch --ckpt --model --data --data-root --split --normalise --image-size --device"
    common += " --seed --batch-size --images --width --out --json --quiet --dry-run"
    assert set(common.split()) <= options(ok(command, "-h").out).keys()


def test_models_from_elsewhere_are_for_looking_at_and_not_for_training(ok):
    assert "--model" in options(ok("describe", "-h").out)
    assert "--model" not in options(ok("train", "-h").out)
    assert "torchvision:NAME" in ok("lesion", "-h").out


def test_an_option_of_one_name_takes_the_same_kind_of_value_everywhere(ok):
    seen = {}
    for page in PAGES:
        for name, rest in options(ok(*page, "-h").out).items():
            metavar = rest.strip().split("  ")[0] if rest.startswith(" ") else ""
            seen.setdefault(name, set()).add(metavar if metavar.isupper() else "")
    differing = {name: kinds for name, kinds in seen.items() if len(kinds) > 1}
    # training takes one architecture and writes one file; a figure has inches
    assert differing.keys() <= {"--arch", "--out", "--width"}


def test_the_version_is_that_of_the_package(ok, shell):
    assert ok("--version").out == f"resprobe {resprobe.__version__}\n"
    process = shell("--version")
    assert process.communicate() == (f"resprobe {resprobe.__version__}\n", "")
    assert process.returncode == 0


def test_help_imports_nothing_heavy():
    code = f"""
import contextlib, io, sys
from resprobe.cli import main
for page in {PAGES!r} + [("--version",)]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main([*page, "--help"])
print(*sorted(set({HEAVY!r}) & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_takes_half_a_second_of_the_processor(shell):
    """Not of the clock, which counts what else the machine has to do."""
    durations_s = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out, _ = shell("--help").communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        durations_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert out.startswith("Usage: resprobe ")
    assert 0.01 < min(durations_s) < 0.5


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("lesoin",), "No such command 'lesoin'. Did you mean 'lesion'"),
        (("lesion", "--chkpt", "x"), "No such option: --chkpt"),
        (("train", "--out", "x.pt"), "Missing option '--arch'"),
        (("train", "--arch", "resnet8"), "Missing option '--out'"),
        (("lesion", "--images", "some"), "--images"),
        (("lesion", "--images", "0"), "--images"),
        (("lesion", "--seed", "-1"), "--seed"),
        (("lesion", "--seed", str(2**64)), "--seed"),
        (("lesion", "--width", str(10**30)), "--width"),
        (("gradflow", "--image-size", "0"), "--image-size"),
        (("describe", "--arch", "resnet8", "--image-size", str(10**12)), "--image-size"),
        (("train", "--arch", "resnet8", "--out", "x", "--validation", "1"), "--validation"),
        (("data", "fetch"), "Missing argument"),
    ],
)
def test_a_mistyped_command_line_is_a_usage_error(call, tmp_path, arguments, match):
    ran = call(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert match in ran.err
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []
