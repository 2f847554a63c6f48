import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from resprobe.datasets import KNOWN, load
from resprobe.datasets.cifar import decode_binary, decode_python
from resprobe.errors import InputError, IntegrityError


def same(data, small, split):
    assert data.images.dtype == torch.uint8
    assert np.array_equal(data.images.numpy(), small.images[split])
    assert data.labels.tolist() == small.labels[split].tolist()
    assert data.classes == small.entry.classes
    assert (data.name, data.spec, data.split) == (small.entry.name, small.entry.name, split)
    assert data.normalisation == small.entry.normalisation


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_archive_gives_the_images_and_labels_that_went_in(small, tmp_path, split):
    small.put_archive(tmp_path)
    same(load(small.entry.name, split=split, root=tmp_path, known=small.known), small, split)
    assert [path.name for path in tmp_path.iterdir()] == [small.archive_name], (
        "nothing is extracted"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_unpacked_folder_gives_the_same(small, tmp_path, split):
    small.put_folder(tmp_path)
    same(load(small.entry.name, split=split, root=tmp_path, known=small.known), small, split)


def test_the_data_root_is_taken_from_the_environment(small, tmp_path, monkeypatch):
    small.put_archive(tmp_path / "elsewhere")
    monkeypatch.setenv("RESPROBE_DATA", str(tmp_path / "elsewhere"))
    same(load(small.entry.name, known=small.known), small, "test")


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: d[:99] + b"!" + d[100:]]
)
def test_an_archive_with_another_sum_is_an_integrity_error(small, tmp_path, damage):
    small.put_archive(tmp_path).write_bytes(damage(small.archive))
    with pytest.raises(IntegrityError, match=r"\.tar\.gz: wanted .*found .*get it again"):
        load(small.entry.name, root=tmp_path, known=small.known)


def test_an_unpacked_file_that_is_cut_or_grown_is_an_integrity_error(small, tmp_path):
    folder = small.put_folder(tmp_path)
    path = folder / "test_batch"
    content = path.read_bytes()
    for damaged in (content[:-1], content + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="test_batch: "):
            load(small.entry.name, root=tmp_path, known=small.known)


def test_a_changed_byte_in_an_unpacked_python_batch_is_an_integrity_error(small_python, tmp_path):
    path = small_python.put_folder(tmp_path) / "test_batch"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"test_batch: wanted sha256 .*found sha256"):
        load("small10", root=tmp_path, known=small_python.known)


def test_an_unpacked_folder_without_one_of_its_files_is_an_input_error(small, tmp_path):
    folder = small.put_folder(tmp_path)
    (folder / "batch_2").unlink()
    load(small.entry.name, split="test", root=tmp_path, known=small.known)
    with pytest.raises(InputError, match="batch_2: no such file"):
        load(small.entry.name, split="train", root=tmp_path, known=small.known)


def test_an_evil_batch_is_refused_even_where_its_sum_is_right(small_python, tmp_path, packed):
    import os

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    data = pickle.dumps({"data": Evil(), "labels": [0]}, protocol=2)
    evil = small_python.with_archive(packed({"cifar-10-python/test_batch": data}))
    layout = evil.entry.layouts[0]
    batch = replace(layout.test[0], size_bytes=len(data), sha256=None, md5=None)
    evil = replace(evil, entry=replace(evil.entry, layouts=(replace(layout, test=(batch,)),)))
    evil.put_archive(tmp_path)
    with pytest.raises(InputError, match=r"test_batch: not a pickle of plain arrays.*posix\.mkdir"):
        load("small10", root=tmp_path, known=evil.known)
    assert not (tmp_path / "made").exists()


def test_a_label_outside_the_classes_is_an_input_error():
    record = bytes([9]) + bytes(3072)
    images, labels = decode_binary([("a", record * 2)], 10)
    assert (images.shape, labels.tolist()) == ((2, 3, 32, 32), [9, 9])
    with pytest.raises(InputError, match="b: labels from 9 to 10; wanted 0 to 9"):
        decode_binary([("a", record), ("b", record + bytes([10]) + bytes(3072))], 10)


@pytest.mark.parametrize("size", [0, 3072, 3074])
def test_bytes_that_are_no_whole_records_are_an_input_error(size):
    with pytest.raises(InputError, match=f"{size} bytes are no whole number of records of 3073"):
        decode_binary([("a", bytes(size))], 10)


GOOD = np.zeros((2, 3072), dtype=np.uint8)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({}, "'data' should be a uint8 array.*NoneType"),
        ({"data": [1, 2]}, "and is list"),
        ({"data": GOOD.astype(np.int64), "labels": [0, 1]}, "and is int64"),
        ({"data": GOOD.astype(object), "labels": [0, 1]}, "and is object"),
        ({"data": GOOD[:, :-1], "labels": [0, 1]}, r"\(2, 3071\)"),
        ({"data": GOOD.reshape(2, 3, 32, 32), "labels": [0, 1]}, r"\(2, 3, 32, 32\)"),
        ({"data": GOOD[0], "labels": [0]}, r"\(3072,\)"),
        ({"data": GOOD}, "'labels' should be a list of 2"),
        ({"data": GOOD, "labels": [0]}, "'labels' should be a list of 2"),
        ({"data": GOOD, "labels": [0, 1.0]}, "'labels' should be a list of 2"),
        ({"data": GOOD, "labels": [0, True]}, "'labels' should be a list of 2"),
        ({"data": GOOD, "labels": np.array([0, 1])}, "'labels' should be a list of 2"),
        ({"data": GOOD[:0], "labels": []}, "'labels' should be a list of 0"),
        ({"data": GOOD, "labels": [0, 10]}, "labels from 0 to 10; wanted 0 to 9"),
        ({"data": GOOD, "labels": [-1, 0]}, "labels from -1 to 0"),
        ({"data": GOOD, "labels": [0, 2**70]}, "numbers that no label has"),
    ],
)
def test_a_batch_of_wrong_types_shapes_or_labels_is_an_input_error(batch, message):
    with pytest.raises(InputError, match=f"batch: .*{message}"):
        decode_python([("batch", pickle.dumps(batch, protocol=3))], 10)


def test_the_published_descriptions_are_complete():
    for name, per_record in {"cifar10": 3073, "cifar100": 3074}.items():
        binary, python = KNOWN[name].layouts
        for layout in (binary, python):
            assert len(layout.archive.sha256) == 64
            assert len(layout.archive.md5) == 32
            assert all(len(file.md5) == 32 for file in python.train + python.test)
        assert sum(file.size_bytes for file in binary.train) == 50_000 * per_record
        assert sum(file.size_bytes for file in binary.test) == 10_000 * per_record
        assert KNOWN[name].downloads == (binary.archive,)
        assert KNOWN[name].url.startswith("https://")
    assert len(KNOWN["cifar100"].classes) == len(set(KNOWN["cifar100"].classes)) == 100
    assert list(KNOWN["cifar100"].classes) == sorted(KNOWN["cifar100"].classes)
