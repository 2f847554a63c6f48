import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from resprobe.datasets import load
from resprobe.datasets.folder import listing
from resprobe.errors import InputError, UsageError


def test_the_order_is_classes_sorted_then_file_names_sorted(image_folder):
    root, pixels = image_folder
    for split, n in {"train": 3, "test": 2}.items():
        data = load(f"folder:{root}", split=split)
        assert data.classes == ("cat", "dog")
        assert data.labels.tolist() == [0] * n + [1] * n
        names = [str(root / split / c / f"{i}.png") for c in ("cat", "dog") for i in range(n)]
        wanted = np.stack([pixels[name] for name in names]).transpose(0, 3, 1, 2)
        assert np.array_equal(data.images.numpy(), wanted)
        assert data.images.is_contiguous()


def test_a_folder_set_says_where_it_can_be_read_again(image_folder, monkeypatch):
    root, _ = image_folder
    monkeypatch.chdir(root.parent)
    data = load("folder:pets")
    assert (data.name, data.spec, data.split) == ("folder:pets", f"folder:{root}", "test")
    assert data.normalisation is None
    monkeypatch.chdir("/")
    assert torch.equal(load(data.spec).images, data.images)


def test_file_names_sort_as_text(tmp_path):
    for name in ("10", "9", "B", "a"):
        (tmp_path / "test" / "only").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / "test" / "only" / f"{name}.png")
    files, labels, classes = listing(tmp_path, "test")
    assert [file.stem for file in files] == ["10", "9", "B", "a"]
    assert (labels, classes) == ([0] * 4, ("only",))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_other_kinds_of_8_bit_images_become_rgb(tmp_path, mode):
    folder = tmp_path / "test" / "a"
    folder.mkdir(parents=True)
    image = Image.new("RGB", (3, 2), (255, 255, 255)).convert(mode)
    image.save(folder / ("x.tiff" if mode == "CMYK" else "x.png"))
    data = load(f"folder:{tmp_path}")
    assert data.images.shape == (1, 3, 2, 3)
    assert (data.images == 255).all()


def test_hidden_files_and_folders_are_left_out(image_folder):
    root, _ = image_folder
    (root / "test" / "cat" / ".DS_Store").write_bytes(b"x")
    (root / "test" / ".cache").mkdir()
    (root / ".git").mkdir()
    assert len(load(f"folder:{root}")) == 4


def test_many_images_are_decoded_in_order(tmp_path):
    folder = tmp_path / "train" / "a"
    folder.mkdir(parents=True)
    for number in range(200):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(folder / f"{number:03}.png")
    data = load(f"folder:{tmp_path}", split="train")
    assert data.images[:, 0, 0, 0].tolist() == list(range(200))


def test_a_missing_folder_or_split_is_an_input_error(image_folder, tmp_path):
    root, _ = image_folder
    with pytest.raises(InputError, match=r"none: no such folder; wanted one with train/ and test/"):
        load(f"folder:{tmp_path / 'none'}")
    (root / "test").rename(root / "validation")
    with pytest.raises(InputError, match=r"pets: no test/ folder in it; it has only train/"):
        load(f"folder:{root}")
    assert len(load(f"folder:{root}", split="train")) == 6
    with pytest.raises(
        InputError, match=r"validation: no test/ folder in it; wanted train/ and test/"
    ):
        load(f"folder:{root / 'validation'}")


def test_an_empty_split_or_class_is_an_input_error(image_folder):
    root, _ = image_folder
    for split in ("train", "test"):
        (root / split / "eel").mkdir()
    with pytest.raises(InputError, match="test/eel: no image in it"):
        load(f"folder:{root}")
    empty = root.parent / "empty"
    (empty / "test").mkdir(parents=True)
    with pytest.raises(InputError, match="test: no class folder in it"):
        load(f"folder:{empty}")


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("where", ["train", "test"])
def test_splits_with_different_classes_are_an_input_error(image_folder, split, where):
    root, _ = image_folder
    (root / where / "eel").mkdir()
    Image.new("RGB", (6, 5)).save(root / where / "eel" / "0.png")
    other = "test" if where == "train" else "train"
    with pytest.raises(InputError, match=f"{other}: no class folder 'eel', which .*{where} has"):
        load(f"folder:{root}", split=split)


def test_a_file_beside_the_class_folders_or_a_folder_among_images_is_an_input_error(image_folder):
    root, _ = image_folder
    (root / "test" / "labels.txt").write_text("x")
    with pytest.raises(InputError, match=r"labels.txt: not a class folder"):
        load(f"folder:{root}")
    (root / "test" / "labels.txt").unlink()
    (root / "test" / "cat" / "more").mkdir()
    with pytest.raises(InputError, match="more: not an image file"):
        load(f"folder:{root}")


@pytest.mark.parametrize("number", [0, 1])
def test_an_image_of_another_size_is_an_input_error_with_both_sizes(image_folder, number):
    root, _ = image_folder
    Image.new("RGB", (9, 8)).save(root / "test" / "dog" / f"{number}.png")
    with pytest.raises(InputError, match=rf"dog/{number}.png: 9x8 pixels, but .*cat/0.png has 6x5"):
        load(f"folder:{root}")


def test_a_turned_image_is_of_another_size(image_folder):
    root, _ = image_folder
    Image.new("RGB", (5, 6)).save(root / "test" / "dog" / "1.png")
    with pytest.raises(InputError, match=r"5x6 pixels, but .* has 6x5"):
        load(f"folder:{root}")


@pytest.mark.parametrize("where", ["cat/0.png", "dog/1.png"])
@pytest.mark.parametrize(
    "content", [b"", b"just text", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_a_file_that_is_no_image_is_an_input_error(image_folder, where, content):
    root, _ = image_folder
    (root / "test" / where).write_bytes(content)
    with pytest.raises(InputError, match=f"{where}: does not decode as an image"):
        load(f"folder:{root}")


@pytest.mark.parametrize(("form", "keep"), [("JPEG", 0.5), ("JPEG", 0.9), ("PNG", 0.5)])
def test_a_truncated_image_is_an_input_error(tmp_path, form, keep):
    folder = tmp_path / "test" / "a"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "0", format=form)
    Image.fromarray(noise).save(folder / "1", format=form)
    content = (folder / "1").read_bytes()
    (folder / "1").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match="test/a/1: does not decode as an image"):
        load(f"folder:{tmp_path}")


def png_header(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [12_000, 60_000])
@pytest.mark.parametrize("where", ["cat/0.png", "dog/1.png"])
def test_an_image_that_would_fill_the_memory_is_an_input_error(image_folder, side, where):
    root, _ = image_folder
    (root / "test" / where).write_bytes(png_header(side, side))
    before = list(warnings.filters)
    with pytest.raises(InputError, match=rf"{where}: .*(decompression bomb|does not decode)"):
        load(f"folder:{root}")
    assert warnings.filters == before


def test_a_format_outside_the_list_is_an_input_error_that_names_the_list(tmp_path):
    folder = tmp_path / "test" / "a"
    folder.mkdir(parents=True)
    Image.new("L", (4, 4)).save(folder / "0.gif")
    with pytest.raises(InputError, match=r"0\.gif: does not decode .*known are JPEG, PNG"):
        load(f"folder:{tmp_path}")


def test_16_bit_pixels_are_refused_rather_than_clipped(tmp_path):
    folder = tmp_path / "test" / "a"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((2, 2), 3000, dtype=np.uint16)).save(folder / "0.png")
    with pytest.raises(InputError, match=r"0.png: pixels of mode I;16.*save it with 8 bits"):
        load(f"folder:{tmp_path}")


def test_an_empty_path_is_a_usage_error():
    with pytest.raises(UsageError, match="folder: wants a path"):
        load("folder:")
