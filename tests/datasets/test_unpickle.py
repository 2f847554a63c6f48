import os
import pickle
import struct

import numpy as np
import pytest

from resprobe.datasets.unpickle import unpickle
from resprobe.errors import InputError


class Evil:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def python2_batch(pixels, labels):
    """Write a batch opcode by opcode, as Python 2's numpy did for the published files."""
    data = pixels.tobytes()
    minus_one = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + minus_one * 2 + b"K\x00tb"
    shape = b"K" + bytes([len(pixels)]) + b"M\x00\x0c\x86"
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    array = (
        made + b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<I", len(data)) + data + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def test_a_batch_as_python_2_wrote_it_is_read():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
    batch = unpickle(python2_batch(pixels, [1, 9, 0, 3]), name="batch")
    assert batch["labels"] == [1, 9, 0, 3]
    assert batch["data"].dtype == np.uint8
    assert np.array_equal(batch["data"], pixels)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_arrays_from_python_3_are_read_in_the_old_protocols(protocol):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    batch = unpickle(pickle.dumps({"data": array}, protocol=protocol), name="batch")
    assert np.array_equal(batch["data"], array)


def test_a_pickle_that_would_run_code_runs_nothing(tmp_path):
    target = tmp_path / "made-by-the-pickle"
    data = pickle.dumps({"data": Evil(str(target))})
    with pytest.raises(InputError, match=r"evil: .*nothing of it was run.*asks for posix\.mkdir"):
        unpickle(data, name="evil")
    assert not target.exists()
    pickle.loads(data)
    assert target.exists(), "the pickle is a real attack, and only the unpickler stopped it"


@pytest.mark.parametrize(
    "name", ["builtins eval", "os system", "numpy load", "numpy.core.multiarray dot"]
)
def test_every_other_name_is_refused_before_it_is_imported(name):
    module, function = name.split()
    data = f"c{module}\n{function}\n(S'1'\ntR.".encode()
    with pytest.raises(InputError, match=f"asks for {module}.{function}"):
        unpickle(data, name="evil")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"garbage",
        pickle.dumps({"a": 1})[:-3],
        b"P1\n.",
        b"(" * 10,
        b"\x80\x05\x82\x01.",
    ],
)
def test_damaged_pickles_are_an_input_error(data):
    with pytest.raises(InputError, match="batch: not a pickle of plain arrays"):
        unpickle(data, name="batch")


@pytest.mark.parametrize("value", [[1], "text", 3, None])
def test_a_pickle_of_something_else_is_an_input_error(value):
    with pytest.raises(InputError, match=f"holds a {type(value).__name__}, not the dictionary"):
        unpickle(pickle.dumps(value), name="batch")
