import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
import time
from dataclasses import dataclass, field, replace

import pytest

from resprobe.datasets import KNOWN, File, fetch, load
from resprobe.errors import IntegrityError, ResprobeError, UsageError


@dataclass
class Serving:
    """What a test's server has, how it misbehaves, and what it was asked for."""

    files: dict[str, bytes]
    ranges: bool = True
    cut_after: int | None = None
    wrong_range: bool = False
    redirect: str | None = None
    silent: bool = False
    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        serving = self.server.serving
        wanted = self.headers.get("Range")
        serving.asked.append((self.path, wanted))
        content = serving.files.get(self.path)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if serving.silent:
            serving.release.wait(10)
        elif serving.redirect:
            self.answer(302, b"", Location=serving.redirect + self.path)
        elif content is None:
            self.send_error(404)
        elif not (wanted and serving.ranges):
            self.answer(200, content)
        elif start >= len(content):
            self.send_error(416)
        else:
            first = start + 1 if serving.wrong_range else start
            where = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], **{"Content-Range": where})

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[: self.server.serving.cut_after])


@pytest.fixture
def serve():
    """Return the function that starts a server on this machine for some files."""
    started = []

    def start(files, **behaviour):
        serving = Serving({f"/{name}": data for name, data in files.items()}, **behaviour)
        serving.release = threading.Event()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.serving = serving
        serving.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((serving, server, thread))
        return serving

    yield start
    for serving, server, thread in started:
        serving.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def get(small, serving, root, **more):
    return fetch(small.entry.name, root=root, url=serving.url, known=small.known, **more)


def left(root):
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def test_a_fetched_archive_is_whole_verified_and_loads(small, serve, tmp_path):
    serving = serve({small.archive_name: small.archive})
    seen = []
    path = get(small, serving, tmp_path / "new", progress=lambda *at: seen.append(at))
    assert path == tmp_path / "new" / small.archive_name
    assert path.read_bytes() == small.archive
    assert left(tmp_path / "new") == [small.archive_name]
    assert seen[0] == (0, len(small.archive))
    assert seen[-1] == (len(small.archive), len(small.archive))
    assert seen == sorted(seen)
    data = load(small.entry.name, root=tmp_path / "new", known=small.known)
    assert data.labels.tolist() == small.labels["test"].tolist()


def test_the_address_may_name_the_file_itself(small_binary, serve, tmp_path):
    serving = serve({small_binary.archive_name: small_binary.archive})
    fetch(
        "small10",
        root=tmp_path,
        url=serving.url + small_binary.archive_name,
        known=small_binary.known,
    )
    assert serving.asked == [(f"/{small_binary.archive_name}", None)]


def test_what_is_there_and_right_is_not_fetched_again(small_binary, serve, tmp_path):
    serving = serve({})
    small_binary.put_archive(tmp_path)
    seen = []
    get(small_binary, serving, tmp_path, progress=lambda *at: seen.append(at))
    assert serving.asked == []
    assert seen == [(len(small_binary.archive),) * 2]


def test_what_is_there_and_wrong_is_replaced(small_binary, serve, tmp_path):
    serving = serve({small_binary.archive_name: small_binary.archive})
    small_binary.put_archive(tmp_path).write_bytes(b"wrong")
    assert get(small_binary, serving, tmp_path).read_bytes() == small_binary.archive


def test_a_cut_connection_keeps_the_part_and_the_next_run_goes_on_from_there(
    small_binary, serve, tmp_path
):
    size = len(small_binary.archive)
    serving = serve({small_binary.archive_name: small_binary.archive}, cut_after=1000)
    with pytest.raises(
        ResprobeError, match=rf"1000 (of {size} )?bytes.*run it again|from 1000 bytes"
    ):
        get(small_binary, serving, tmp_path)
    part = f"{small_binary.archive_name}.part"
    assert left(tmp_path) == [part]
    assert (tmp_path / part).read_bytes() == small_binary.archive[:1000]
    serving.cut_after = None
    seen = []
    path = get(small_binary, serving, tmp_path, progress=lambda *at: seen.append(at))
    assert path.read_bytes() == small_binary.archive
    assert serving.asked[-1][1] == "bytes=1000-"
    assert seen[0] == (1000, size)
    assert left(tmp_path) == [small_binary.archive_name]


@pytest.mark.parametrize("behaviour", [{"ranges": False}, {"wrong_range": True}])
def test_a_server_that_cannot_resume_sends_it_from_the_start(
    small_binary, serve, tmp_path, behaviour
):
    serving = serve({small_binary.archive_name: small_binary.archive}, **behaviour)
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(b"x" * 1000)
    assert get(small_binary, serving, tmp_path).read_bytes() == small_binary.archive
    assert serving.asked[0][1] == "bytes=1000-"


def test_a_range_that_the_server_finds_beyond_its_file_starts_anew(small_binary, serve, tmp_path):
    serving = serve({small_binary.archive_name: small_binary.archive[:500]})
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(small_binary.archive[:600])
    with pytest.raises(ResprobeError, match="ended after 500 of"):
        get(small_binary, serving, tmp_path)
    assert [wanted for _, wanted in serving.asked] == ["bytes=600-", None]


def test_a_part_that_is_already_complete_is_used_without_asking(small_binary, serve, tmp_path):
    serving = serve({})
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(small_binary.archive)
    assert get(small_binary, serving, tmp_path).read_bytes() == small_binary.archive
    assert serving.asked == []
    assert left(tmp_path) == [small_binary.archive_name]


@pytest.mark.parametrize("change", [lambda d: d[:-1] + b"!", lambda d: d + b"!"])
def test_a_part_that_is_complete_but_wrong_or_too_long_is_begun_again(
    small_binary, serve, tmp_path, change
):
    serving = serve({small_binary.archive_name: small_binary.archive})
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(change(small_binary.archive))
    assert get(small_binary, serving, tmp_path).read_bytes() == small_binary.archive
    assert serving.asked[0][1] is None


@pytest.mark.parametrize("change", [lambda d: d[:-1] + b"!", lambda d: d + b"!" * 10**6])
def test_a_wrong_sum_or_too_much_leaves_nothing(small_binary, serve, tmp_path, change):
    serving = serve({small_binary.archive_name: change(small_binary.archive)})
    with pytest.raises(IntegrityError, match=r"wanted .* found .*nothing was kept"):
        get(small_binary, serving, tmp_path)
    assert left(tmp_path) == []


def test_a_server_that_sends_without_end_is_left_early(small_binary, serve, tmp_path):
    size = len(small_binary.archive)
    serving = serve({small_binary.archive_name: small_binary.archive + bytes(10**7)})
    seen = []
    with pytest.raises(IntegrityError):
        get(small_binary, serving, tmp_path, progress=lambda *at: seen.append(at))
    assert seen[-1][0] <= size + 2**16


def test_a_stale_part_that_spoils_the_sum_is_removed(small_binary, serve, tmp_path):
    serving = serve({small_binary.archive_name: small_binary.archive})
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(b"x" * 1000)
    with pytest.raises(IntegrityError):
        get(small_binary, serving, tmp_path)
    assert left(tmp_path) == []
    assert get(small_binary, serving, tmp_path).read_bytes() == small_binary.archive


def test_a_missing_page_is_one_sentence(small_binary, serve, tmp_path):
    serving = serve({})
    with pytest.raises(ResprobeError, match=r"cifar-10-binary\.tar\.gz: the server answers 404"):
        get(small_binary, serving, tmp_path)
    assert left(tmp_path) == []


def test_a_server_that_is_not_there_is_one_sentence(small_binary, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(ResprobeError, match=r"cannot be fetched .*refused.*try again later"):
        fetch("small10", root=tmp_path, url=url, known=small_binary.known)
    assert left(tmp_path) == []


def test_a_silent_server_is_given_up_on(small_binary, serve, tmp_path):
    serving = serve({}, silent=True)
    start = time.monotonic()
    with pytest.raises(ResprobeError, match=r"cannot be fetched .*timed out"):
        get(small_binary, serving, tmp_path, timeout_s=0.2)
    assert time.monotonic() - start < 2


def test_a_redirect_on_this_machine_is_followed_with_its_range(small_binary, serve, tmp_path):
    behind = serve({small_binary.archive_name: small_binary.archive})
    before = serve({}, redirect=behind.url.rstrip("/"))
    (tmp_path / f"{small_binary.archive_name}.part").write_bytes(small_binary.archive[:10])
    assert get(small_binary, before, tmp_path).read_bytes() == small_binary.archive
    assert behind.asked == [(f"/{small_binary.archive_name}", "bytes=10-")]


@pytest.mark.parametrize("target", ["http://example.invalid", "ftp://example.invalid"])
def test_a_redirect_away_from_https_is_not_followed(small_binary, serve, tmp_path, target):
    serving = serve({}, redirect=target)
    with pytest.raises(ResprobeError, match=rf"redirects to {target}.*not followed"):
        get(small_binary, serving, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid/",
        "http://127.0.0.1.example.invalid/",
        "http://localhost@example.invalid/",
        "file:///etc/",
        "ftp://127.0.0.1/",
        "cifar",
        "",
    ],
)
def test_only_https_or_this_machine_is_asked(small_binary, tmp_path, url):
    with pytest.raises(UsageError, match="is not an https address"):
        fetch("small10", root=tmp_path, url=url, known=small_binary.known)


@pytest.mark.parametrize("name", ["embedded", "fashion-mnist-subset"])
def test_there_is_nothing_to_fetch_of_the_embedded_data(name, tmp_path):
    with pytest.raises(UsageError, match="nothing to fetch"):
        fetch(name, root=tmp_path)


def test_an_unknown_name_gets_a_suggestion(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'cifar10'"):
        fetch("cifar11", root=tmp_path)


def test_a_data_root_that_is_a_file_is_one_sentence(small_binary, serve, tmp_path):
    serving = serve({small_binary.archive_name: small_binary.archive})
    (tmp_path / "file").write_text("")
    with pytest.raises(ResprobeError, match=r"cannot be written .*--data-root"):
        get(small_binary, serving, tmp_path / "file")


def test_a_set_of_several_files_goes_into_its_folder_with_one_progress(serve, tmp_path):
    contents = {f.name: gzip.compress(f.name.encode()) for f in KNOWN["fashion-mnist"].downloads}
    files = tuple(
        File(name, len(data), md5=hashlib.md5(data).hexdigest()) for name, data in contents.items()
    )
    known = {"fashion-mnist": replace(KNOWN["fashion-mnist"], downloads=files)}
    serving = serve(contents)
    seen = []
    path = fetch(
        "fashion-mnist",
        root=tmp_path,
        url=serving.url,
        known=known,
        progress=lambda *at: seen.append(at),
    )
    assert path == tmp_path / "fashion-mnist"
    assert {file.name: file.read_bytes() for file in path.iterdir()} == contents
    total = sum(map(len, contents.values()))
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)
