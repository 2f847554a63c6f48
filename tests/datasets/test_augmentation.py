import pytest

from resprobe.datasets import Augmentation, Crop
from resprobe.errors import UsageError


@pytest.mark.parametrize(
    "changes",
    [{"pad": -1}, {"crop_size": 0}, {"short_side": (0, 5)}, {"short_side": (300, 256)}],
)
def test_a_number_out_of_range_is_a_usage_error(changes):
    with pytest.raises(UsageError, match=r"a pad of at least 0.*; got pad="):
        Augmentation(**changes)


def test_a_crop_larger_than_the_least_short_side_is_refused_only_where_it_is_cut_from_it():
    with pytest.raises(UsageError, match=r"squares of 257 pixels .* choose a crop_size of at most"):
        Augmentation(crop=Crop.SCALE, crop_size=257)
    assert Augmentation(crop=Crop.SCALE, crop_size=256).crop_size == 256
    assert Augmentation(crop=Crop.RESIZED, crop_size=257).crop_size == 257
