import hashlib
import json
import math
import os
import stat
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from resprobe.errors import InputError, ResprobeError, one_of
from resprobe.files import prepare_folder, write_atomically, written_atomically
from resprobe.results import Result, plain_json

FRAME = pd.DataFrame(
    {
        "lesion": ["intact", "delete:0"],
        "blocks": ["", "0"],
        "k": [0, 1],
        "accuracy": [0.1 + 0.2, float("nan")],
        "deletable": [False, True],
    }
)


@given(st.lists(st.floats(allow_infinity=True, allow_nan=True), min_size=1, max_size=20))
def test_every_digit_survives_the_disk(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("result")
    frame = pd.DataFrame({"value": values, "blocks": [str(i) for i in range(len(values))]})
    table, _ = Result("numbers", frame, {}).save(folder)[:2]
    assert_frame_equal(Result.load(table).frame, frame, check_exact=True)


def test_types_and_meta_survive_the_disk(tmp_path):
    files = Result("lesion", FRAME, {"seed": 0, "networks": [{"network": "a"}]}).save(tmp_path)
    for path in files[:2]:
        again = Result.load(path)
        assert_frame_equal(again.frame, FRAME)
        assert again.meta == {"seed": 0, "networks": [{"network": "a"}]}
        assert again.name == "lesion"


def test_json_is_standard_and_has_the_columns_as_keys():
    told = json.loads(Result("lesion", FRAME, {"path": Path("a")}).to_json(extra=[math.inf]))
    assert list(told) == ["meta", "rows", "extra"]
    assert told["rows"][1] == {
        "lesion": "delete:0", "blocks": "0", "k": 1, "accuracy": None, "deletable": True
    }  # fmt: skip
    assert told["extra"] == [None]
    assert told["meta"] == {"path": "a"}
    assert plain_json({"é": (1, 2)}) == '{"é": [1, 2]}'


def note(folder, **parts):
    path = folder / "lesion.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "lesion.json").unlink(), "lesion.json: no such file"),
        (lambda d: (d / "lesion.json").write_text("{"), "not the notes of a result"),
        (lambda d: (d / "lesion.json").write_text("[]"), "not the notes of a result"),
        (lambda d: (d / "lesion.csv").write_text("a,b\n1,2\n"), "columns differ"),
        (lambda d: (d / "lesion.csv").write_text(""), "not a table"),
        (
            lambda d: (d / "lesion.csv").write_text(
                (d / "lesion.csv").read_text().replace("False", "maybe")
            ),
            "do not fit the types",
        ),
        (
            lambda d: (d / "lesion.json").write_text(
                (d / "lesion.json").read_text().replace('"format": 1', '"format": 9')
            ),
            "result format 9; this version reads format 1",
        ),
        (lambda d: note(d, meta=[1]), "not the notes of a result .'meta' is of another type"),
        (lambda d: note(d, name=3), "'name' is of another type"),
        (lambda d: note(d, columns=[1]), "not the notes of a result"),
        (lambda d: note(d, columns={"lesion": 1}), "'columns' is of another type"),
        (lambda d: (d / "lesion.json").write_text("[" * 100_000), "not the notes of a result"),
        (
            lambda d: (d / "lesion.csv").write_text(
                (d / "lesion.csv").read_text().replace(",1,", f",{'9' * 23},")
            ),
            "do not fit the types",
        ),
    ],
)
def test_a_spoilt_result_is_refused_in_one_sentence(tmp_path, spoil, message):
    Result("lesion", FRAME, {}).save(tmp_path)
    spoil(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        Result.load(tmp_path / "lesion.csv")
    assert "\n" not in str(caught.value)


def test_a_table_of_another_run_than_its_notes_is_refused(tmp_path):
    table, notes = Result("lesion", FRAME, {"seed": 0}).save_as(tmp_path / "lesion")
    old = notes.read_text()
    Result("lesion", FRAME.assign(k=[0, 2]), {"seed": 1}).save_as(tmp_path / "lesion")
    notes.write_text(old)  # as if the run was killed between its two files
    with pytest.raises(InputError, match=r"not the one that the notes .*run the study again") as no:
        Result.load(table)
    assert "\n" not in str(no.value)


def test_notes_that_know_no_hash_are_read(tmp_path):
    table, notes = Result("lesion", FRAME, {}).save_as(tmp_path / "lesion")
    told = json.loads(notes.read_text())
    assert told["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    del told["sha256"]
    notes.write_text(json.dumps(told))
    assert_frame_equal(Result.load(notes).frame, FRAME)


def test_a_file_is_whole_or_what_it_was(tmp_path):
    path = write_atomically(tmp_path / "deep" / "a.txt", "old")

    def fail():
        with written_atomically(path) as file:
            file.write(b"new and half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_written_file_has_ordinary_permissions(tmp_path):
    mask = os.umask(0o027)
    try:
        path = write_atomically(tmp_path / "a", b"x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_place_that_takes_no_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResprobeError, match=r"file/a.csv: cannot be written .*choose another"):
        write_atomically(tmp_path / "file" / "a.csv", b"")
    with pytest.raises(
        ResprobeError, match=r"cannot be written .* choose another folder with --out"
    ):
        prepare_folder(tmp_path / "file")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResprobeError, match=r"writing failed \(No space left on device\)"):
        write_atomically(tmp_path / "a", b"x")
    assert not list(tmp_path.iterdir())


def test_the_nearest_name_is_suggested_and_no_option_is_lost():
    message = str(one_of("colour", "gren", ["red", "green", "blue"]))
    assert message == "unknown colour 'gren': did you mean 'green'? Known: red, green, blue"
    assert "did you mean" not in str(one_of("colour", "xyz", ["red"]))


def test_ctrl_c_just_as_the_temporary_file_is_made_leaves_none(tmp_path, monkeypatch):
    made = []

    def interrupted(path, *mode):
        path.touch()
        made.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "net.pt", b"")
    assert made
    assert list(tmp_path.iterdir()) == []
