import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resprobe.datasets import Batches, ImageSet, Normalisation
from resprobe.errors import InputError, UsageError

NORM = Normalisation((0.5,), (0.25,))
RAW = Normalisation((0.0,), (1 / 255,))  # leaves pixel values as they are, up to rounding
IMAGENET = Normalisation.parse("imagenet")


def image_set(images):
    labels = torch.arange(len(images)) % 3
    return ImageSet(images, labels, ("c0", "c1", "c2"), "some", "train")


def random_set(n=10, channels=1, size=(2, 3)):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, *size), generator=generator)
    return image_set(images.to(torch.uint8))


@given(st.integers(1, 30), st.integers(1, 40))
def test_batches_are_the_images_in_order_normalised(n, batch_size):
    data = random_set(n)
    batches = Batches(data, NORM, batch_size)
    parts = list(batches)
    assert len(parts) == len(batches)
    assert batches.n == n
    assert all(len(x) == batch_size for x, _ in parts[:-1])
    assert torch.equal(torch.cat([x for x, _ in parts]), NORM.apply(data.images))
    assert torch.equal(torch.cat([y for _, y in parts]), data.labels)
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(parts, batches, strict=True))


def test_an_example_is_the_first_two_images_as_a_network_sees_them():
    batches = Batches(random_set(3), NORM, batch_size=3, image_size=5, channels=3)
    assert torch.equal(batches.example(), next(iter(batches))[0][:2])


def test_batches_describe_themselves_in_plain_types():
    asis = {"shape": [1, 2, 3], "changes": []}
    assert Batches(random_set(), NORM, 4).describe() == {
        "data_set": "some",
        "split": "train",
        "n": 10,
        "normalisation": {"mean": [0.5], "std": [0.25]},
        "batch_size": 4,
        **asis,
    }
    changed = Batches(random_set(), NORM, 4, image_size=8, channels=3).describe()
    assert changed["shape"] == [3, 8, 8]
    assert changed["changes"] == ["resized from 2x3 to 8x8", "grey repeated over 3 channels"]


@given(st.integers(1, 9), st.integers(1, 3))
def test_images_of_the_wanted_size_and_channels_are_not_touched(size, channels):
    data = random_set(4, channels, (size, size))
    norm = Normalisation((0.5,) * channels, (0.25,) * channels)
    batches = Batches(data, norm, image_size=size, channels=channels)
    assert torch.equal(next(iter(batches))[0], norm.apply(data.images))
    assert batches.changes == ()


def test_halving_weighs_the_four_pixels_under_each_triangle():
    row = torch.tensor([0, 0, 0, 160, 0, 0, 0, 0], dtype=torch.uint8)
    data = image_set(row.expand(1, 1, 8, 8).contiguous())
    seen = Batches(data, RAW, image_size=4).example()[0, 0, 0]
    torch.testing.assert_close(seen, torch.tensor([0.0, 60.0, 20.0, 0.0]))  # 3/8 and 1/8


def test_doubling_interpolates_between_pixel_centres():
    row = torch.tensor([0, 100], dtype=torch.uint8)
    data = image_set(row.expand(1, 1, 2, 2).contiguous())
    seen = Batches(data, RAW, image_size=4).example()[0, 0, 0]
    torch.testing.assert_close(seen, torch.tensor([0.0, 25.0, 75.0, 100.0]))


@pytest.mark.parametrize("size", [1, 5, 16, 40])
def test_resizing_is_that_of_pillow_up_to_its_rounding(size):
    data = random_set(3, 3, (12, 20))
    raw = Normalisation(RAW.mean * 3, RAW.std * 3)
    seen = Batches(data, raw, image_size=size).example()
    for image, ours in zip(data.images, seen, strict=False):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        theirs = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
        theirs = torch.from_numpy(theirs.copy()).permute(2, 0, 1).float()
        # Pillow rounds to whole values twice, once in each direction
        assert (ours - theirs).abs().max() <= 1.01


def test_grey_images_are_repeated_and_normalised_by_either_kind_of_statistics():
    data = random_set(2)
    grey = Batches(data, NORM, channels=3).example()
    assert torch.equal(grey, NORM.apply(data.images).expand(-1, 3, -1, -1))
    colour = Batches(data, IMAGENET, channels=3).example()
    assert torch.equal(colour, IMAGENET.apply(data.images.expand(-1, 3, -1, -1)))
    assert colour.is_contiguous()


def test_resizing_before_and_after_repeating_is_the_same():
    data = random_set(4, size=(8, 8))
    tripled = image_set(data.images.repeat(1, 3, 1, 1))
    ours = Batches(data, IMAGENET, image_size=5, channels=3).example()
    torch.testing.assert_close(ours, Batches(tripled, IMAGENET, image_size=5).example())


def test_colour_is_never_turned_into_anything_else():
    for channels in (1, 4):
        with pytest.raises(InputError, match=rf"3 channels and {channels} are wanted; only grey"):
            Batches(random_set(channels=3), IMAGENET, channels=channels)


def test_sizes_below_1_are_a_usage_error():
    with pytest.raises(UsageError, match="batch size of 0 was asked for; it is at least 1"):
        Batches(random_set(), NORM, 0)
    for change in ({"image_size": 0}, {"image_size": -3}, {"channels": 0}):
        with pytest.raises(UsageError, match="both are at least 1"):
            Batches(random_set(), NORM, **change)


def test_batches_notice_a_normalisation_for_other_channels_at_once():
    with pytest.raises(InputError, match="imagenet is for 3"):
        Batches(random_set(), IMAGENET)
    with pytest.raises(InputError, match=r"have 4 channel.* imagenet is for 3"):
        Batches(random_set(), IMAGENET, channels=4)


@given(st.integers(1, 12), st.integers(1, 14), st.integers(1, 4))
def test_a_last_batch_that_is_too_small_joins_the_one_before_it(n, batch_size, smallest):
    data = random_set(n)
    batches = Batches(data, NORM, batch_size, smallest=smallest)
    found = [len(labels) for _, labels in batches]
    assert found == batches.sizes
    assert len(batches) == len(found)
    assert torch.cat([labels for _, labels in batches]).equal(data.labels)
    *full, last = found
    assert all(size == batch_size for size in full)
    if batch_size >= smallest and n > batch_size:
        assert smallest <= last < batch_size + smallest
