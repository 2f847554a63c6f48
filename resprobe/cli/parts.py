"""Where work that may be interrupted keeps what it has done."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

__all__ = ["part_file", "safe_name"]


def part_file(out: Path, command: str, network: str, *more: str) -> Path:
    """Return the file beside the results for one network's part of a command.

    Examples
    --------
    >>> part_file(Path("out"), "lesion", "resnet8", "single").as_posix()
    'out/lesion-resnet8-single.part'
    """
    return out / f"{'-'.join([command, safe_name(network), *more])}.part"


def safe_name(network: str) -> str:
    """Return what a network's files are called: its name, without what a file's cannot have.

    Examples
    --------
    >>> safe_name("resnet8"), safe_name("../a b")
    ('resnet8', '_._a_b-2c2c791a')
    """
    safe = re.sub(r"^\.|[^\w.+=#-]", "_", network, flags=re.ASCII)[:100]
    if safe != network:  # so that two names do not become one
        safe += f"-{hashlib.sha256(network.encode()).hexdigest()[:8]}"
    return safe
