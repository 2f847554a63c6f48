"""From the bytes of any checkpoint file to plain values and tensors, without running code."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from resprobe.checkpoints.seal import broken
from resprobe.checkpoints.wording import printable
from resprobe.errors import InputError

__all__ = ["decode", "metadata_of", "read_bytes"]

ZIP = b"PK\x03\x04"
PICKLE = b"\x80"
SAFETENSORS_HEADER_LIMIT = 100_000_000  # set by the format

PLAIN = (
    "where it was written, save only the state dict, as in torch.save(model.state_dict(), path), "
    "and bring that file"
)


def read_bytes(path: Path) -> bytes:
    """Return the whole content of a file.

    Raises
    ------
    InputError
        If there is none, or it is empty, a folder or unreadable.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; a checkpoint is a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: a device or a pipe; a checkpoint is a regular file")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason})") from error
    if not data:
        raise InputError(f"{path}: an empty file (0 bytes); get the checkpoint again")
    return data


def decode(data: bytes, path: Path) -> Any:
    """Read a torch archive, an old torch pickle or safetensors, told apart by their content.

    Pickles go through torch's weights-only unpickler, always: it builds tensors and plain
    values and refuses every other name before it is imported.

    Raises
    ------
    InputError
        If it is none of them, is damaged, or holds objects that would run code.
    IntegrityError
        If it begins as a zip archive and has no readable end.
    """
    if _is_safetensors(data):
        return _decoded(safetensors.torch.load, data, path)
    if data.startswith(ZIP):
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise broken(path)
        return _decoded(_torch_load, data, path)
    if data.startswith(PICKLE):
        return _decoded(_torch_load, data, path)
    raise InputError(
        f"{path}: not a checkpoint (neither a torch file nor safetensors, by its content)"
    )


def _is_safetensors(data: bytes) -> bool:
    length = int.from_bytes(data[:8], "little")
    return data[8:9] == b"{" and length <= SAFETENSORS_HEADER_LIMIT


def metadata_of(data: bytes) -> dict[str, str]:
    """Return the texts in the header of a safetensors file; none for any other file.

    Parameters
    ----------
    data : bytes
        The content of a file that :func:`decode` took.
    """
    if not _is_safetensors(data):
        return {}
    length = int.from_bytes(data[:8], "little")
    held = json.loads(data[8 : 8 + length].decode()).get("__metadata__") or {}
    return {str(key): str(value) for key, value in held.items()}


def _torch_load(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle protocols and old storage classes
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True, mmap=False)


def _decoded(reader: Callable[[bytes], Any], data: bytes, path: Path) -> Any:
    try:
        return reader(data)
    except Exception as error:  # damaged files make the readers raise nearly anything
        refused = _refused_name(str(error), data)
        if refused is not None:
            raise InputError(
                f"{path}: holds Python objects that would run code when loaded "
                f"({printable(refused)}); refused: {PLAIN}"
            ) from error
        if "TorchScript" in str(error):
            raise InputError(
                f"{path}: a TorchScript program, which would run code; {PLAIN}"
            ) from error
        raise InputError(
            f"{path}: damaged, or not a checkpoint ({_reason(error)}); get it again"
        ) from error


def _reason(error: Exception) -> str:
    """Shorten a reader's message, which can be a page, to its first sentence."""
    message = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    if re.match("Unsupported operand", message):
        return "a pickle such as torch.save does not write"
    sentence = re.split(r"\. |\n", message, maxsplit=1)[0]
    return printable(sentence[:120].rstrip(". ")) or type(error).__name__


def _refused_name(message: str, data: bytes) -> str | None:
    """Return what the weights-only unpickler refused to import or call, if that was it."""
    name = re.search(r"GLOBAL (\S+)|unrecognized function (.+?)(?: which|\n|$)", message)
    if name is not None:
        return name[1] or name[2]
    operand = re.search(r"Unsupported operand (\d+)", message)
    if operand is not None and int(operand[1]) in _UNKNOWN_TO_TORCH:
        return next((name for name in _imports(data) if not name.startswith(_HARMLESS)), None)
    return None


_UNKNOWN_TO_TORCH = {
    *pickle.FRAME,
    *pickle.STACK_GLOBAL,
    *pickle.INST,
    *pickle.OBJ,
    *pickle.NEWOBJ_EX,
}
"""Opcodes of old or later protocols, which a plain ``pickle.dump`` writes: what do they import?"""

_HARMLESS = ("collections.OrderedDict", "torch._utils.")


def _imports(data: bytes) -> Iterator[str]:
    """Yield the names that a pickle would import; only its opcodes are read."""
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(_bare_pickle(data)):
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            elif isinstance(argument, str):
                texts.append(argument)
    except Exception:  # the bytes are a stranger's; without a name the refusal stands as well
        return


def _bare_pickle(data: bytes) -> bytes:
    if not data.startswith(ZIP):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        stored = entry.compress_type == zipfile.ZIP_STORED  # else it could unpack to anything
        return archive.read(entry) if stored else b""
