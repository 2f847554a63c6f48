import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resprobe.datasets import Normalisation
from resprobe.datasets.normalise import KNOWN_NORMALISATIONS
from resprobe.errors import InputError, UsageError

numbers = st.floats(-10, 10, allow_nan=False)
spreads = st.floats(1e-6, 10, allow_nan=False)
normalisations = st.lists(st.tuples(numbers, spreads), min_size=1, max_size=4).map(
    lambda pairs: Normalisation(tuple(m for m, _ in pairs), tuple(s for _, s in pairs))
)


def pixels(n=6, channels=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, 4, 5), generator=draw, dtype=torch.uint8)


def test_apply_is_the_formula_pixel_by_pixel():
    norm = Normalisation.parse("imagenet")
    images = pixels()
    out = norm.apply(images)
    assert out.dtype == torch.float32
    assert out.shape == images.shape
    for index in [(0, 0, 0, 0), (3, 1, 2, 4), (5, 2, 3, 1)]:
        wanted = (images[index].item() / 255 - norm.mean[index[1]]) / norm.std[index[1]]
        assert out[index].item() == pytest.approx(wanted, abs=1e-6)


def test_apply_is_bit_for_bit_scale_then_subtract_then_divide():
    norm = Normalisation.parse("cifar10")
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (norm.mean, norm.std))
    assert torch.equal(norm.apply(images), (images.float().div(255) - mean) / std)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floating_point_pixels_give_the_same_and_are_left_as_they_are(dtype):
    norm = Normalisation.parse("cifar100")
    images = pixels().to(dtype)
    before = images.clone()
    assert torch.equal(norm.apply(images), norm.apply(pixels()))
    assert torch.equal(images, before)


def test_a_measured_normalisation_gives_mean_0_and_standard_deviation_1():
    images = pixels(50)
    out = Normalisation.measured(images).apply(images).double()
    assert out.mean((0, 2, 3)).abs().max() < 1e-6
    assert (out.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_measuring_agrees_with_the_definition():
    images = pixels(20)
    norm = Normalisation.measured(images)
    scaled = images.double() / 255
    assert norm.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert norm.std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist(), rel=1e-12)


@given(normalisations)
def test_what_describe_says_parse_reads(norm):
    assert Normalisation.parse(norm.describe()) == norm


@given(normalisations)
def test_a_dictionary_brings_it_back(norm):
    assert Normalisation.from_dict(norm.to_dict()) == norm


@pytest.mark.parametrize("name", KNOWN_NORMALISATIONS)
def test_known_ones_are_described_by_their_name(name):
    known = Normalisation.parse(name)
    assert known.describe() == name
    assert Normalisation.from_dict(known.to_dict()).describe() == name


def test_the_published_constants():
    assert Normalisation.parse("imagenet").std == (0.229, 0.224, 0.225)
    assert Normalisation.parse("cifar10").mean == (0.4914, 0.4822, 0.4465)
    assert Normalisation.parse("cifar100").std == (0.2673, 0.2564, 0.2762)
    assert Normalisation.parse("fashion-mnist").to_dict() == {"mean": [0.286], "std": [0.353]}


@pytest.mark.parametrize("text", ["", "imagnet", "0.5", "0.5/0.5/0.5", "a,b,c/1,1,1", "0.5,/1,"])
def test_text_that_is_neither_a_name_nor_numbers_is_a_usage_error(text):
    with pytest.raises(UsageError, match=r"unknown normalisation .*m,m,m/s,s,s"):
        Normalisation.parse(text)


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'imagenet'"):
        Normalisation.parse("imagnet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2/3", "as many means as standard deviations.*2 and 1"),
        ("0.5/0", "above 0"),
        ("0.5/-1", "above 0"),
        ("nan/1", "finite"),
        ("0.5/inf", "finite"),
    ],
)
def test_numbers_that_cannot_normalise_are_a_usage_error(text, message):
    with pytest.raises(UsageError, match=message):
        Normalisation.parse(text)


def test_another_number_of_channels_is_an_input_error():
    with pytest.raises(InputError, match=r"1 channel\(s\).*imagenet is for 3.*--normalise"):
        Normalisation.parse("imagenet").apply(pixels(channels=1))


def test_a_constant_channel_cannot_be_measured():
    images = pixels()
    images[:, 1] = 7
    with pytest.raises(InputError, match="channel 1 has the same value"):
        Normalisation.measured(images)


@pytest.mark.parametrize(
    "images", [torch.zeros(0, 3, 2, 2, dtype=torch.uint8), torch.zeros(1, 3, 2, 2)]
)
def test_measuring_wants_uint8_images(images):
    with pytest.raises(InputError, match="at least one uint8 image"):
        Normalisation.measured(images)


@pytest.mark.parametrize(
    "value", [{}, {"mean": [1]}, {"mean": 1, "std": 1}, {"mean": ["x"], "std": [1]}]
)
def test_a_dictionary_of_something_else_is_an_input_error(value):
    with pytest.raises(InputError, match="not a normalisation"):
        Normalisation.from_dict(value)


def test_the_figures_are_plain_floats():
    norm = Normalisation.measured(pixels())
    assert all(type(v) is float and math.isfinite(v) for v in norm.mean + norm.std)


def photos(count=5, channels=3, height=7, width=6):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, height, width), generator=generator).byte()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_layout_in_memory_gives_the_same_bits_and_keeps_its_layout(dtype, channels):
    norm = Normalisation((0.1, 0.5, 0.7)[:channels], (0.3, 0.2, 0.9)[:channels])
    images = photos(channels=channels).to(dtype)
    mean, std = (torch.tensor(v)[:, None, None] for v in (norm.mean, norm.std))
    wanted = (images.float() / 255 - mean) / std
    layouts = [
        images,
        images.contiguous(memory_format=torch.channels_last),
        images.transpose(2, 3).contiguous().transpose(2, 3),
        torch.nn.functional.pad(images, (1, 1))[..., 1:-1],
    ]
    for layout in layouts:
        before = layout.clone()
        found = norm.apply(layout)
        assert torch.equal(found, wanted)
        assert found.dtype == torch.float32
        assert found.stride() == layout.stride() or layout is layouts[3]
        assert torch.equal(layout, before)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_numbers_can_be_put_into_a_part_of_larger_images(layout):
    norm = Normalisation((0.1, 0.5, 0.7), (0.3, 0.2, 0.9))
    images = photos().contiguous(memory_format=layout)
    large = torch.zeros(5, 3, 11, 10).contiguous(memory_format=layout)
    part = large[:, :, 2:9, 2:8]
    assert norm.apply(images, out=part) is part
    assert torch.equal(large, torch.nn.functional.pad(norm.apply(images), (2, 2, 2, 2)))


def test_images_that_are_differentiated_still_can_be():
    images = photos().double().requires_grad_()
    norm = Normalisation((0.15, 0.55, 0.75), (0.35, 0.25, 0.95))
    with torch.inference_mode():
        norm.apply(photos())  # the numbers are kept from here
    for layout in (images, images.contiguous(memory_format=torch.channels_last)):
        (gradient,) = torch.autograd.grad(norm.apply(layout).sum(), images)
        wanted = (1 / 255 / torch.tensor(norm.std))[:, None, None].expand_as(images)
        torch.testing.assert_close(gradient.float(), wanted)
