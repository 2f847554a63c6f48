import gzip

import pytest
from PIL import Image

from resprobe.datasets import checks as checks_module
from resprobe.datasets import verify
from resprobe.errors import InputError


def oks(rows):
    return [row["ok"] for row in rows]


def test_an_archive_is_checked_by_name_by_path_and_by_data_root(small, tmp_path):
    path = small.put_archive(tmp_path)
    by_name = verify(small.entry.name, root=tmp_path, known=small.known)
    assert by_name == verify(path, known=small.known) == verify(tmp_path, known=small.known)
    (row,) = by_name
    assert row["file"] == str(path)
    assert row["ok"]
    assert row["checked"] == "size, sha256, md5"
    assert row["expected"] == row["found"]


def test_a_changed_archive_is_a_row_that_is_not_ok(small_binary, tmp_path):
    path = small_binary.put_archive(tmp_path)
    path.write_bytes(small_binary.archive[:-1])
    (row,) = verify("small10", root=tmp_path, known=small_binary.known)
    assert not row["ok"]
    assert f"{len(small_binary.archive)} bytes" in row["expected"]
    assert f"{len(small_binary.archive) - 1} bytes" in row["found"]


def test_an_unpacked_folder_has_a_row_per_file_and_says_what_was_checked(small, tmp_path):
    folder = small.put_folder(tmp_path)
    rows = verify(folder, known=small.known)
    assert [row["file"] for row in rows] == [
        str(folder / n) for n in ("batch_1", "batch_2", "test_batch")
    ]
    assert oks(rows) == [True] * 3
    if small.entry.layouts[0].train[0].sums:
        wanted = "size, sha256, md5"
    else:
        wanted = "size, label range (no sum is published)"
    assert {row["checked"] for row in rows} == {wanted}
    assert verify(folder / "batch_2", known=small.known) == rows[1:2]


def test_missing_cut_and_grown_files_of_a_folder_are_rows_that_are_not_ok(small, tmp_path):
    folder = small.put_folder(tmp_path)
    content = (folder / "batch_1").read_bytes()
    (folder / "batch_1").write_bytes(content[:-1])
    (folder / "batch_2").write_bytes((folder / "batch_2").read_bytes() + b"\0")
    (folder / "test_batch").unlink()
    rows = verify(small.entry.name, root=tmp_path, known=small.known)
    assert oks(rows) == [False] * 3
    assert f"{len(content) - 1} bytes" in rows[0]["found"]
    assert "longer than" in rows[1]["found"]
    assert "no such file" in rows[2]["found"]


def test_a_label_out_of_range_is_found_where_no_sum_is_published(small_binary, tmp_path):
    folder = small_binary.put_folder(tmp_path)
    content = (folder / "batch_1").read_bytes()
    (folder / "batch_1").write_bytes(b"\xff" + content[1:])
    rows = verify(folder, known=small_binary.known)
    assert oks(rows) == [False, True, True]
    assert "labels from" in rows[0]["found"]


def test_a_folder_of_images_has_a_row_per_split(image_folder):
    root, _ = image_folder
    rows = verify(root)
    assert rows == verify(f"folder:{root}")
    assert [row["found"] for row in rows] == [
        "6 images of 6x5 in 2 classes",
        "4 images of 6x5 in 2 classes",
    ]
    assert oks(rows) == [True, True]
    Image.new("RGB", (2, 2)).save(root / "test" / "dog" / "1.png")
    rows = verify(root)
    assert oks(rows) == [True, False]
    assert "dog/1.png: 2x2 pixels" in rows[1]["found"]


def test_the_embedded_data_are_checked_by_their_content(monkeypatch, tmp_path):
    (row,) = verify("embedded")
    assert row["ok"]
    assert row["checked"] == "content sha256"
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"")
    read = checks_module.read_embedded
    monkeypatch.setattr(checks_module, "read_embedded", lambda: read(damaged))
    (row,) = verify("embedded")
    assert not row["ok"]
    assert "install resprobe again" in row["found"]


def test_a_damaged_gzipped_file_is_a_row_that_is_not_ok(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"x" * 100)[:-5])
    rows = {row["file"].rsplit("/", 1)[1]: row for row in verify("fashion-mnist", root=tmp_path)}
    assert not any(oks(rows.values()))
    assert "truncated or damaged" in rows["t10k-labels-idx1-ubyte"]["found"]
    (row,) = verify(folder / "t10k-labels-idx1-ubyte.gz")
    assert not row["ok"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("none", "none: no such file or folder, nor one of the data sets embedded, cifar10"),
        ("cifar10", "cifar10 is not at hand below .*resprobe data fetch cifar10"),
        (".", "nothing here that is known"),
        ("file.txt", "file.txt: nothing here that is known"),
    ],
)
def test_where_nothing_can_be_checked_it_is_an_input_error(tmp_path, monkeypatch, what, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESPROBE_DATA", raising=False)
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(InputError, match=message):
        verify(what)
