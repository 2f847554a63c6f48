import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resprobe.datasets import ImageSet, Normalisation
from resprobe.errors import InputError, UsageError

NORM = Normalisation((0.5,), (0.25,))


def numbered(n=10, classes=3):
    """Images whose every pixel says which one it is."""
    images = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 3).contiguous()
    names = tuple(f"c{i}" for i in range(classes))
    return ImageSet(images, torch.arange(n) % classes, names, "numbered", "train", NORM, "numbered")


def which(data):
    return data.images[:, 0, 0, 0].tolist()


@given(st.integers(1, 60), st.data())
def test_a_subset_is_evenly_spaced(length, data):
    n = data.draw(st.integers(1, length))
    part = numbered(length).subset(n)
    assert which(part) == [i * length // n for i in range(n)]
    assert part.labels.tolist() == [index % 3 for index in which(part)]


@pytest.mark.parametrize("n", [0, -1, 11])
def test_a_subset_of_more_than_there_are_or_none_is_a_usage_error(n):
    with pytest.raises(UsageError, match=f"{n} images wanted; the train split of numbered has 10"):
        numbered().subset(n)


@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_holdout_is_disjoint_exhaustive_and_of_the_documented_size(length, fraction, seed):
    train, validation = numbered(length).holdout(fraction, seed)
    assert sorted(which(train) + which(validation)) == list(range(length))
    assert which(train) == sorted(which(train))
    assert which(validation) == sorted(which(validation))
    assert len(validation) == min(max(int(fraction * length + 0.5), 1), length - 1)
    assert (train.split, validation.split) == ("train", "validation")
    assert train.labels.tolist() == [index % 3 for index in which(train)]


def test_holdout_depends_on_the_seed_alone():
    torch.manual_seed(1)
    first = which(numbered(50).holdout(0.2, 7)[1])
    state = torch.get_rng_state()
    assert which(numbered(50).holdout(0.2, 7)[1]) == first
    assert which(numbered(50).holdout(0.2, 8)[1]) != first
    assert torch.equal(torch.get_rng_state(), state)


def test_holdout_draws_every_image_equally_often():
    counts = torch.zeros(10)
    for seed in range(500):
        counts[torch.tensor(which(numbered(10).holdout(0.3, seed)[1]))] += 1
    # 500 draws of 3 in 10: mean 150, standard deviation 10.2; 4.5 of them either way
    assert counts.sub(150).abs().max() < 46


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_a_usage_error(fraction):
    with pytest.raises(UsageError, match="fraction between 0 and 1"):
        numbered().holdout(fraction)


def test_one_image_cannot_be_split():
    with pytest.raises(UsageError, match="at least 2 images"):
        numbered(1).holdout(0.5)


def test_take_keeps_the_order_that_is_asked_for():
    part = numbered().take(torch.tensor([4, 1, 1]))
    assert which(part) == [4, 1, 1]
    assert part.labels.tolist() == [1, 1, 1]
    assert (part.name, part.split, part.spec, part.normalisation) == (
        "numbered",
        "train",
        "numbered",
        NORM,
    )


def test_what_a_set_says_about_its_images():
    data = numbered()
    assert (len(data), data.channels, data.size) == (10, 1, (2, 3))
    assert data.to("cpu").images.device.type == "cpu"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 1, 2, 2)}, "uint8"),
        ({"images": torch.zeros(2, 2, 2, dtype=torch.uint8)}, r"\(N, C, H, W\)"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, "wanted 2 labels"),
        ({"labels": torch.zeros(2)}, "int64"),
        ({"labels": torch.tensor([0, 2])}, "labels from 0 to 2 do not fit 2 classes"),
        ({"labels": torch.tensor([-1, 0])}, "labels from -1"),
        (
            {"images": torch.zeros(0, 1, 2, 2, dtype=torch.uint8), "labels": torch.zeros(0).long()},
            "holds no image",
        ),
    ],
)
def test_tensors_that_are_no_images_and_labels_are_an_input_error(change, message):
    fields = {
        "images": torch.zeros(2, 1, 2, 2, dtype=torch.uint8),
        "labels": torch.tensor([0, 1]),
        "classes": ("a", "b"),
        "name": "two",
        "split": "test",
    }
    with pytest.raises(InputError, match=message):
        ImageSet(**(fields | change))
