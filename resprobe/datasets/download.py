"""Getting a published data set: over https, resumed where it was cut off, verified."""

from __future__ import annotations

import http.client
import ipaddress
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from resprobe.datasets.known import KNOWN, KnownSet, data_root, known_set
from resprobe.datasets.sources import File
from resprobe.errors import IntegrityError, ResprobeError, UsageError

__all__ = ["fetch"]

CHUNK_BYTES = 2**16


def fetch(
    name: str,
    *,
    root: str | Path | None = None,
    url: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 30.0,
    known: Mapping[str, KnownSet] = KNOWN,
) -> Path:
    """Download a data set below the data root and verify it; go on where it was cut off.

    Bytes go to ``NAME.part``, which becomes ``NAME`` only when its length and sums are the
    published ones. What is there already and right is not fetched again.

    Parameters
    ----------
    name : str
        "cifar10", "cifar100" or "fashion-mnist".
    root : str or Path, optional
        The data root; ``RESPROBE_DATA`` or ``data`` if not given.
    url : str, optional
        A mirror instead of the official place: the address of the folder that holds the
        files, or of the file where there is one. https, or http on this machine itself.
    progress : callable, optional
        Called with the bytes that are there and the bytes in all, now and then.
    timeout_s : float
        How long, in seconds, a silent server is waited for.
    known : mapping
        The named sets.

    Returns
    -------
    Path
        The archive, or the folder where a set has several files.

    Raises
    ------
    UsageError
        If the name is unknown or the address is neither https nor local.
    IntegrityError
        If what came is not the published file; nothing of it is kept.
    ResprobeError
        If the server is unreachable, refuses, or breaks off; the part is kept.
    """
    entry = known_set(name, known)
    base = url if url is not None else entry.url
    if not _safe(base):
        raise UsageError(
            f"'{base}' is not an https address (http only serves for this machine itself)"
        )
    folder = data_root(root) / entry.folder
    sizes = [_size(file) for file in entry.downloads]
    for position, file in enumerate(entry.downloads):

        def report(done: int, before: int = sum(sizes[:position])) -> None:
            if progress is not None:
                progress(before + done, sum(sizes))

        _get(_address(base, file), folder / file.name, file, report, timeout_s)
    return folder / entry.downloads[0].name if len(entry.downloads) == 1 else folder


def _size(file: File) -> int:
    assert file.size_bytes is not None, "what is fetched is published with its length"
    return file.size_bytes


def _address(base: str, file: File) -> str:
    return base if base.endswith(f"/{file.name}") else f"{base.rstrip('/')}/{file.name}"


def _local(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _safe(url: str) -> bool:
    scheme = urllib.parse.urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and _local(url))


def _get(
    address: str, target: Path, file: File, report: Callable[[int], None], timeout_s: float
) -> None:
    if target.is_file() and _right(target, file):
        report(_size(file))
        return
    part = target.with_name(f"{target.name}.part")
    if _length(part) >= _size(file) and not _right(part, file):
        part.unlink()
    if _length(part) < _size(file):
        _stream(address, part, file, report, timeout_s)
    _finish(address, part, target, file)


def _right(path: Path, file: File) -> bool:
    with path.open("rb") as stream:
        return file.compare(stream, str(path)).ok


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _finish(address: str, part: Path, target: Path, file: File) -> None:
    """Give the part its name if it is the published file; remove it if it is not."""
    with part.open("rb") as stream:
        check = file.compare(stream, str(part))
        os.fsync(stream.fileno())
    if not check.ok:
        part.unlink()
        raise IntegrityError(
            f"{address}: {check.difference}; nothing was kept, try again or another mirror"
        )
    part.replace(target)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to addresses that could have been asked for directly."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not _safe(newurl):
            raise ResprobeError(
                f"{req.full_url}: redirects to {newurl}, which is not https; not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address: str, start: int, timeout_s: float) -> tuple[http.client.HTTPResponse, int]:
    """Ask for the bytes from ``start``; return the answer and where its first byte belongs."""
    handlers: list[urllib.request.BaseHandler] = [_SafeRedirects()]
    if _local(address):  # a proxy could not reach this machine
        handlers.append(urllib.request.ProxyHandler({}))
    headers = {"User-Agent": "resprobe", **({"Range": f"bytes={start}-"} if start else {})}
    request = urllib.request.Request(address, headers=headers)
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return _open(address, 0, timeout_s)
        raise
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return answer, 0
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        answer.close()
        return _open(address, 0, timeout_s)
    return answer, start


def _stream(
    address: str, part: Path, file: File, report: Callable[[int], None], timeout_s: float
) -> None:
    """Append what is missing to the part, or write it anew where the server cannot resume."""
    try:
        answer, done = _open(address, _length(part), timeout_s)
        with answer, _writing(part, append=done > 0) as out:
            report(done)
            while done <= _size(file) and (chunk := answer.read(CHUNK_BYTES)):
                _write(out, chunk, part)
                done += len(chunk)
                report(done)
    except urllib.error.HTTPError as error:
        raise ResprobeError(
            f"{address}: the server answers {error.code} ({error.reason})"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        begun = _length(part)
        later = f"run it again to go on from {begun} bytes" if begun else "try again later"
        raise ResprobeError(f"{address}: cannot be fetched ({reason}); {later}") from error
    if done < _size(file):
        raise ResprobeError(
            f"{address}: the connection ended after {done} of {_size(file)} bytes; "
            "run it again to go on from there"
        )


def _writing(part: Path, *, append: bool) -> IO[bytes]:
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        return part.open("ab" if append else "wb")
    except OSError as error:
        raise ResprobeError(
            f"{part}: cannot be written ({error.strerror}); choose another --data-root"
        ) from error


def _write(out: IO[bytes], chunk: bytes, part: Path) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise ResprobeError(f"{part}: writing failed ({error.strerror or error})") from error
