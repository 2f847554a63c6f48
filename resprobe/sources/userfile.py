"""A model that a function in the user's own file makes."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import itertools
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from resprobe.errors import InputError, UsageError, one_of
from resprobe.sources.reasons import reason
from resprobe.sources.spec import ModelSpec

__all__ = ["from_file"]

_NUMBERS = itertools.count()


def from_file(spec: ModelSpec, defaults: Mapping[str, int]) -> nn.Module:
    """Import the file, call its function with the options, and forget the file again.

    While this runs, the file's folder is on ``sys.path``, so that it can import what lies
    beside it, also where a module of the same name from another folder is in use already; no
    bytecode is written, and afterwards neither the file nor its neighbours remain in
    ``sys.modules``.

    Parameters
    ----------
    spec : ModelSpec
        Of a file.
    defaults : mapping
        ``num_classes`` and ``in_channels`` for where ``spec`` does not say; passed only where
        the function's signature names them (or ``in_chans``).

    Raises
    ------
    InputError
        If the file is missing or does not import, or the function raises or returns something
        else than a module.
    UsageError
        If there is no such function, or it wants other arguments.
    """
    assert spec.path is not None
    path = spec.path.resolve()
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InputError(f"{spec.path}: {what}; check the path to the model's file")
    with _beside(path.parent):
        factory = _function(_imported(path, spec), spec)
        options = _arguments(factory, spec, defaults)
        try:
            model = factory(**options)
        except (Exception, SystemExit) as error:
            raise InputError(f"{spec.path}: {spec.name} fails ({reason(error, path)})") from error
    if not isinstance(model, nn.Module):
        what = "the class itself" if isinstance(model, type) else f"a {type(model).__name__}"
        raise InputError(
            f"{spec.path}: {spec.name} returns {what}; wanted a torch.nn.Module, ready to call"
        )
    return model


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let files in a folder be imported, for as long as this lasts."""
    modules, path, bytecode = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()  # the folder may have changed within its clock's resolution
    aside = _namesakes(folder)
    for name in aside:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path[:] = path
        for name in _came_from(folder, modules.keys() - aside):
            del sys.modules[name]
        sys.modules.update((name, modules[name]) for name in aside)


def _namesakes(folder: Path) -> set[str]:
    """Return the imported modules, with their parts, that something in the folder is named like.

    Python would hand these out in its place. The standard library, installed packages and this
    one stay: they are in use, and some cannot be loaded twice.
    """
    tops = {name for name in sys.modules if "." not in name}
    kept = sys.stdlib_module_names | {"__main__", __name__.partition(".")[0]}
    aside = {
        name
        for name in tops - kept
        if PathFinder.find_spec(name, [str(folder)])
        and not _lies_in(sys.modules[name], folder)
        and not _is_installed(sys.modules[name])
    }
    return {name for name in sys.modules if name.partition(".")[0] in aside}


def _came_from(folder: Path, before: Collection[str]) -> list[str]:
    """Return the modules that were not there before and lie in the folder, with their parts."""
    new = sys.modules.keys() - before
    tops = {name for name in new if "." not in name and _lies_in(sys.modules[name], folder)}
    return [name for name in new if name.partition(".")[0] in tops]


def _lies_in(module: ModuleType, folder: Path) -> bool:
    return any(home.parent == folder for home in _homes(module))


def _is_installed(module: ModuleType) -> bool:
    places = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    return not places.isdisjoint(parent for home in _homes(module) for parent in home.parents)


def _homes(module: ModuleType) -> list[Path]:
    homes = getattr(module, "__path__", None) or [getattr(module, "__file__", None)]
    return [Path(home) for home in homes if home]


def _imported(path: Path, spec: ModelSpec) -> ModuleType:
    private = f"_resprobe_user_file_{next(_NUMBERS)}"
    described = importlib.util.spec_from_file_location(private, path)
    assert described is not None
    assert described.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(described)
    sys.modules[private] = module  # where dataclasses look for the module of a class
    try:
        described.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{spec.path}: does not import ({reason(error, path)})") from error
    return module


def _function(module: ModuleType, spec: ModelSpec) -> Callable[..., Any]:
    own = {
        name: value
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    }
    found = getattr(module, spec.name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise UsageError(
            f"{spec.path}: {spec.name} is a {type(found).__name__}; wanted a function that "
            "makes the model"
        )
    has = f"{spec.path} has {', '.join(own)}" if own else f"{spec.path} defines no function"
    raise one_of("function", spec.name, own, hint=has)


def _arguments(
    factory: Callable[..., Any], spec: ModelSpec, defaults: Mapping[str, int]
) -> dict[str, Any]:
    """Put the options and the defaults that the function names together, and check that they fit.

    What is said here is wrong in the request; what the call raises is wrong in the function.
    """
    try:
        signature = inspect.signature(factory)
    except (ValueError, TypeError):  # a callable that does not say
        return dict(spec.options)
    named = signature.parameters
    aliases = {"num_classes": ("num_classes",), "in_channels": ("in_channels", "in_chans")}
    usual = {
        alias: value
        for name, value in defaults.items()
        for alias in aliases[name]
        if alias in named
    }
    options = usual | spec.options
    any_name = any(p.kind is p.VAR_KEYWORD for p in named.values())
    unknown = [name for name in options if name not in named and not any_name]
    if unknown:
        hint = f"it takes {', '.join(named)}" if named else "it takes none"
        raise one_of(f"option of {spec.path}:{spec.name}", unknown[0], named, hint=hint)
    missing = [
        p.name
        for p in named.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name not in options
    ]
    if missing:
        given = "".join(f":{name}=VALUE" for name in missing)
        raise UsageError(
            f"{spec.path}: {spec.name} wants {', '.join(missing)}; give it as "
            f"{spec.path}:{spec.name}{given}"
        )
    return options
