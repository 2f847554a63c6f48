import gzip
import hashlib
import runpy
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resprobe.datasets import KNOWN, File, Normalisation, load
from resprobe.datasets.embedded import EMBEDDED_FILE, content_sha256, embedded, read_embedded
from resprobe.datasets.fashion import decode_idx, padded
from resprobe.errors import InputError, IntegrityError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


@pytest.mark.parametrize(("split", "per_class"), [("train", 500), ("test", 100)])
def test_the_embedded_data_are_stratified_padded_and_described(split, per_class):
    data = load("embedded", split=split)
    assert data.images.shape == (10 * per_class, 1, 32, 32)
    assert data.labels.bincount().tolist() == [per_class] * 10
    assert data.classes[:2] == ("T-shirt/top", "Trouser")
    assert data.classes[9] == "Ankle boot"
    assert (data.name, data.spec, data.split) == ("fashion-mnist-subset", "embedded", split)
    assert data.normalisation.describe() == "fashion-mnist"
    border = data.images.clone()
    border[:, :, 2:-2, 2:-2] = 0
    assert not border.any()
    inside = Normalisation.measured(data.images[:, :, 2:-2, 2:-2].contiguous())
    assert inside.mean[0] == pytest.approx(0.2860, abs=0.005)
    assert inside.std[0] == pytest.approx(0.3530, abs=0.005)


def test_the_alias_names_the_same_data():
    assert load("fashion-mnist-subset").spec == "embedded"


def test_the_embedded_images_come_with_their_licence():
    licence = (EMBEDDED_FILE.parent / "LICENSE.fashion-mnist").read_text()
    assert licence.startswith(
        "The MIT License (MIT) Copyright © 2017 Zalando SE, https://tech.zalando.com"
    )
    assert EMBEDDED_FILE.stat().st_size < 3 * 2**20


def test_padding_is_a_border_of_zeros():
    out = padded(np.full((2, 3, 3), 7, dtype=np.uint8), pad=1)
    assert out.shape == (2, 1, 5, 5)
    assert out.sum() == 2 * 9 * 7
    assert (out[:, 0, 1:-1, 1:-1] == 7).all()


def rewritten(path, change):
    arrays = dict(read_embedded())
    change(arrays)
    np.savez_compressed(path, **arrays)
    return path


def test_a_copy_with_the_same_content_is_accepted_and_a_changed_pixel_is_not(tmp_path):
    assert read_embedded(rewritten(tmp_path / "same.npz", lambda arrays: None))

    def change(arrays):
        arrays["test_images"] = arrays["test_images"].copy()
        arrays["test_images"][0, 0, 0] ^= 1

    with pytest.raises(IntegrityError, match=r"changed.npz: .*sha256 .*install resprobe again"):
        read_embedded(rewritten(tmp_path / "changed.npz", change))


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: d[:-100], lambda d: d[:5000] + b"zz" + d[5002:]]
)
def test_a_damaged_embedded_file_is_an_integrity_error(tmp_path, damage):
    path = tmp_path / "damaged.npz"
    path.write_bytes(damage(EMBEDDED_FILE.read_bytes()))
    with pytest.raises(IntegrityError, match=r"damaged.npz"):
        read_embedded(path)


def test_a_missing_array_or_file_or_an_object_array_is_an_integrity_error(tmp_path):
    without = rewritten(tmp_path / "a.npz", lambda arrays: arrays.pop("train_labels"))
    objects = rewritten(
        tmp_path / "b.npz", lambda arrays: arrays.update(test_labels=np.array([{}], dtype=object))
    )
    for path in (without, objects, tmp_path / "none.npz"):
        with pytest.raises(IntegrityError, match=path.name):
            read_embedded(path)


def test_the_content_sum_sees_names_types_shapes_and_values():
    base = {"a": np.zeros((2, 3), dtype=np.uint8)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].astype(np.int8)},
        {"a": base["a"].reshape(3, 2)},
        {"a": base["a"] + np.uint8(1)},
    ]
    assert len({content_sha256(arrays) for arrays in [base, *others]}) == 5


@pytest.fixture
def small_fashion():
    """Return a Fashion-MNIST of 5 training and 3 test images: the set, its files, its pixels."""
    rng = np.random.default_rng(0)
    layout = KNOWN["fashion-mnist"].layouts[0]
    contents, files, pixels = {}, {}, {}
    for split, n in {"train": 5, "test": 3}.items():
        pixels[split] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        data = [idx(pixels[split]), idx(np.arange(n, dtype=np.uint8))]
        files[split] = tuple(
            File(old.name, len(new), hashlib.sha256(new).hexdigest())
            for old, new in zip(layout.files(split), data, strict=True)
        )
        contents |= {old.name: new for old, new in zip(layout.files(split), data, strict=True)}
    entry = replace(
        KNOWN["fashion-mnist"],
        layouts=(replace(layout, train=files["train"], test=files["test"]),),
    )
    return {"fashion-mnist": entry}, contents, pixels


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_full_set_is_read_from_its_files_gzipped_or_not(small_fashion, tmp_path, zipped, split):
    known, contents, pixels = small_fashion
    (tmp_path / "fashion-mnist").mkdir()
    for name, data in contents.items():
        path = tmp_path / "fashion-mnist" / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(data) if zipped else data)
    data = load("fashion-mnist", split=split, root=tmp_path, known=known)
    assert np.array_equal(data.images.numpy(), padded(pixels[split]))
    assert data.labels.tolist() == list(range(len(pixels[split])))
    assert data.spec == data.name == "fashion-mnist"


def test_a_changed_or_longer_or_cut_fashion_file_is_an_integrity_error(small_fashion, tmp_path):
    known, contents, _ = small_fashion
    (tmp_path / "fashion-mnist").mkdir()
    for name, data in contents.items():
        (tmp_path / "fashion-mnist" / f"{name}.gz").write_bytes(gzip.compress(data))
    path = tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    content = contents["t10k-labels-idx1-ubyte"]
    damaged = [content[:-1] + b"\x09", content + b"\0", content[:-1]]
    for data in [*map(gzip.compress, damaged), gzip.compress(content)[:-4]]:
        path.write_bytes(data)
        with pytest.raises(IntegrityError, match=r"t10k-labels-idx1-ubyte.gz: "):
            load("fashion-mnist", root=tmp_path, known=known)


IMAGES, LABELS = np.zeros((2, 28, 28), dtype=np.uint8), np.array([0, 9], dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES, LABELS[:1], "a: images"),
        (IMAGES[0], LABELS, "a: images"),
        (IMAGES, IMAGES, "a: images"),
        (IMAGES[:0], LABELS[:0], "a: images"),
        (IMAGES, LABELS + np.uint8(1), "b: a label of 10; wanted 0 to 9"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_an_input_error(images, labels, message):
    with pytest.raises(InputError, match=message):
        decode_idx([("a", idx(images)), ("b", idx(labels))], 10)


def test_the_script_chooses_evenly_within_each_class_and_keeps_the_order():
    script = Path(__file__).parents[2] / "data" / "make_fashion_subset.py"
    chosen = runpy.run_path(str(script))["chosen"]
    labels = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0], dtype=np.uint8)
    # class 0 at 1 4 5 7 8, class 1 at 0 2 3 6; two of each: positions 0 and floor(len/2)
    assert chosen(labels, 2).tolist() == [0, 1, 3, 5]


@pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="the package dataset-fashion-mnist is not installed"
)
def test_the_embedded_arrays_are_what_the_script_makes_of_the_published_files():
    script = Path(__file__).parents[2] / "data" / "make_fashion_subset.py"
    made = runpy.run_path(str(script))["subset"](DEBIAN)
    assert content_sha256(made) == content_sha256(read_embedded())


@pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="the package dataset-fashion-mnist is not installed"
)
def test_the_published_set_is_read_whole(tmp_path):
    (tmp_path / "fashion-mnist").symlink_to(DEBIAN)
    data = load("fashion-mnist", root=tmp_path)
    assert data.images.shape == (10_000, 1, 32, 32)
    assert data.labels.bincount().tolist() == [1000] * 10
    first = embedded("test")
    assert (first.images[0] == data.images[:50]).flatten(1).all(1).any()
