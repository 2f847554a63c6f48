import pytest

from resprobe.datasets.augmentation import Crop
from resprobe.errors import UsageError
from resprobe.training import Recipe, Schedule, recipes


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("he2015-imagenet", {"epochs": "none", "iterations": "100000"}),
        ("he2015-imagenet", {"epochs": None, "iterations": 100_000}),
        ("he2015-imagenet", {"iterations": "100000"}),
        ("short", {"iterations": "none", "epochs": "200"}),
        ("short", {"epochs": "200"}),
        ("huang2016-stochastic-depth-1202", {"iterations": "9000", "milestones": "5", "ramp": "1"}),
    ],
)
def test_what_counts_in_the_length_comes_with_another_unit_however_that_is_said(base, changes):
    with pytest.raises(UsageError, match=r"set (milestones|ramp|warm_up_length) in it too"):
        recipes[base].changed(changes)


def test_a_length_in_the_same_unit_brings_nothing_with_it():
    for changes in ({"epochs": "100"}, {"epochs": "100", "iterations": "none"}):
        changed = recipes["he2015-imagenet"].changed(changes)
        assert (changed.epochs, changed.milestones) == (100, (30, 60))


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        ("short", {"decay": "0.5"}, "decay of short has no effect with schedule=cosine; leave"),
        ("he2015-cifar", {"schedule": "cosine", "milestones": "", "decay": "0.1"}, "decay of he"),
        ("he2015-cifar", {"crop_size": "32"}, "crop_size of he2015-cifar has no effect with crop"),
        ("li2018", {"short_side": "32,40"}, "short_side of li2018 has no effect with crop=pad"),
        ("he2015-imagenet", {"crop": "pad", "crop_size": "32"}, "crop_size of he2015-imagenet has"),
    ],
)
def test_a_change_without_effect_is_refused(base, changes, message):
    with pytest.raises(UsageError, match=f"^{message}.* it out$"):
        recipes[base].changed(changes)


def test_a_change_is_not_refused_where_it_has_an_effect():
    photographs = recipes["he2015-cifar"].changed({"crop": "scale", "crop_size": "32"})
    assert photographs.crop_size == 32
    steps = recipes["short"].changed({"schedule": "steps", "milestones": "9", "decay": "0.5"})
    assert steps.decay == 0.5


@pytest.mark.parametrize(
    ("key", "meant"),
    [("lr", "learning_rate"), ("wd", "weight_decay"), ("LR", "learning_rate"),
     ("gamma", "decay"), ("batch", "batch_size"), ("num_epochs", "epochs"), ("color", "colour"),
     ("weight_decai", "weight_decay")],
)  # fmt: skip
def test_what_others_call_a_field_is_understood_but_not_taken(key, meant):
    with pytest.raises(
        UsageError, match=f"unknown key of a recipe '{key}': did you mean '{meant}'"
    ):
        Recipe().changed({key: "1"})


def test_nothing_is_suggested_that_is_not_near():
    with pytest.raises(UsageError, match="unknown key of a recipe 'ur': `resprobe recipe he2015"):
        Recipe().changed({"ur": "1"})


def test_changes_are_read_from_text_as_each_field_wants_them():
    changed = Recipe().changed(
        {"learning_rate": "0.05", "milestones": "100, 200", "flip": "false", "batch_size": "64",
         "warm_up_depth": "none", "crop": "scale", "short_side": "224,300", "schedule": "steps"}
    )  # fmt: skip
    assert changed == Recipe(
        learning_rate=0.05, milestones=(100, 200), flip=False, batch_size=64, warm_up_depth=None,
        crop=Crop.SCALE, short_side=(224, 300),
    )  # fmt: skip
    cosine = Recipe().changed({"schedule": "cosine", "milestones": ""})
    assert (cosine.schedule, cosine.milestones) == (Schedule.COSINE, ())
    assert Recipe().changed({}) == Recipe()


def test_changes_may_be_values():
    assert Recipe().changed({"pad": 2, "milestones": (5,)}) == Recipe(pad=2, milestones=(5,))


def test_one_of_two_lengths_and_of_two_ends_of_a_warm_up_clears_the_other():
    epochs = Recipe().changed({"epochs": "30", "milestones": "10,20"})
    assert (epochs.iterations, epochs.epochs) == (None, 30)
    back = epochs.changed({"iterations": "64000", "milestones": "32000,48000"})
    assert back == Recipe()
    fixed = Recipe().changed({"warm_up_length": "400"})
    assert (fixed.warm_up_until_error, fixed.warm_up_length) == (None, 400)
    assert fixed.changed({"warm_up_until_error": "0.8"}) == Recipe()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_decya": "1"}, "unknown key of a recipe 'weight_decya': did you mean 'weight_dec"),
        (
            {"batch_size": "many"},
            "batch_size of .* must be a whole number .*; got 'many'",
        ),
        ({"batch_size": "1e3"}, "a whole number"),
        ({"learning_rate": "nan"}, "got nan"),
        ({"learning_rate": ""}, "got ''"),
        ({"learning_rate": "none"}, "got 'none'"),
        ({"flip": "1"}, "flip of he2015-cifar must be true or false; got '1'"),
        ({"milestones": "1,,2"}, "milestones of .*; got '1,,2'"),
        ({"epochs": "3"}, "64,000 iterations long; .* set milestones in it too.* --epochs"),
        (
            {"epochs": "3", "iterations": "5", "milestones": ""},
            "epochs of .* must be none where",
        ),
        ({"iterations": "100"}, r"at most its length, 100 iterations \(which --epochs scales"),
        ({"base": "short"}, "unknown key of a recipe 'base'"),
    ],
)
def test_changes_that_cannot_be_meant_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        Recipe().changed(changes)
