"""The reference: a page for every public name of the package, and one for every room of it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from extensions.places import GENERATED, write

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

TASKS = {
    "Networks and checkpoints": (
        "load", "load_weights", "save", "Checkpoint", "build_model", "Architecture", "size_table",
    ),
    "Images": ("load_data", "ImageSet", "Normalisation", "Batches"),
    "The chain": ("unravel", "Chain", "block_table"),
    "Measuring": (
        "lesion", "studies", "gradflow", "magnitude", "paths", "path_law", "path_share",
        "predictors", "readout", "similarity", "geometry", "initialisation", "landscape",
    ),
    "Training": ("train", "Recipe", "watch"),
    "Results": ("Result", "plot"),
    "In a notebook": ("explore", "Explorer", "Workbench", "chain_html", "result_html"),
}  # fmt: skip
"""Names of the package by what they are for; what is in none of them stands with the results."""

ROOMS = (
    "chain", "checkpoints", "datasets", "drawing", "errors", "figures", "monitor", "networks",
    "notebook", "probes", "ranks", "report", "reproduction", "results", "sources",
    "statistics", "streams", "surveys", "training", "demo",
)  # fmt: skip

_HEAD = ("| | |", "| --- | --- |")


def by_task() -> dict[str, list[str]]:
    """Return the names that ``import resprobe`` gives, each once."""
    import resprobe

    listed = {name for names in TASKS.values() for name in names}
    others = sorted(set(resprobe.__all__) - listed)
    found = {task: [n for n in names if n in resprobe.__all__] for task, names in TASKS.items()}
    found["Results"] += others
    return found


def rooms() -> dict[str, ModuleType]:
    """Return the rooms that there are, by name."""
    found = {}
    for room in ROOMS:
        if importlib.util.find_spec(f"resprobe.{room}") is not None:
            found[room] = importlib.import_module(f"resprobe.{room}")
    return found


def pages() -> dict[str, str]:
    """Return the reStructuredText of every page, by file name."""
    import resprobe

    names = {f"resprobe.{name}.rst": _name_page(name) for name in resprobe.__all__}
    return names | {f"room-{name}.rst": _room_page(name, room) for name, room in rooms().items()}


def contents() -> str:
    """Return Markdown that lists the names by what they are for, and the rooms."""
    import resprobe

    parts = []
    for task, names in by_task().items():
        rows = [_row(name, f"resprobe.{name}", getattr(resprobe, name)) for name in names]
        parts.append("\n".join([f"### {task}\n", *_HEAD, *rows]))
    rows = [_row(f"resprobe.{name}", f"room-{name}", room) for name, room in rooms().items()]
    parts.append("\n".join(["## Rooms\n", *_HEAD, *rows]))
    return "\n\n".join(parts) + "\n"


def _row(name: str, page: str, documented: object) -> str:
    return f"| [{name}](/generated/api/{page}.rst) | {first_sentence(documented)} |"


def first_sentence(documented: object) -> str:
    """Return what a docstring begins with, for a table in Markdown."""
    text = (inspect.getdoc(documented) or "").split("\n\n")[0]
    text = re.sub(r":\w+:(?=`)", "", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


def _directive(path: str, documented: object) -> str:
    if isinstance(documented, type):
        return f".. autoclass:: {path}\n   :members:\n"
    if inspect.isroutine(documented):
        return f".. autofunction:: {path}\n"
    home = _home(path, documented)
    return f".. autodata:: {home}\n   :no-value:\n" if home else f".. py:data:: {path}\n"


def _home(path: str, documented: object) -> str:
    """Return where a constant is described, which no docstring of its own can say; "" if not."""
    from sphinx.pycode import ModuleAnalyzer

    room, _, name = path.rpartition(".")
    parts = getattr(importlib.import_module(room), "__path__", [])
    inside = [f"{room}.{part.name}" for part in pkgutil.iter_modules(parts)]
    for module in [room, *inside]:
        described = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", name) in described and getattr(sys.modules.get(module), name, None) is documented:
            return f"{module}.{name}"
    return ""


def _name_page(name: str) -> str:
    import resprobe

    documented = getattr(resprobe, name)
    if isinstance(documented, ModuleType):
        return _module_page(f"resprobe.{name}", documented, {})
    return f"{_title(f'resprobe.{name}')}\n{_directive(f'resprobe.{name}', documented)}"


def _room_page(name: str, room: ModuleType) -> str:
    import resprobe

    elsewhere = {id(getattr(resprobe, public)): public for public in resprobe.__all__}
    return _module_page(f"resprobe.{name}", room, elsewhere)


def _module_page(path: str, module: ModuleType, elsewhere: dict[int, str]) -> str:
    """Return a page of a module; names that have a page of their own are linked."""
    parts = [_title(path), f".. module:: {module.__name__}\n", f"{inspect.getdoc(module)}\n"]
    for name in getattr(module, "__all__", []):
        documented = getattr(module, name)
        if isinstance(documented, ModuleType):
            continue
        if (public := elsewhere.get(id(documented))) is not None:
            parts.append(f"{_title(name, '-')}\nThe same as :doc:`resprobe.{public}`.\n")
        else:
            parts.append(
                f"{_title(name, '-')}\n{_directive(f'{module.__name__}.{name}', documented)}"
            )
    return "\n".join(parts)


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def _generate(_: Sphinx) -> None:
    write(GENERATED / "api", {**pages(), "contents.inc": contents()})


_BARS = re.compile(r"``.*?``|(?<![\w|])(\|[^\s|`](?:[^|`\n]*[^\s|`])?\|)(?![\w|])", flags=re.DOTALL)
_SEVERAL = re.compile(
    r"^:(?P<field>ivar|vartype) (?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n[ \t]+.*)*)$",
    flags=re.MULTILINE,
)


def meant(text: str) -> str:
    """Return a docstring's reStructuredText as its writer meant it.

    Bars around an expression are no substitution, and several names may share a description.

    Examples
    --------
    >>> meant("the mean of |M|, not of ``|M|``")
    'the mean of ``|M|``, not of ``|M|``'
    >>> meant(":ivar low, high: Ends of the interval.").splitlines()
    [':ivar low: Ends of the interval.', ':ivar high: Ends of the interval.']
    """
    text = _BARS.sub(lambda found: f"``{found[1]}``" if found[1] else found[0], text)
    return _SEVERAL.sub(
        lambda found: "\n".join(
            f":{found['field']} {name}: {found['text']}" for name in found["names"].split(", ")
        ),
        text,
    )


def _mend(
    _app: Sphinx, _what: str, _name: str, _of: object, _options: object, lines: list[str]
) -> None:
    lines[:] = meant("\n".join(lines)).split("\n")


def _skip(
    _app: Sphinx, _what: str, _name: str, member: object, _skipped: bool, _options: object
) -> bool | None:
    """Leave out the fields of named tuples, which their class's own docstring explains."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field") else None


def _found_elsewhere(
    app: Sphinx, env: BuildEnvironment, link: nodes.Element, shown: nodes.Element
) -> nodes.Element | None:
    """Resolve a name that is written as in its own module, and described in another place."""
    from sphinx.util.nodes import make_refnode

    if link.get("refdomain") != "py" or link.get("refspecific"):
        return None
    ending = link["reftarget"].removeprefix("~").split(".")[-1]
    found = [
        entry
        for name, entry in env.domains.python_domain.objects.items()
        if name.split(".")[-1] == ending and not entry.aliased
    ]
    if len(found) != 1:
        return None
    return make_refnode(app.builder, link["refdoc"], found[0].docname, found[0].node_id, shown)


def _leave_words(_app: Sphinx, tree: nodes.document) -> None:
    """Take ``tuple of (name, parameter)`` for words: our types have a capital."""
    from docutils import nodes
    from sphinx import addnodes
    from sphinx.util.nodes import find_pending_xref_condition

    for text in list(tree.findall(nodes.Text)):
        if text == " -- ":  # between a parameter and what is said of it
            text.parent.replace(text, nodes.Text(" – "))
    for link in list(tree.findall(addnodes.pending_xref)):
        if link.get("refspecific") and link["reftarget"].islower() and "." not in link["reftarget"]:
            unresolved = find_pending_xref_condition(link, "*")
            link.replace_self((unresolved or link).children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the site is read."""
    app.connect("builder-inited", _generate)
    app.connect("autodoc-process-docstring", _mend)
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _found_elsewhere)
    app.connect("doctree-read", _leave_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
