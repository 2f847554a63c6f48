import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resprobe.datasets import Augmentation, Crop
from resprobe.datasets.splitmix import ImageDraws
from resprobe.datasets.views import centre_view, picture, random_view
from resprobe.errors import InputError

v2 = pytest.importorskip("torchvision.transforms.v2")
SCALE = Augmentation(crop=Crop.SCALE, crop_size=224, short_side=(256, 480))
RESIZED = Augmentation(crop=Crop.RESIZED, crop_size=224)


def photograph(height, width, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


def views(augmentation, height, width, n=2000):
    return [
        random_view(height, width, augmentation, ImageDraws(seed=1, epoch=2, index=index))
        for index in range(n)
    ]


def even(counts, n, bins):
    """Whether counts of n draws over equal bins are within 4.5 standard deviations."""
    spread = math.sqrt(n / bins * (1 - 1 / bins))
    return len(counts) == bins and float((counts - n / bins).abs().max()) < 4.5 * spread


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (300, 300), (40, 900)])
@pytest.mark.parametrize("side", [224, 64])
def test_the_middle_is_what_resize_and_centre_crop_of_torchvision_give(height, width, side):
    image = photograph(height, width)
    theirs = v2.Compose([v2.Resize(round(side * 256 / 224)), v2.CenterCrop(side)])(image)
    ours = centre_view(height, width, side=side).of(image)
    assert np.array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize("augmentation", [SCALE, RESIZED], ids=["scale", "resized"])
def test_a_view_is_what_torchvisions_functions_give_for_its_numbers(augmentation):
    image = photograph(333, 500)
    act = v2.functional
    for view in views(augmentation, 333, 500, n=20):
        if augmentation is SCALE:
            whole = act.resize(image, [min(view.full)])
            theirs = act.crop(whole, view.top, view.left, 224, 224)
        else:
            at = (view.top, view.left, view.height, view.width)
            theirs = act.resized_crop(image, *at, [224, 224])
        theirs = act.horizontal_flip(theirs) if view.mirrored else theirs
        assert np.array_equal(view.of(image), np.asarray(theirs))


def test_the_short_side_is_uniform_from_256_to_480():
    found = views(SCALE, 375, 500, n=22_500)
    short = torch.tensor([min(view.full) for view in found])
    assert even(short.sub(256).bincount(minlength=225), 22_500, 225)
    for view in found[:100]:
        assert view.full == (min(view.full), int(min(view.full) * 500 / 375))


def test_the_window_lies_anywhere_in_the_scaled_image_with_equal_chance():
    small = Augmentation(crop=Crop.SCALE, crop_size=4, short_side=(6, 6))
    found = views(small, 6, 8, n=6000)
    places = torch.tensor([view.top * 5 + view.left for view in found])
    assert {view.full for view in found} == {(6, 8)}
    assert even(places.bincount(minlength=15), 6000, 15)


@pytest.mark.parametrize("crop", [Crop.SCALE, Crop.RESIZED])
def test_half_of_the_views_are_mirrored_and_none_where_it_is_not_asked_for(crop):
    size = {"crop": crop, "crop_size": 224}
    mirrored = sum(view.mirrored for view in views(Augmentation(**size), 375, 500, n=4000))
    assert mirrored == pytest.approx(2000, abs=143)  # 4.5 standard deviations of 31.6
    assert not any(view.mirrored for view in views(Augmentation(**size, flip=False), 375, 500))


def test_the_area_of_a_resized_crop_has_the_mean_that_its_definition_gives():
    """A share a and a ratio r fit a square image iff a <= exp(-|log r|)."""
    found = views(RESIZED, 3000, 3000, n=4000)
    area = torch.tensor([view.height * view.width / 9e6 for view in found])
    end = math.log(4 / 3)
    squares = ((1 - math.exp(-2 * end)) / 2 - 0.08**2 * end) / 2
    mean = squares / (1 - math.exp(-end) - 0.08 * end)
    assert 0.079 < area.min() < 0.083
    assert 0.95 < area.max() < 1.001
    # up to 3/4 of the area every ratio fits, so every share is as likely
    some = area[(area > 0.08) & (area < 0.74)]
    assert even(some.sub(0.08).div(0.11).long().bincount(minlength=6), len(some), 6)
    # a standard deviation below that of the uniform, 0.266; 4.5 standard errors
    assert area.mean() == pytest.approx(mean, abs=4.5 * 0.266 / math.sqrt(4000))


def test_small_parts_have_ratios_even_in_their_logarithm():
    found = [view for view in views(RESIZED, 3000, 3000, n=8000) if view.height * view.width < 4e6]
    ratio = torch.tensor([math.log(view.width / view.height) for view in found])
    end = math.log(4 / 3)
    assert ratio.abs().max() < end + 0.01
    bins = ratio.add(end).div(2 * end).mul(6).long().clamp(0, 5)
    assert even(bins.bincount(minlength=6), len(found), 6)


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.integers(0, 1000),
    st.sampled_from([SCALE, RESIZED]),
)  # fmt: skip
def test_a_view_of_any_image_lies_within_it(height, width, index, augmentation):
    view = random_view(height, width, augmentation, ImageDraws(seed=0, epoch=0, index=index))
    high, wide = view.full or (height, width)
    assert 0 <= view.top <= high - view.height
    assert 0 <= view.left <= wide - view.width
    assert min(view.height, view.width) >= 1
    assert view.side == 224


@pytest.mark.parametrize(("size", "part"), [((100, 10), (13, 10)), ((10, 100), (10, 13))])
def test_where_no_draw_fits_the_largest_middle_part_is_shown(size, part):
    tall = [view for view in views(RESIZED, *size, n=3000) if (view.height, view.width) == part]
    middle = {(view.top, view.left) for view in tall}
    assert ((100 - 13) // 2, 0) in middle or (0, (100 - 13) // 2) in middle


def test_a_mirrored_view_is_the_other_view_from_right_to_left():
    image = photograph(300, 400)
    view = next(view for view in views(SCALE, 300, 400) if view.mirrored)
    plain = type(view)(**{**vars(view), "mirrored": False})
    assert np.array_equal(view.of(image), plain.of(image)[:, ::-1])


def test_an_image_that_would_grow_without_bound_is_an_input_error(tmp_path):
    Image.new("RGB", (9000, 2)).save(tmp_path / "line.png")
    with pytest.raises(InputError, match=r"line.png: 9000x2 pixels would be 1152000x256 with a "):
        picture(tmp_path / "line.png", lambda high, wide: centre_view(high, wide, side=224))
