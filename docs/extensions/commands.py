"""A page for every command, made from the command line itself, so that none can be out of date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from extensions.places import DOCS, GENERATED, write

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SHARED_BY = 5
"""An option that so many commands have is one of those that they share."""

GUIDES = {"train": "training", "recipe": "training"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~])")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_PAGE = re.compile(r"docs/(\w+)\.md")
_LIMITS = re.compile(r"^(?P<text>.*?)(?:  \[(?P<limits>[^\]]+)\])?$", flags=re.DOTALL)


def commands() -> dict[tuple[str, ...], Any]:
    """Return the commands by their words, in the order of ``resprobe --help``."""
    from resprobe.cli.app import command

    return dict(_commands(command(), ()))


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, (*words, name))


def pages() -> dict[str, str]:
    """Return the Markdown of every command's page, by file name."""
    found = commands()
    records = {words: _records(words, command) for words, command in found.items()}
    counted = Counter(option for rows in records.values() for option, _ in rows)
    shared = {option for option, times in counted.items() if times >= SHARED_BY}
    return {
        f"{'-'.join(words)}.md": _page(words, command, records[words], shared)
        for words, command in found.items()
    }


def _context(words: tuple[str, ...], command: Any) -> Any:
    name = " ".join(("resprobe", *words))
    return command.make_context(
        name, [], resilient_parsing=True, help_option_names=["-h", "--help"]
    )


def _records(words: tuple[str, ...], command: Any) -> list[tuple[str, str]]:
    """Return each option and argument with its help, as ``--help`` has them."""
    context = _context(words, command)
    found = (parameter.get_help_record(context) for parameter in command.get_params(context))
    return [record for record in found if record is not None]


def _page(
    words: tuple[str, ...], command: Any, records: list[tuple[str, str]], shared: set[str]
) -> str:
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    examples = [part for part in paragraphs if part.startswith("Example: ")]
    prose = [prosaic(part) for part in paragraphs if part not in examples]
    usage = " ".join(_context(words, command).get_usage().removeprefix("Usage: ").split())
    shell = "\n".join([usage, *(part.removeprefix("Example: ") for part in examples)])
    guide = DOCS / f"{GUIDES.get(words[0], words[0])}.md"
    if guide.exists() and not any(f"/{guide.name}" in part for part in prose):
        prose.append(prosaic(f"docs/{guide.name} is the guide."))
    own = [record for record in records if record[0] not in shared]
    common = [record for record in records if record[0] in shared]
    parts = [f"# resprobe {' '.join(words)}", *prose, f"```sh\n{shell}\n```"]
    if own:
        parts += ["## Its own options", *(_entry(*record) for record in own)]
    if common:
        parts += ["## Options that commands share", *(_entry(*record) for record in common)]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, text: str) -> str:
    """Return an option with its help, and what it is where it is not given."""
    found = _LIMITS.match(text)
    limits = (found["limits"] or "") if found else ""
    said = "; ".join(limited(part) for part in limits.split("; ") if part)
    shown = prosaic(found["text"] if found else text)
    return f"`{name.removesuffix(' <str>')}`\n: {shown}" + (f" *({said})*" if said else "")


def limited(text: str) -> str:
    """Return a limit or a default in words.

    Examples
    --------
    >>> [limited(text) for text in ("x>=1", "0<=x<=9", "default: single", "required")]
    ['1 or more', '0 to 9', 'default: `single`', 'required']
    """
    if text.startswith("default: "):
        return f"default: `{text.removeprefix('default: ')}`"
    if found := re.fullmatch(r"x>=(\S+)", text):
        return f"{found[1]} or more"
    if found := re.fullmatch(r"(\S+)<=x<=(\S+)", text):
        return f"{found[1]} to {found[2]}"
    return prosaic(text)


def prosaic(text: str) -> str:
    """Return help text as Markdown: options set as code, pages linked, the rest as it is."""
    text = _SPECIAL.sub(r"\\\1", text)
    text = _OPTION.sub(lambda option: f"`{option[0]}`", text)
    text = re.sub(rf"{_PAGE.pattern} is the guide\.", r"The guide is docs/\1.md.", text)
    return _PAGE.sub(lambda page: f"[{title(page[1])}](/{page[1]}.md)", text)


def title(name: str) -> str:
    """Return the title of a page of the guide."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _generate(_: Sphinx) -> None:
    write(GENERATED / "commands", pages())


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the site is read."""
    app.connect("builder-inited", _generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
