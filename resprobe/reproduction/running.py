"""Running scripts one after the other, each in a process of its own, and what they then say."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resprobe.errors import InputError, UsageError, one_of
from resprobe.reproduction.scripts import Script

__all__ = ["Asked", "absent", "arguments", "check", "chosen", "command", "run", "scripts_folder"]

OUT, SMOKE = Path("reproduced"), Path("reproduced-smoke")
WHICH = ("--ckpt", "--only-ckpt", "--data", "--label")
"""Options of scripts that say which networks and images are looked at."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How scripts are run: the options that they share, as each of them takes them.

    Attributes
    ----------
    checkpoints : tuple of Path
        Trained networks, for scripts that look at any.
    only_checkpoints : bool
        Whether none is trained here.
    data, label : str
        Images of networks that do not know theirs, and what those of a folder are called.
    data_root, networks, out : Path or None
        Where data sets lie, trained networks are kept, and results go.
    device : str
        Where networks run.
    threads : int or None
        How many of torch's; other numbers, other roundings.
    smoke, redraw : bool
        Tiny networks in seconds; figures and claims from saved tables.
    """

    checkpoints: tuple[Path, ...] = ()
    only_checkpoints: bool = False
    data: str = ""
    data_root: Path | None = None
    label: str = ""
    device: str = ""
    threads: int | None = None
    networks: Path | None = None
    out: Path | None = None
    smoke: bool = False
    redraw: bool = False

    @property
    def results(self) -> Path:
        """Where scripts leave their results."""
        if self.out is not None:
            return self.out
        return SMOKE if self.smoke else OUT


def scripts_folder(given: Path | None) -> Path:
    """Return where the scripts are: as given, or beside the package in a clone.

    Raises
    ------
    InputError
        If they are not there, as in an installed package.
    """
    if given is not None:
        return given
    folder = Path(__file__).parents[2] / "analyses"
    if not folder.is_dir():
        raise InputError(
            "the scripts of published claims are not in an installed package; clone the "
            "repository, and name its folder with --scripts CLONE/analyses"
        )
    return folder


def chosen(scripts: Sequence[Script], only: Iterable[str]) -> list[Script]:
    """Return the scripts of these names or numbers, in their order; all where none is named.

    Raises
    ------
    UsageError
        If there is no script of a name.
    """
    wanted = set(only)
    for given in sorted(wanted):
        if not any(given in _called(script) for script in scripts):
            raise one_of("script", given, [script.name for script in scripts])
    return [script for script in scripts if not wanted or wanted & _called(script)]


def _called(script: Script) -> set[str]:
    return {script.name, str(script.number), f"{script.number:02}"}


def arguments(script: Script, asked: Asked) -> list[str]:
    """Return the options that a script is run with: those of its command, then those asked for.

    Where nothing is said of networks and images, it looks at those that its command names and
    that are here (``absent`` says which are not). An option that a script does not take is not
    given to it; one that looks at its own networks alone is told of others only where nothing but
    those is to be looked at.
    """
    words = _of_command(script, asked)
    if script.any_networks or (script.networks and asked.only_checkpoints):
        for path in asked.checkpoints:
            words += ["--ckpt", str(path)]
        words += ["--only-ckpt"] * asked.only_checkpoints
    kept = asked.networks if script.networks else None
    for option, value in (
        ("--data", asked.data), ("--label", asked.label), ("--data-root", asked.data_root),
        ("--networks", kept), ("--device", asked.device), ("--threads", asked.threads),
        ("--out", asked.out),
    ):  # fmt: skip
        if option in script.options and value not in (None, ""):
            words += [option, str(value)]
    return words + ["--redraw"] * asked.redraw + ["--smoke"] * asked.smoke


def absent(script: Script, asked: Asked) -> list[str]:
    """Return what a script's command names of networks and images and is not here."""
    if _says_which(asked):
        return []
    return [value for option, value in _pairs(script) if not _is_here(option, value)]


def _says_which(asked: Asked) -> bool:
    """Tell whether it is said, or need not be, which networks and images are looked at."""
    named = asked.checkpoints or asked.only_checkpoints or asked.data
    return bool(named) or asked.smoke or asked.redraw


def _of_command(script: Script, asked: Asked) -> list[str]:
    pairs, says_which = _pairs(script), _says_which(asked)
    without_images = bool({"--data"} & {o for o, v in pairs if not _is_here(o, v)})
    words = []
    for option, value in pairs:
        if option in WHICH and (says_which or not _is_here(option, value)):
            continue
        if option in ("--data", "--label") and without_images:
            continue
        words += [option, value] if value else [option]
    return words


def _is_here(option: str, value: str) -> bool:
    if option == "--data":
        return not value.startswith("folder:") or Path(value.removeprefix("folder:")).is_dir()
    return option != "--ckpt" or Path(value).is_file()


def _pairs(script: Script) -> list[tuple[str, str]]:
    """Return the options of a script's command, each with its value or with nothing."""
    lines = [line for line in script.commands if f"{script.name}.py" in line]
    words = shlex.split(lines[-1], comments=True)[2:] if lines else []
    pairs: list[tuple[str, str]] = []
    for word in words:
        if word.startswith("--") or not pairs:
            pairs.append((word, ""))
        else:
            pairs[-1] = (pairs[-1][0], word)
    return pairs


def command(script: Script, asked: Asked) -> str:
    """Return what is typed to run a script alone, from here."""
    path, here = script.path.resolve(), Path.cwd()
    path = path.relative_to(here) if path.is_relative_to(here) else path
    return shlex.join(["python", str(path), *arguments(script, asked)])


def run(script: Script, asked: Asked, *, say: Callable[[str], object] = print) -> str:
    """Run a script in a process of its own, and return why it failed, or nothing.

    Parameters
    ----------
    script : Script
        Which to run.
    asked : Asked
        How to run it.
    say : callable
        Takes each line that the script writes to stderr while it runs.

    Raises
    ------
    KeyboardInterrupt
        Where the caller is interrupted; the script is ended first, and leaves whole files.
    """
    last = ""
    with subprocess.Popen(
        [sys.executable, str(script.path), *arguments(script, asked)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            for line in process.stderr:
                say(line.rstrip())
                last = line.strip() or last
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    if code == 0:
        return ""
    return re.sub(rf"^{re.escape(script.name)}: ", "", last) or f"exit code {code}"


def _end(process: subprocess.Popen[str]) -> None:
    """End a script as Ctrl-C does, so that it removes what is half written."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=20)
        return
    process.kill()
    process.communicate()


def check(scripts: Sequence[Script], asked: Asked) -> None:
    """Raise a UsageError for what cannot be meant, before anything runs."""
    if asked.only_checkpoints and not asked.checkpoints:
        raise UsageError("--only-ckpt looks at the networks of --ckpt alone; name them")
    if asked.checkpoints and not any(script.networks for script in scripts):
        names = ", ".join(script.name for script in scripts)
        raise UsageError(f"--ckpt: {names} looks at no trained network; leave it out")
