import re
from dataclasses import replace

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
    train, validation = numbered(length, classes=1).holdout(fraction, seed)
    assert sorted(which(train) + which(validation)) == list(range(length))
    assert which(train) == sorted(which(train))
    assert which(validation) == sorted(which(validation))
    assert len(validation) == min(max(int(fraction * length + 0.5), 1), length - 1)
    assert (train.split, validation.split) == ("train", "validation")


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
        counts[torch.tensor(which(numbered(10, classes=1).holdout(0.3, seed)[1]))] += 1
    # 500 draws of 3 in 10: mean 150, standard deviation 10.2; 4.5 of them either way
    assert counts.sub(150).abs().max() < 46


def test_both_sides_of_a_holdout_keep_the_labels_of_their_images():
    for side in numbered(30).holdout(0.4, 1):
        assert side.labels.tolist() == [index % 3 for index in which(side)]


def of_classes(labels):
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    names = ("dark", "bright", "grey", "unused")
    return ImageSet(images, torch.tensor(labels), names, "folder:pets", "train")


@pytest.mark.parametrize(
    ("labels", "fraction", "message"),
    [
        (
            [0] * 39 + [1],
            0.1,
            "folder:pets: the 4 images held out of 40 include none of class 'bright'; hold out "
            "another share with --validation, or none with --validation 0",
        ),
        ([0] * 8 + [1, 2], 0.05, "the 1 image held out of 10 includes none of class 'bright' and "
         "of 1 more; "),
        ([0, 1], 0.5, "the 1 image held out of 2 includes none of class '"),
    ],
)  # fmt: skip
def test_a_class_without_an_image_held_out_is_an_input_error(labels, fraction, message):
    with pytest.raises(InputError, match=re.escape(message)):
        of_classes(labels).holdout(fraction, seed=0)


def test_a_class_without_an_image_left_to_learn_from_is_an_input_error():
    found = set()
    for seed in range(20):
        with pytest.raises(InputError) as error:
            of_classes([0] * 9 + [1]).holdout(0.5, seed)
        found.add(str(error.value).split(";")[0])
    assert found == {
        "folder:pets: the 5 images held out of 10 include none of class 'bright'",
        "folder:pets: the 5 images left when 5 of 10 are held out include none of class 'bright'",
    }


def test_a_class_that_the_data_never_had_is_not_missed():
    train, validation = of_classes([0, 1] * 20).holdout(0.5)
    assert len(train) == len(validation) == 20


def test_pixels_are_the_images_at_a_slice_or_at_indices():
    data = numbered()
    assert torch.equal(data.pixels(slice(2, 5)), data.images[2:5])
    assert torch.equal(data.pixels(torch.tensor([7, 1])), data.images[[7, 1]])
    parts = [slice(3), torch.tensor([9])]
    assert [part[:, 0, 0, 0].tolist() for part in data.stream(parts)] == [[0, 1, 2], [9]]


def test_the_digest_tells_any_change_apart_and_nothing_else():
    data = numbered()
    changed = data.images.clone()
    changed[9, 0, 1, 2] += 1
    others = [
        replace(data, images=changed),
        replace(data, labels=data.labels.flip(0)),
        replace(data, classes=("c0", "c1", "x")),
        replace(data, images=data.images.transpose(2, 3)),
        data.take(torch.arange(9)),
        data.take(torch.arange(9, -1, -1)),
    ]
    assert len({data.digest, *(other.digest for other in others)}) == 7
    same = replace(data, images=data.images.clone(), name="other", split="test", spec="")
    assert same.digest == data.digest


def test_images_in_memory_are_not_cut_from_larger_ones():
    data = numbered()
    assert data.sized(224) is data
    assert (data.device, data.nbytes) == (torch.device("cpu"), 60)


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
