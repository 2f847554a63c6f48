"""The text that names a model: where it comes from, its name, its options."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from resprobe.errors import UsageError, one_of

__all__ = ["ModelSpec", "Source"]


class Source(StrEnum):
    """Where a model comes from."""

    TORCHVISION = "torchvision"
    TIMM = "timm"
    FILE = "file"


@dataclass(frozen=True)
class ModelSpec:
    """A model's source, name and options.

    Parameters
    ----------
    source : Source
        The library, or a file of the user's.
    name : str
        The model's name in the library, or the function's in the file.
    options : dict
        Keyword arguments for the library's or the user's function.
    path : Path or None
        The file; None for a library.

    Examples
    --------
    >>> spec = ModelSpec.parse("timm:vit_tiny_patch16_224:img_size=32:class_token=false")
    >>> spec.name, spec.options
    ('vit_tiny_patch16_224', {'img_size': 32, 'class_token': False})
    >>> print(ModelSpec.parse("nets.py:make_model:depth=20"))
    nets.py:make_model:depth=20
    """

    source: Source
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ModelSpec:
        """Read ``torchvision:NAME``, ``timm:NAME`` or ``FILE.py:FUNCTION``, each with options.

        Options follow as ``:NAME=VALUE``. A value is a Python literal where it reads as one,
        ``true`` or ``false`` in any case, else text. Only a colon before ``NAME=`` begins an
        option, so that paths and values may hold colons.

        Raises
        ------
        UsageError
            If the text is none of these, or an option is given twice.
        """
        text = text.strip()
        source, _, rest = text.partition(":")
        if source in (Source.TORCHVISION, Source.TIMM):
            name, options = _with_options(text, rest.strip())
            return cls(Source(source), _library_name(text, source, name), options)
        match = _FILE.fullmatch(text)
        if match is None:
            libraries = (Source.TORCHVISION, Source.TIMM)
            raise one_of("model source", source, libraries, hint=f"wanted {_FORMS}")
        function, options = _with_options(text, match["rest"])
        return cls(Source.FILE, _function_name(text, function), options, Path(match["path"]))

    @property
    def label(self) -> str:
        """A short name for tables, without folders and options."""
        return f"{self.source if self.path is None else self.path.stem}:{self.name}"

    @property
    def label_with_options(self) -> str:
        """The short name with the options, for where several differ in nothing else."""
        return ":".join([self.label, *(f"{k}={v}" for k, v in self.options.items())])

    @property
    def asks_for_weights(self) -> bool:
        """Whether an option asks for trained weights, which may be downloaded."""
        return any(self.options.get(name) for name in WEIGHTS)

    def __str__(self) -> str:
        where = self.source if self.path is None else self.path
        return ":".join([str(where), self.name, *(f"{k}={v}" for k, v in self.options.items())])


WEIGHTS = ("weights", "pretrained", "weights_backbone", "pretrained_backbone")
_OPTION = re.compile(r":([A-Za-z_]\w*)=")
_FILE = re.compile(r"(?P<path>.+?\.py)(?::(?P<rest>.*))?", re.DOTALL)
_FORMS = "torchvision:NAME, timm:NAME or FILE.py:FUNCTION"


def _library_name(text: str, source: str, name: str) -> str:
    if not name:
        raise UsageError(f"{text}: names no model; wanted {source}:NAME, such as {source}:resnet18")
    if ":" in name:
        stray = name.partition(":")[2]
        raise UsageError(f"{text}: '{stray}' is no option; an option is written NAME=VALUE")
    return name


def _function_name(text: str, function: str) -> str:
    if not function:
        raise UsageError(f"{text}: names no function in the file; wanted FILE.py:FUNCTION")
    if not function.isidentifier():
        raise UsageError(
            f"{text}: '{function}' is no function's name; wanted FILE.py:FUNCTION, and options "
            "as NAME=VALUE"
        )
    return function


def _with_options(text: str, rest: str | None) -> tuple[str, dict[str, Any]]:
    """Take the options off the end of a name."""
    name, *parts = _OPTION.split(rest or "")
    options: dict[str, Any] = {}
    for option, value in zip(parts[::2], parts[1::2], strict=True):
        if option in options:
            raise UsageError(f"{text}: the option {option} is given twice; keep one of them")
        options[option] = _value(value)
    return name, options


def _value(text: str) -> Any:
    """Read a literal; whatever does not read as one is meant as text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes in quoted text
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
