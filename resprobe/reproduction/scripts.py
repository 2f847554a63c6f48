"""The scripts of published claims, as their docstrings describe them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from resprobe.errors import InputError

__all__ = ["Script", "find_scripts", "read_script"]

FIELDS = ("Number", "Question", "Command", "Full", "Cost", "Source", "Setting")
SHARED = frozenset({"--device", "--threads", "--out", "--redraw", "--smoke"})
NETWORKS = frozenset({"--ckpt", "--only-ckpt", "--data", "--data-root", "--label", "--networks"})
_FIELD = re.compile(r"^(?P<name>[A-Z][a-z]+) {2,}(?P<rest>\S.*)$")


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script, and what the docstring at its head says.

    Attributes
    ----------
    path : Path
        The file; ``path.stem`` is its name.
    title : str
        The claim, as a sentence.
    number : int
        Its place in the list; claims are counted from 1.
    question : str
        What is asked.
    commands : tuple of str
        What measures the numbers that are kept.
    full : tuple of str
        What measures them in the paper's own setting, where that wants other images, or a GPU;
        empty where the commands do.
    cost : str
        How long it takes, and on what.
    source : str
        Papers, with sections and figures.
    setting : str
        What differs from the paper.
    networks, any_networks : bool
        Whether it looks at trained networks, and whether at any that one names beside its own.
    options : frozenset of str
        What it takes, such as ``--images``.
    """

    path: Path
    title: str
    number: int
    question: str
    commands: tuple[str, ...]
    full: tuple[str, ...]
    cost: str
    source: str
    setting: str
    networks: bool = False
    any_networks: bool = False
    options: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What ``resprobe reproduce --only`` calls it."""
        return self.path.stem


def find_scripts(folder: str | Path) -> list[Script]:
    """Return the scripts of a folder, in the order of their numbers.

    A file whose docstring has no field "Number" is no script.

    Raises
    ------
    InputError
        If the folder has none, if a docstring lacks a field, or if two have one number.
    """
    folder = Path(folder)
    found = [read_script(path) for path in sorted(folder.glob("*.py")) if _is_script(path)]
    if not found:
        raise InputError(
            f"{folder}: no scripts of published claims; name the folder analyses/ of a clone of "
            "the repository"
        )
    found.sort(key=lambda script: script.number)
    for before, after in pairwise(found):
        if before.number == after.number:
            raise InputError(f"{before.path} and {after.path.name} both have number {after.number}")
    return found


def read_script(path: str | Path) -> Script:
    """Read the docstring of a script; nothing of it is run.

    Raises
    ------
    InputError
        If the file cannot be read, or a field is missing or unknown.
    """
    path = Path(path)
    parsed = _parsed(path)
    title, fields = _fields(parsed)
    given = _given(parsed)
    networks = bool(given & {"own", "any_networks"})
    missing = [name for name in FIELDS if name not in fields and name not in ("Full", "Setting")]
    unknown = sorted(set(fields) - set(FIELDS))
    if not title or missing or unknown or not _words(fields["Number"]).isdecimal():
        raise InputError(
            f"{path}: its docstring wants a title, a whole Number, and {', '.join(FIELDS[1:])}; "
            f"it lacks {', '.join(missing) or 'none'} and has also {', '.join(unknown) or 'none'}"
        )
    return Script(
        path=path,
        title=title,
        number=int(_words(fields["Number"])),
        question=_words(fields["Question"]),
        commands=_commands(fields["Command"]),
        full=_commands(fields.get("Full", [])),
        cost=_words(fields["Cost"]),
        source=_words(fields["Source"]),
        setting=_words(fields.get("Setting", [])),
        networks=networks,
        any_networks="any_networks" in given,
        options=SHARED | _added(parsed, path.parent) | (NETWORKS if networks else frozenset()),
    )


def _is_script(path: Path) -> bool:
    return "Number" in _fields(_parsed(path))[1]


def _parsed(path: Path) -> ast.Module:
    try:
        return _tree(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: no Python file that can be read ({error})") from error


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)  # modules beside the scripts are asked for by many


def _calls(parsed: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function or method."""
    calls = [node for node in ast.walk(parsed) if isinstance(node, ast.Call)]
    return [c for c in calls if name in (getattr(c.func, "id", ""), getattr(c.func, "attr", ""))]


def _given(parsed: ast.Module) -> set[str]:
    """Return what the script's ``Analysis(...)`` is given by name."""
    return {str(keyword.arg) for c in _calls(parsed, "Analysis") for keyword in c.keywords}


def _added(parsed: ast.Module, folder: Path) -> frozenset[str]:
    """Return the options that the script adds itself, or by functions that it imports beside it."""
    within: list[ast.AST] = [parsed]
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            file = folder.joinpath(*node.module.split(".")).with_suffix(".py")
            if file.is_file():
                within += _functions(_parsed(file), {alias.name for alias in node.names})
    words = [word for part in within for c in _calls(part, "add_argument") for word in c.args]
    return frozenset(str(w.value) for w in words if isinstance(w, ast.Constant))


def _functions(parsed: ast.Module, names: set[str]) -> list[ast.FunctionDef]:
    """Return functions of a module, and those of it that they name."""
    there = {node.name: node for node in parsed.body if isinstance(node, ast.FunctionDef)}
    found: list[ast.FunctionDef] = []
    waiting = [there[name] for name in names & there.keys()]
    while waiting:
        found.append(one := waiting.pop())
        called = {n.id for n in ast.walk(one) if isinstance(n, ast.Name)} & there.keys()
        waiting += [there[n] for n in called if there[n] not in [*found, *waiting]]
    return found


def _fields(parsed: ast.Module) -> tuple[str, dict[str, list[str]]]:
    """Return the first line of a docstring, and the lines of each of its fields."""
    title, *lines = (ast.get_docstring(parsed) or "").splitlines() or [""]
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        begun = _FIELD.match(line)
        if begun:
            current = fields.setdefault(begun["name"], [])
        current.append(begun["rest"] if begun else line.strip())
    return title, fields


def _words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def _commands(lines: list[str]) -> tuple[str, ...]:
    r"""Join lines that end in a backslash with those that follow, with one space between."""
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).split("\n")
    return tuple(re.sub(r" {2,}", " ", line) for line in joined if line)
