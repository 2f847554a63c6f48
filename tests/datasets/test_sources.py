import io
import tarfile

import pytest

from resprobe.datasets import File, load
from resprobe.errors import InputError, IntegrityError


def special(kind, name="cifar-10-binary/test_batch", target="/etc/passwd"):
    """An archive whose test batch is a link or a device."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)
    return packed.getvalue()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE]
)
def test_only_regular_members_are_read(small_binary, tmp_path, kind):
    small = small_binary.with_archive(special(kind))
    small.put_archive(tmp_path)
    with pytest.raises(InputError, match="test_batch: is not a regular file"):
        load("small10", root=tmp_path, known=small.known)


@pytest.mark.parametrize(
    "name", ["test_batch", "../cifar-10-binary/test_batch", "/cifar-10-binary/test_batch"]
)
def test_a_member_elsewhere_is_not_taken_for_the_expected_one(small_binary, tmp_path, packed, name):
    content = small_binary.members["cifar-10-binary/test_batch"]
    small = small_binary.with_archive(packed({name: content}))
    small.put_archive(tmp_path)
    with pytest.raises(InputError, match="holds no cifar-10-binary/test_batch"):
        load("small10", root=tmp_path, known=small.known)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0"])
def test_a_member_of_another_size_is_not_read(small_binary, tmp_path, packed, change):
    content = change(small_binary.members["cifar-10-binary/test_batch"])
    small = small_binary.with_archive(packed({"cifar-10-binary/test_batch": content}))
    small.put_archive(tmp_path)
    with pytest.raises(InputError, match=f"test_batch: {len(content)} bytes, not the {7 * 3073}"):
        load("small10", root=tmp_path, known=small.known)


def test_a_member_with_another_sum_is_an_integrity_error(small_python, tmp_path, packed):
    content = bytearray(small_python.members["cifar-10-python/test_batch"])
    content[3000] ^= 1
    small = small_python.with_archive(packed({"cifar-10-python/test_batch": bytes(content)}))
    small.put_archive(tmp_path)
    with pytest.raises(IntegrityError, match="test_batch: wanted"):
        load("small10", root=tmp_path, known=small.known)


@pytest.mark.parametrize(
    "change", [lambda d: b"", lambda d: b"not gzip", lambda d: d[:4], lambda d: d[:-9000]]
)
def test_an_archive_that_is_none_is_an_input_error(small_binary, tmp_path, change):
    small = small_binary.with_archive(change(small_binary.archive))
    small.put_archive(tmp_path)
    with pytest.raises(InputError, match=r"\.tar\.gz: not a readable \.tar\.gz"):
        load("small10", root=tmp_path, known=small.known)


def test_every_sum_that_is_given_is_compared():
    file = File("f", 5, sha256="2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    assert file.compare(io.BytesIO(b"hello"), "f").ok
    assert not file.compare(io.BytesIO(b"jello"), "f").ok
    right = "5d41402abc4b2a76b9719d911017c592"
    assert File("f", md5=right).compare(io.BytesIO(b"hello"), "f").ok
    both = File("f", 5, sha256=file.sha256, md5="0" * 32).compare(io.BytesIO(b"hello"), "where")
    assert not both.ok
    assert both.checked == "size, sha256, md5"
    assert both.row()["file"] == "where"
    assert not File("f", 4).compare(io.BytesIO(b"hello"), "f").ok


def test_a_file_of_unknown_length_needs_its_sum_only(small_python, tmp_path):
    import dataclasses

    layout = small_python.entry.layouts[0]
    files = tuple(File(file.name, md5=file.md5) for file in layout.test)
    entry = dataclasses.replace(
        small_python.entry, layouts=(dataclasses.replace(layout, test=files),)
    )
    small_python.put_archive(tmp_path)
    assert len(load("small10", root=tmp_path, known={"small10": entry})) == 7
    (tmp_path / small_python.archive_name).unlink()
    small_python.put_folder(tmp_path)
    assert len(load("small10", root=tmp_path, known={"small10": entry})) == 7
