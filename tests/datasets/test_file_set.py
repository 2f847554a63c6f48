import os
import re
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from resprobe.datasets import Batches, FileSet, Normalisation, load
from resprobe.errors import InputError, ResprobeError, UsageError

v2 = pytest.importorskip("torchvision.transforms.v2")
IMAGENET = Normalisation.parse("imagenet")


@pytest.fixture
def train(photographs):
    return load(f"imagenet:{photographs}", split="train").sized(32)


@pytest.fixture
def copy(photographs, tmp_path):
    """A copy that may be damaged; its last training image is ``last``."""
    root = tmp_path / "copy"
    for path in sorted(photographs.rglob("*.JPEG")):
        there = root / path.relative_to(photographs)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    return root


def middle(path, side=32):
    image = Image.open(path).convert("RGB")
    shown = v2.Compose([v2.Resize(round(side * 256 / 224)), v2.CenterCrop(side)])(image)
    return torch.from_numpy(np.asarray(shown).copy()).permute(2, 0, 1)


def test_a_split_is_its_class_folders_sorted_then_its_files_sorted(photographs):
    data = load(f"imagenet:{photographs}", split="train")
    assert isinstance(data, FileSet)
    assert data.classes == ("n00000000", "n00000001", "n00000002")
    assert data.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    wanted = sorted((photographs / "train").rglob("*.JPEG"))
    assert list(data.files) == wanted
    assert (len(data), data.channels, data.size, data.nbytes) == (15, 3, (224, 224), 0)
    assert (data.name, data.split, data.normalisation) == ("imagenet:small-net", "train", IMAGENET)
    assert len(load(data.spec, split="train")) == 15


def test_the_test_split_is_the_val_folder_and_test_only_where_there_is_none(copy):
    (copy / "test").mkdir()  # ImageNet's own: images without labels in no class folders
    (copy / "test" / "ILSVRC2012_test_00000001.JPEG").write_bytes(b"")
    assert load(f"imagenet:{copy}").files.at(0) == copy / "val" / "n00000000" / "0.JPEG"
    (copy / "test" / "ILSVRC2012_test_00000001.JPEG").unlink()
    (copy / "test").rmdir()
    (copy / "val").rename(copy / "test")
    data = load(f"imagenet:{copy}")
    assert data.split == "test"
    assert len(data) == 6


def test_pixels_are_the_middles_of_the_files(train):
    found = train.pixels(slice(3, 9))
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    assert torch.equal(found, torch.stack([middle(file) for file in list(train.files)[3:9]]))
    some = train.pixels(torch.tensor([14, 0]))
    files = list(train.files)
    assert torch.equal(some, torch.stack([middle(files[14]), middle(files[0])]))


def test_a_stream_is_the_pixels_of_its_parts_in_order(train):
    parts = [slice(0, 4), torch.tensor([9, 2]), slice(4, 15), slice(0, 1), slice(7, 8)]
    found = list(train.stream(iter(parts)))
    assert len(found) == 5
    for pixels, part in zip(found, parts, strict=True):
        assert torch.equal(pixels, train.pixels(part))


def test_a_stream_decodes_ahead_but_only_a_little(train, monkeypatch):
    decoded = []
    real = FileSet._middle
    monkeypatch.setattr(
        FileSet, "_middle", lambda self, file: decoded.append(file) or real(self, file)
    )
    stream = train.stream([slice(at, at + 1) for at in range(15)])
    next(stream)
    end = time.monotonic() + 10
    while len(decoded) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(decoded) == 3
    stream.close()


def test_batches_show_the_middles_normalised(train):
    batches = Batches(train, IMAGENET, 4)
    assert [len(x) for x, _ in batches] == [4, 4, 4, 3]
    assert torch.equal(torch.cat([x for x, _ in batches]), IMAGENET.apply(train.pixels(slice(15))))
    assert torch.equal(torch.cat([y for _, y in batches]), train.labels)
    assert torch.equal(batches.example(), next(iter(batches))[0][:2])
    assert batches.describe()["data_set"] == "imagenet:small-net"
    assert batches.describe()["shape"] == [3, 32, 32]
    assert batches.changes == ()


def test_another_size_is_cut_from_the_file_and_not_from_the_smaller_picture(train):
    larger = train.sized(48)
    assert larger.size == (48, 48)
    assert torch.equal(larger.pixels(slice(1))[0], middle(next(iter(train.files)), side=48))


def test_subsets_and_holdouts_are_those_of_images_in_memory(train):
    assert train.subset(4).files.names.tolist() == train.files.names[[0, 3, 7, 11]].tolist()
    learnt, held = train.holdout(0.4, seed=1)
    assert (len(learnt), len(held), learnt.split, held.split) == (9, 6, "train", "validation")
    together = sorted(list(learnt.files) + list(held.files))
    assert together == list(train.files)
    assert held.labels.tolist() == [train.classes.index(file.parent.name) for file in held.files]
    picked = train.take(torch.tensor([5, 5, 1]))
    assert torch.equal(picked.pixels(slice(3)), train.pixels(torch.tensor([5, 5, 1])))
    assert picked.labels.tolist() == [1, 1, 0]


def test_subsets_and_holdouts_that_cannot_be_are_refused_as_in_memory(train):
    with pytest.raises(UsageError, match="16 images wanted; the train split of imagenet:small-net"):
        train.subset(16)
    with pytest.raises(InputError, match="1 image held out of 15 includes none of class 'n0"):
        train.holdout(0.05)


def test_the_digest_tells_names_lengths_labels_and_order_apart(copy):
    data = load(f"imagenet:{copy}", split="train")
    others = [
        data.take(torch.arange(14)),
        data.take(torch.arange(14, -1, -1)),
        replace(data, labels=data.labels.flip(0)),
        replace(data, classes=("a", "b", "c")),
        load(f"imagenet:{copy}", split="test"),
    ]
    digests = {data.digest, *(other.digest for other in others)}
    assert len(digests) == 6
    assert load(f"imagenet:{copy}", split="train").sized(64).digest == data.digest
    file = next(iter(data.files))
    file.write_bytes(file.read_bytes() + b"x")
    assert load(f"imagenet:{copy}", split="train").digest not in digests
    file.unlink()
    with pytest.raises(InputError, match=r"0\.JPEG: cannot be read \(No such file"):
        _ = data.subset(15).digest


def test_a_name_that_is_no_unicode_is_listed_and_read(copy):
    file = copy / "train" / "n00000000" / "0.JPEG"
    odd = os.fsdecode(b"0\xff \xc3\xa4.JPEG")
    try:
        file.rename(file.with_name(odd))
    except OSError:
        pytest.skip("this file system takes only unicode names")
    data = load(f"imagenet:{copy}", split="train")
    assert data.files.at(0).name == odd
    assert data.pixels(slice(1)).shape == (1, 3, 224, 224)


def spoilt(kind, path):
    """Write what a data set can hold instead of an RGB photograph of 8 bits."""
    content = path.read_bytes()
    if kind == "corrupt":
        path.write_bytes(content[:20] + b"\0" * 200)
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not found")
    elif kind == "16 bits, grey":
        Image.fromarray(np.full((40, 50), 3000, dtype=np.uint16)).save(path, format="PNG")
    elif kind == "16 bits, colours":
        path.write_bytes(png_of_16_bits(40, 50))


def png_of_16_bits(height, width):
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\x12\x34" * 3 * width) * height)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SPOILT = {
    "corrupt": "does not decode as an image",
    "truncated": "does not decode as an image",
    "empty": "does not decode as an image",
    "text": "does not decode as an image",
    "16 bits, grey": "pixels of mode I;16.* would be clipped; save it with 8 bits",
    "16 bits, colours": "pixels of mode RGB;16B .* would be clipped; save it with 8 bits",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_file_that_cannot_be_shown_is_named_in_one_sentence(copy, kind):
    path = copy / "val" / "n00000001" / "1.JPEG"
    spoilt(kind, path)
    data = load(f"imagenet:{copy}")
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: {SPOILT[kind]}") as error:
        list(Batches(data, IMAGENET, 2))
    assert "\n" not in str(error.value)
    assert len(data.pixels(slice(3))) == 3


@pytest.mark.parametrize("mode", ["L", "CMYK", "P"])
def test_grey_palettes_and_cmyk_which_imagenet_has_become_rgb(copy, mode):
    path = copy / "val" / "n00000000" / "0.JPEG"
    image = Image.new("RGB", (40, 50), (255, 255, 255)).convert(mode)
    image.save(path, format="PNG" if mode == "P" else "JPEG", quality=100)
    pixels = load(f"imagenet:{copy}").pixels(slice(1))
    assert pixels.shape == (1, 3, 224, 224)
    assert pixels.float().mean() > 253


def test_what_is_missing_is_an_input_error_that_says_what_is_wanted(copy, tmp_path):
    with pytest.raises(InputError, match="none: no such folder; wanted one with train/ and val/ "):
        load(f"imagenet:{tmp_path / 'none'}")
    (copy / "val").rename(copy / "elsewhere")
    with pytest.raises(InputError, match="no val/ folder in it; it has only train/ of class"):
        load(f"imagenet:{copy}")
    assert len(load(f"imagenet:{copy}", split="train")) == 15
    (copy / "elsewhere").rename(copy / "val")
    (copy / "val" / "n00000002").rename(copy / "val" / "n00000003")
    with pytest.raises(InputError, match=r"val: no class folder 'n00000002', which .*train has"):
        load(f"imagenet:{copy}")
    with pytest.raises(InputError, match="no train/ folder in it; wanted train/"):
        load(f"imagenet:{tmp_path}", split="train")
    with pytest.raises(UsageError, match="imagenet: wants a path behind it"):
        load("imagenet:")


def test_without_torchvision_the_error_says_how_to_get_it(photographs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchvision.transforms.v2", None)
    with pytest.raises(ResprobeError, match=r'`pip install "resprobe\[torchvision\]"`') as error:
        load(f"imagenet:{photographs}")
    assert "\n" not in str(error.value)


def test_reading_moves_no_global_state(train):
    state = torch.get_rng_state()
    list(Batches(train, IMAGENET, 4))
    assert torch.equal(torch.get_rng_state(), state)
