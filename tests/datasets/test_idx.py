import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from resprobe.datasets.idx import parse_idx, read_idx
from resprobe.errors import InputError, IntegrityError


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_what_was_written_is_read(array):
    assert np.array_equal(parse_idx(idx(array)), array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_gzipped_files_read_the_same(tmp_path, pack):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "file").write_bytes(pack(idx(array)))
    assert np.array_equal(read_idx(tmp_path / "file"), array)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_an_input_error(data):
    try:
        array = parse_idx(data)
    except InputError:
        return
    assert idx(array) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n", "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (b"\0\0\x0d\x01\0\0\0\0", "0x0d; only unsigned bytes"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0", "header of 2 sizes is cut off"),
        (idx(np.zeros(5))[:-1], r"declares 5 bytes \(5\) and 4 follow"),
        (idx(np.zeros((5, 2))) + b"\0", r"declares 10 bytes \(5 x 2\) and 11 follow"),
        (b"\0\0\x08\x04" + b"\xff" * 16, "more than 1073741824"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_that_are_no_such_array_are_an_input_error(tmp_path, data, message, pack):
    path = tmp_path / "labels-idx1"
    path.write_bytes(pack(data))
    with pytest.raises(InputError, match=f"labels-idx1: .*{message}"):
        read_idx(path)


def test_a_gzip_bomb_is_not_unpacked_beyond_what_its_header_declares(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx(np.zeros(5)) + bytes(50_000_000)))
    with pytest.raises(InputError, match=r"declares 5 bytes.*and 6 follow"):
        read_idx(path)


@pytest.mark.parametrize("damage", [lambda d: d[:-9], lambda d: d[:30] + b"\xff\xff" + d[32:]])
def test_a_truncated_or_changed_gzip_file_is_an_integrity_error(tmp_path, damage):
    path = tmp_path / "file"
    content = np.random.default_rng(0).integers(0, 256, 100)
    path.write_bytes(damage(gzip.compress(idx(content))))
    with pytest.raises(IntegrityError, match="truncated or damaged"):
        read_idx(path)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="none: cannot be read"):
        read_idx(tmp_path / "none")
