import hashlib
import http.server
import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from resprobe.datasets import KNOWN, File

CONTENT = b"as published " * 50


@pytest.fixture
def server(tmp_path_factory):
    """Serve a folder on this machine; yields the folder and its address."""
    folder = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=folder, **kwargs)

        def log_message(self, *args):
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture
def short(monkeypatch):
    """Make the archive of cifar10 a short one, with its own length and sum."""
    file = File("cifar-10-binary.tar.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(KNOWN, "cifar10", replace(KNOWN["cifar10"], downloads=(file,)))
    return file


def fetch(run, url, *more):
    return run("data", "fetch", "cifar10", "--data-root", "sets", "--url", url, *more)


def test_list_names_every_data_set_and_where_it_is(ok):
    found = ok("data", "list", "--json").json
    assert {"resprobe", "command"} <= found["meta"].keys()
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["embedded", "cifar10", "cifar100", "fashion-mnist"]
    assert rows["embedded"]["at_hand"] is True
    assert Path(rows["embedded"]["place"]).is_file()
    assert (rows["cifar10"]["at_hand"], rows["cifar10"]["download_bytes"]) == (False, 170_052_171)
    text = ok("data", "list").out
    assert all(re.search(rf"^ *{name} ", text, re.MULTILINE) for name in rows)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_data_root_is_an_option_or_the_environments(ok, how, monkeypatch):
    Path("sets/cifar-10-batches-bin").mkdir(parents=True)
    if how == "environment":
        monkeypatch.setenv("RESPROBE_DATA", "sets")
    more = ("--data-root", "sets") if how == "option" else ()
    rows = {row["name"]: row for row in ok("data", "list", "--json", *more).json["rows"]}
    assert rows["cifar10"]["place"] == "sets/cifar-10-batches-bin"


def test_the_embedded_data_verify(ok):
    (row,) = ok("data", "verify", "embedded", "--json").json["rows"]
    assert (row["ok"], row["checked"]) == (True, "content sha256")
    said = ok("data", "verify", "embedded").out
    assert "fashion-mnist-subset.npz" in said
    assert "True" in said


def test_the_embedded_data_need_no_fetching(refused):
    match = "'embedded' is part of the package: there is nothing to fetch"
    refused(2, match, "data", "fetch", "embedded")


def test_verify_shows_every_file_and_leaves_with_the_integrity_code(call, pets):
    shutil.copytree(pets, "spoilt")
    Path("spoilt/test/cat/0.png").write_bytes(b"miaow")
    ran = call("data", "verify", "spoilt", "--json")
    assert ran.code == 4
    assert [(row["file"], row["ok"]) for row in ran.json["rows"]] == [
        ("spoilt/train", True),
        ("spoilt/test", False),
    ]
    (line,) = ran.notes
    assert re.match(r"resprobe: spoilt/test: not what it should be .*0\.png: does not decode", line)


def test_verify_finds_a_published_file_that_is_not_as_published(call):
    Path("sets").mkdir()
    Path("sets/cifar-10-binary.tar.gz").write_bytes(b"half of it")
    ran = call("data", "verify", "cifar10", "--data-root", "sets")
    assert ran.code == 4
    assert "sets/cifar-10-binary.tar.gz: not what it should be (wanted 170052171 bytes" in ran.err


def test_verify_of_nothing_is_bad_input(refused):
    for path, match in {
        "nothing": "nothing: no such file or folder, nor one of the data sets embedded, cifar10",
        "cifar10": "cifar10 is not at hand below data; get it with `resprobe data fetch cifar10`",
    }.items():
        refused(3, match, "data", "verify", path)


def test_what_is_fetched_is_verified_and_its_path_printed(call, server, short):
    folder, url = server
    (folder / short.name).write_bytes(CONTENT)
    ran = fetch(call, url)
    assert (ran.code, ran.out) == (0, f"sets/{short.name}\n")
    assert ran.err == "resprobe: fetched and verified cifar10\n"
    assert Path("sets", short.name).read_bytes() == CONTENT
    again = fetch(call, url.replace("127.0.0.1", "localhost"), "--quiet")
    assert (again.code, again.out, again.err) == (0, ran.out, "")


def test_a_download_shows_its_progress_on_a_terminal(on_terminal, server, short):
    folder, url = server
    (folder / short.name).write_bytes(CONTENT)
    assert "fetch cifar10 (bytes)" in fetch(on_terminal, url).err


def test_a_file_that_is_not_the_published_one_is_not_kept(refused, server, short):
    folder, url = server
    (folder / short.name).write_bytes(CONTENT[:-1] + b"!")
    Path("sets").mkdir()
    match = rf"{short.name}: wanted sha256 \w+, found sha256 \w+; nothing was kept"
    fetch(lambda *asked: refused(4, match, *asked), url)


def test_a_page_that_is_not_there_is_one_sentence(refused, server):
    fetch(lambda *asked: refused(1, "the server answers 404", *asked), server[1])


def test_only_https_is_asked_and_known_sets(refused):
    for url in ("ftp://127.0.0.1/", "http://example.com/", "file:///etc/passwd"):
        fetch(lambda *asked: refused(2, "is not an https address", *asked), url)
    refused(2, "unknown data set 'cifar': did you mean 'cifar10'", "data", "fetch", "cifar")
