"""Images that lie in one folder have no labels, and whatever wants labels says so."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from nets import random_images
from PIL import Image

from resprobe.chain import unravel
from resprobe.datasets import Batches, Images, ImageSet, Normalisation, load, verify
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import gradflow
from resprobe.probes.study import check_fit
from resprobe.training import Recipe, train

HALF = Normalisation((0.5,) * 3, (0.25,) * 3)
NETWORK = Architecture("resnet8", width=2, num_classes=4)


@pytest.fixture
def loose(tmp_path):
    """A folder of five images, with their pixels (N, H, W, 3) in the order of their names."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    for name, image in zip(("10", "2", "B", "a", "b"), pixels, strict=True):
        Image.fromarray(image).save(folder / f"{name}.png")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / ".cache").mkdir()
    return folder, pixels


@pytest.fixture
def data(loose):
    return load(f"folder:{loose[0]}")


def chain_of(network=NETWORK, size=8):
    return unravel(network.build(seed=0).eval(), torch.zeros(2, 3, size, size))


def test_images_in_one_folder_are_a_set_without_labels_sorted_by_name(loose, data):
    folder, pixels = loose
    assert np.array_equal(data.images.permute(0, 2, 3, 1).numpy(), pixels)
    assert data.labels.tolist() == [-1] * 5
    assert (data.classes, data.labelled, data.split) == ((), False, "all")
    assert (data.name, data.spec) == ("folder:holiday", f"folder:{folder}")
    assert data.normalisation is None
    assert load(data.spec).digest == data.digest


def test_parts_of_it_have_no_labels_either(data):
    assert data.subset(2).labels.tolist() == [-1, -1]
    assert torch.equal(data.take(torch.tensor([4, 0])).images, data.images[[4, 0]])
    assert data.take(torch.tensor([1])).digest != data.take(torch.tensor([0])).digest
    assert data.to("cpu").sized(4).split == "all"
    with pytest.raises(UsageError, match="6 images wanted; the all split of folder:holiday has 5"):
        data.subset(6)
    ((x, y),) = Batches(data, HALF)
    assert x.shape == (5, 3, 8, 8)
    assert y.tolist() == [-1] * 5


def test_there_is_nothing_to_train_on(loose):
    with pytest.raises(InputError, match="in no class folders, so they have no labels and there"):
        load(f"folder:{loose[0]}", split="train")


def test_files_and_folders_side_by_side_are_refused(loose):
    folder, _ = loose
    (folder / "cats").mkdir()
    with pytest.raises(InputError, match=r"holds files \(10.png\) beside folders \(cats/\)"):
        load(f"folder:{folder}")


def test_a_set_with_splits_stays_what_it_was(image_folder):
    root, _ = image_folder
    (root / "notes.txt").write_text("mine")
    assert load(f"folder:{root}").classes == ("cat", "dog")
    assert load(f"folder:{root}").labelled
    shutil.rmtree(root / "train")
    with pytest.raises(InputError, match="no train/ folder in it; it has only test/"):
        load(f"folder:{root}", split="train")


@pytest.mark.parametrize("name", ["0.txt", "zz.png"])
def test_a_file_that_is_no_image_is_named(loose, name):
    folder, _ = loose
    (folder / name).write_text("not an image")
    with pytest.raises(InputError, match=f"{name}: does not decode as an image"):
        load(f"folder:{folder}")


def test_images_of_two_sizes_are_refused(loose):
    folder, _ = loose
    Image.new("RGB", (9, 8)).save(folder / "c.png")
    with pytest.raises(InputError, match=r"c.png: 9x8 pixels, but .*10.png has 8x8"):
        load(f"folder:{folder}")


def test_an_empty_folder_is_no_set_of_images(tmp_path):
    with pytest.raises(InputError, match="no test/ folder in it"):
        load(f"folder:{tmp_path}")


def test_every_image_is_decoded_to_verify_it(loose):
    folder, _ = loose
    (row,) = verify(f"folder:{folder}")
    assert row["ok"]
    assert row["found"] == "5 images of 8x8 without labels"
    (folder / "10.png").write_bytes(b"no")
    (row,) = verify(f"folder:{folder}")
    assert not row["ok"]


@pytest.mark.parametrize("labels", [[0, -1], [-1, -2], [0, 0]])
def test_without_classes_every_label_is_minus_one(labels):
    images = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    with pytest.raises(InputError, match="do not fit 0 classes"):
        ImageSet(images, torch.tensor(labels), (), "two", "all")
    with pytest.raises(InputError, match="do not fit 1 classes"):
        ImageSet(images, torch.tensor([-1, -1]), ("a",), "two", "all")


def test_what_wants_labels_says_so_in_a_sentence(data, tmp_path):
    with pytest.raises(InputError, match="folder:holiday has no labels, and training wants them;"):
        train(NETWORK, data, recipe=Recipe(), out=tmp_path / "net.pt")
    assert not list(tmp_path.glob("net*"))
    with pytest.raises(InputError, match="has no labels, and this analysis wants them; give imag"):
        gradflow(chain_of(), Batches(data, HALF))
    with pytest.raises(InputError, match="has no labels, and holding out a share of every class"):
        data.holdout(0.5)


def test_a_probe_that_needs_no_labels_takes_any_head(data):
    for classes in (4, 7):
        chain = chain_of(dataclasses.replace(NETWORK, num_classes=classes))
        check_fit(chain, Batches(data, HALF), labels=False)
    labelled = random_images(3, size=8, classes=5)
    for wanted in (False, True):
        with pytest.raises(InputError, match="head has 4 classes and random has 5"):
            check_fit(chain_of(), Batches(labelled, HALF), labels=wanted)


class Relabelled:
    """A user's own images, whose labels nobody looked at."""

    def __init__(self, data, labels):
        self._data, self.labels = data, torch.tensor(labels)

    def __getattr__(self, name):
        return getattr(self._data, name)

    def __len__(self):
        return len(self._data)


@pytest.mark.parametrize(
    ("labels", "said"), [([0, 3, 4], "from 0 to 4"), ([-1, 0, 1], "from -1 to 1")]
)
def test_labels_outside_the_head_are_refused(labels, said, tmp_path):
    data: Images = Relabelled(random_images(3, size=8, classes=4), labels)
    message = f"random has labels {said} and the network's head 4 outputs"
    for wanted in (False, True):
        with pytest.raises(InputError, match=message):
            check_fit(chain_of(), Batches(data, HALF), labels=wanted)
    with pytest.raises(InputError, match=message):
        gradflow(chain_of(), Batches(data, HALF))
    with pytest.raises(InputError, match=message):
        train(NETWORK, data, recipe=Recipe(), out=tmp_path / "net.pt")
