import dataclasses

import pytest

from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.errors import UsageError
from resprobe.training import Recipe, Schedule, recipes

EPOCHS = Recipe(
    name="ten",
    iterations=None,
    epochs=10,
    milestones=(5, 7),
    ramp=2,
    warm_up_until_error=None,
    warm_up_length=1,
    weight_decay=0.25,
    flip=False,
)


def test_photographs_are_scaled_cropped_coloured_and_small_images_padded():
    photographs = Augmentation(crop=Crop.SCALE, pad=0, flip=True, colour=True)
    assert (photographs.crop_size, photographs.short_side) == (224, (256, 480))
    small = Augmentation(crop=Crop.PAD, pad=4, flip=True, colour=False)
    for name, recipe in recipes.items():
        assert recipe.augmentation == (photographs if "imagenet" in name else small)


@pytest.mark.parametrize("recipe", recipes.values(), ids=recipes.keys())
def test_a_recipe_survives_a_file(recipe):
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert {type(value) for value in recipe.to_dict().values()} <= {
        str, int, float, bool, list, type(None),
    }  # fmt: skip


def test_fields_of_something_else_are_no_recipe():
    fields = Recipe().to_dict()
    without = {key: value for key, value in fields.items() if key != "momentum"}
    for given, message in [
        (without, "not the fields of a recipe: momentum is missing"),
        ({"name": "x"}, "not the fields of a recipe: batch_size is missing"),
        ({**fields, "dropout": 0.5}, "not the fields of a recipe: 'dropout' is unknown"),
        ({**fields, 3: "x" * 10**6}, "not the fields of a recipe: 3 is unknown"),
    ]:
        with pytest.raises(UsageError, match=f"^{message}$"):
            Recipe.from_dict(given)


def test_a_recipe_that_was_written_before_there_were_photographs_still_reads():
    later = ("epochs", "warm_up_length", "optimiser", "crop", "colour", "crop_size", "short_side")
    for recipe in (Recipe(), recipes["short"]):
        fields = {key: value for key, value in recipe.to_dict().items() if key not in later}
        assert Recipe.from_dict(fields) == recipe


@pytest.mark.parametrize(
    ("images", "batches"), [(1, 0), (2, 1), (127, 1), (128, 1), (129, 1), (130, 2), (45_000, 352)]
)
def test_an_epoch_keeps_a_smaller_last_batch_unless_it_is_a_single_image(images, batches):
    assert Recipe().batches_per_epoch(images) == batches


def test_a_run_of_some_epochs_keeps_its_milestones_at_half_and_three_quarters():
    recipe = Recipe().for_run(45_000, epochs=10)
    assert recipe.iterations == 3_520
    assert recipe.milestones == (1_760, 2_640)
    assert dataclasses.replace(recipe, iterations=64_000, milestones=(32_000, 48_000)) == Recipe()


def test_a_run_of_some_epochs_scales_the_ramp_too():
    short = recipes["short"].for_run(4_500, epochs=2)
    assert short.iterations == 142
    assert short.ramp == 22
    assert short.milestones == ()


@pytest.mark.parametrize(
    ("batches", "milestones"),
    [(1, (1,)), (2, (1, 2)), (3, (2, 3)), (4, (2, 3)), (5, (2, 4)), (6, (3, 4)), (7, (4, 5))],
)
def test_a_very_short_run_starts_at_the_full_rate_and_falls_once_at_a_time(batches, milestones):
    """Halves and three quarters to the nearest step, ties to even; what comes after the end
    falls away."""
    run = Recipe().for_run(128 * batches, epochs=1)
    assert (run.length, run.milestones) == (batches, milestones)


def test_a_ramp_and_a_warm_up_as_long_as_the_run_stay_so_at_any_length():
    whole = Recipe(
        iterations=49, milestones=(), ramp=49, warm_up_until_error=None, warm_up_length=49
    )
    for batches in range(1, 200):
        run = whole.for_run(128 * batches, epochs=1)
        assert (run.ramp, run.warm_up_length) == (batches, batches)


@pytest.mark.parametrize(
    ("epochs", "images", "message"),
    [(0, 100, "epochs must be at least 1"), (3, 1, "needs at least 2 images; got 1")],
)
def test_a_run_of_nothing_is_refused(epochs, images, message):
    with pytest.raises(UsageError, match=message):
        Recipe().for_run(images, epochs=epochs)


def test_epochs_become_iterations_and_what_counts_in_them_too():
    run = EPOCHS.for_run(45_000)
    assert (run.iterations, run.epochs, run.unit, run.length) == (3_520, None, "iterations", 3_520)
    assert (run.milestones, run.ramp, run.warm_up_length) == ((1_760, 2_464), 704, 352)
    rest = {"iterations", "epochs", "milestones", "ramp", "warm_up_length"}
    assert {k: v for k, v in run.to_dict().items() if k not in rest} == {
        k: v for k, v in EPOCHS.to_dict().items() if k not in rest
    }


def test_another_number_of_epochs_scales_a_recipe_in_epochs_as_one_in_iterations():
    assert EPOCHS.for_run(45_000, epochs=20).milestones == (3_520, 4_928)
    assert EPOCHS.for_run(45_000, epochs=20) == EPOCHS.for_run(45_000).for_run(45_000, epochs=20)
    assert EPOCHS.for_run(45_000, epochs=20).warm_up_length == 704


def test_a_recipe_in_iterations_is_the_same_for_any_images():
    assert Recipe().for_run(45_000) is not None
    assert Recipe().for_run(45_000) == Recipe().for_run(10) == Recipe()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 1),
        ("batch_size", 2.5),
        ("iterations", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("decay", 0.0),
        ("decay", 1.5),
        ("momentum", -0.1),
        ("momentum", 1),
        ("momentum", 1.1),
        ("weight_decay", -1e-4),
        ("warm_up_rate", 0.0),
        ("warm_up_until_error", 80),
        ("warm_up_until_error", 0.0),
        ("validation_fraction", 0.91),
        ("validation_fraction", -0.1),
        ("pad", -1),
        ("ramp", -1),
        ("milestones", (5, 3)),
        ("milestones", (-1,)),
        ("milestones", (0, 5)),
        ("milestones", (5, 5)),
        ("milestones", (1.5,)),
        ("milestones", (True,)),
        ("milestones", 100),
        ("milestones", (32_000, 70_000)),
        ("batch_size", True),
        ("learning_rate", True),
        ("learning_rate", "0.1"),
        ("learning_rate", None),
        ("iterations", None),
        ("epochs", 90),
        ("flip", 1),
        ("flip", "true"),
        ("nesterov", None),
        ("schedule", "linear"),
        ("optimiser", "rmsprop"),
        ("crop", "middle"),
        ("name", ""),
        ("name", 3),
        ("warm_up_length", 100),
        ("warm_up_depth", 0),
        ("ramp", 64_001),
        ("crop_size", 0),
        ("short_side", (480, 256)),
        ("short_side", (256,)),
        ("short_side", (0, 256)),
    ],
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(UsageError, match=f"^{field} of (he2015-cifar|3|) must be .*; got "):
        Recipe(**{field: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nesterov": True, "optimiser": "adam"}, "nesterov of .* must be false with optimiser=ad"),
        ({"nesterov": True, "momentum": 0.0}, "momentum of he2015-cifar must be above 0 with nest"),
        ({"schedule": Schedule.COSINE}, "milestones of .* must be empty with the cosine schedule"),
        ({"warm_up_until_error": None}, "warm_up_depth of .* must be none where neither"),
        (
            {"warm_up_until_error": None, "warm_up_length": 64_001},
            "warm_up_length of .* must be at most its length, 64,000 iterations; got 64001",
        ),
        ({"warm_up_length": 9}, r"warm_up_length of .* none where warm_up_until_error is given"),
        ({"crop": Crop.SCALE, "crop_size": 300}, "crop_size of .* at most the shortest short_side"),
        ({"epochs": 1}, "epochs of .* must be none where iterations is given"),
        ({"iterations": 100}, "milestones of .* must be at most its length, 100 iterations"),
    ],
)
def test_values_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**changes)


def test_an_error_is_one_sentence_however_long_the_value():
    for value in ("x" * 10**6, [1] * 10**6, 1 << 60_000):
        with pytest.raises(UsageError) as caught:
            Recipe(learning_rate=value)
        assert len(str(caught.value)) < 200


def test_the_ends_of_a_range_that_belong_to_it_are_taken():
    for fields in (
        {"validation_fraction": 0.9},
        {"warm_up_until_error": 1.0},
        {"momentum": 0.0},
        {"milestones": (1, 2, 64_000)},
        {"short_side": (256, 256)},
    ):
        assert Recipe(**fields) is not None


def test_whole_numbers_are_taken_for_numbers():
    recipe = Recipe(learning_rate=1, weight_decay=0, milestones=[1, 2])
    assert (recipe.learning_rate, recipe.weight_decay) == (1.0, 0.0)
    assert isinstance(recipe.learning_rate, float)
    assert recipe.milestones == (1, 2)


def test_the_short_recipe_falls_along_a_cosine():
    assert recipes["short"].schedule is Schedule.COSINE
    assert recipes["short"].nesterov
