import dataclasses

import pytest

from resprobe.errors import UsageError
from resprobe.training import Recipe, Schedule, recipes


def test_the_default_is_the_papers_recipe():
    recipe = Recipe()
    assert recipe.name == "he2015-cifar"
    assert (recipe.batch_size, recipe.iterations) == (128, 64_000)
    assert (recipe.learning_rate, recipe.milestones, recipe.decay) == (0.1, (32_000, 48_000), 0.1)
    assert (recipe.momentum, recipe.weight_decay, recipe.nesterov) == (0.9, 1e-4, False)
    assert (recipe.warm_up_depth, recipe.warm_up_rate) == (110, 0.01)
    assert recipe.warm_up_until_error == 0.8
    assert (recipe.validation_fraction, recipe.pad, recipe.flip) == (0.1, 4, True)
    assert recipes["he2015-cifar"] == recipe


def test_recipes_are_found_by_name_and_a_wrong_name_is_corrected():
    assert Recipe.named("short") is recipes["short"]
    with pytest.raises(UsageError, match="did you mean 'he2015-cifar'"):
        Recipe.named("he2015")


@pytest.mark.parametrize("recipe", recipes.values(), ids=recipes.keys())
def test_a_recipe_survives_a_file(recipe):
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert {type(value) for value in recipe.to_dict().values()} <= {
        str, int, float, bool, list, type(None),
    }  # fmt: skip


def test_fields_of_something_else_are_no_recipe():
    with pytest.raises(UsageError, match="not the fields of a recipe"):
        Recipe.from_dict({"name": "he2015-cifar"})
    with pytest.raises(UsageError, match="not the fields of a recipe"):
        Recipe.from_dict({**Recipe().to_dict(), "optimiser": "adam"})


@pytest.mark.parametrize(
    ("images", "batches"), [(1, 0), (2, 1), (127, 1), (128, 1), (129, 1), (130, 2), (45_000, 352)]
)
def test_an_epoch_keeps_a_smaller_last_batch_unless_it_is_a_single_image(images, batches):
    assert Recipe().batches_per_epoch(images) == batches


def test_a_run_of_some_epochs_keeps_its_milestones_at_half_and_three_quarters():
    recipe = Recipe().for_epochs(10, images=45_000)
    assert recipe.iterations == 3_520
    assert recipe.milestones == (1_760, 2_640)
    assert dataclasses.replace(recipe, iterations=64_000, milestones=(32_000, 48_000)) == Recipe()


def test_a_run_of_some_epochs_scales_the_ramp_too():
    short = recipes["short"].for_epochs(2, images=4_500)
    assert short.iterations == 142
    assert short.ramp == 22
    assert short.milestones == ()


@pytest.mark.parametrize(
    ("epochs", "images", "message"),
    [(0, 100, "epochs must be at least 1"), (3, 1, "needs at least 2 images; got 1")],
)
def test_a_run_of_nothing_is_refused(epochs, images, message):
    with pytest.raises(UsageError, match=message):
        Recipe().for_epochs(epochs, images=images)


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
        ("momentum", 1.1),
        ("weight_decay", -1e-4),
        ("warm_up_rate", 0.0),
        ("warm_up_until_error", 80),
        ("validation_fraction", 1.0),
        ("validation_fraction", -0.1),
        ("pad", -1),
        ("ramp", -1),
        ("milestones", (5, 3)),
        ("milestones", (-1,)),
        ("milestones", (1.5,)),
    ],
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(UsageError, match=f"^{field} of he2015-cifar must be .*; got "):
        Recipe(**{field: value})


def test_nesterov_needs_momentum():
    with pytest.raises(UsageError, match="momentum of he2015-cifar must be above 0 with nesterov"):
        Recipe(nesterov=True, momentum=0.0)


def test_the_short_recipe_falls_along_a_cosine():
    assert recipes["short"].schedule is Schedule.COSINE
    assert recipes["short"].nesterov
