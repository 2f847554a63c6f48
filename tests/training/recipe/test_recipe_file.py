import os
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resprobe.datasets.augmentation import Crop
from resprobe.errors import InputError, UsageError
from resprobe.training import Optimiser, Recipe, Schedule, recipes


def shares(low=0.0, high=1.0, **more):
    return st.floats(low, high, allow_nan=False, **more)


@st.composite
def any_recipe(draw):
    """A recipe of any kind: in either unit, either schedule, with each warm-up or none."""
    length, unit = draw(st.integers(1, 10**8)), draw(st.sampled_from(["iterations", "epochs"]))
    schedule = draw(st.sampled_from(Schedule))
    within = st.integers(0, length)
    some = st.sets(st.integers(1, length), max_size=4)
    milestones = sorted(draw(some)) if schedule is Schedule.STEPS else ()
    until, until_length = draw(
        st.one_of(
            st.tuples(st.none(), st.none()),
            st.tuples(shares(exclude_min=True), st.none()),
            st.tuples(st.none(), st.integers(1, length)),
        )
    )
    lowest = draw(st.integers(1, 10_000))
    optimiser = draw(st.sampled_from(Optimiser))
    return Recipe(
        name=draw(st.text(min_size=1, max_size=100).filter(str.isprintable)),
        **{"iterations": None, "epochs": None, unit: length},
        batch_size=draw(st.integers(2, 10**6)),
        learning_rate=draw(shares(0, 1_000, exclude_min=True)),
        schedule=schedule,
        milestones=milestones,
        decay=draw(shares(exclude_min=True)),
        ramp=draw(within),
        momentum=draw(shares(exclude_min=True, exclude_max=True)),
        weight_decay=draw(shares()),
        optimiser=optimiser,
        nesterov=optimiser is Optimiser.SGD and draw(st.booleans()),
        warm_up_depth=None
        if until is None and until_length is None
        else draw(st.none() | st.integers(1, 10**9)),
        warm_up_rate=draw(shares(0, 1_000, exclude_min=True)),
        warm_up_until_error=until,
        warm_up_length=until_length,
        validation_fraction=draw(shares(0, 0.9)),
        crop=draw(st.sampled_from(Crop)),
        pad=draw(st.integers(0, 64)),
        flip=draw(st.booleans()),
        colour=draw(st.booleans()),
        crop_size=draw(st.integers(1, lowest)),
        short_side=(lowest, draw(st.integers(lowest, 10_000))),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(recipe=any_recipe(), base=st.sampled_from(list(recipes)))
def test_a_recipe_that_is_printed_and_read_again_is_the_same_on_any_base(tmp_path, recipe, base):
    path = tmp_path / "mine.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.read(path) == recipe
    path.write_text(f'base = "{base}"\n' + recipe.to_toml(), encoding="utf-8")
    assert Recipe.read(str(path)) == recipe


@given(recipe=any_recipe())
def test_a_recipe_is_rebuilt_from_its_plain_values(recipe):
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@given(recipe=any_recipe(), images=st.integers(2, 10**7), epochs=st.none() | st.integers(1, 1_000))
def test_any_recipe_can_be_run(recipe, images, epochs):
    run = recipe.for_run(images, epochs=epochs) if recipe.batches_per_epoch(images) else recipe
    assert run.length >= 1
    assert all(1 <= at <= run.length for at in run.milestones)
    assert Recipe.from_dict(run.to_dict()) == run


@pytest.mark.parametrize("recipe", recipes.values(), ids=recipes.keys())
def test_a_built_in_recipe_prints_every_number_that_it_has(recipe, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(recipe.to_toml())
    assert Recipe.read(path) == recipe
    assert tomllib.loads(recipe.to_toml())[recipe.unit] == recipe.length


def test_recipes_are_found_by_name_and_a_wrong_name_is_corrected():
    assert Recipe.read("short") is recipes["short"]
    with pytest.raises(UsageError, match=r"unknown recipe 'he2015': did you mean 'he2015-cifar'"):
        Recipe.read("he2015")
    with pytest.raises(UsageError, match=r"Known: he2015-cifar, .*, or a file .*FILE\.toml"):
        Recipe.read("mine.txt")


@pytest.fixture
def written(tmp_path):
    """Write a recipe file and return its path."""

    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_file_changes_its_base_and_is_called_as_itself(written):
    found = Recipe.read(written('base = "li2018"\nlearning_rate = 1\ncrop = "resized"\n'))
    assert found == recipes["li2018"].changed(
        {"name": "mine", "learning_rate": 1.0, "crop": "resized"}
    )
    assert Recipe.read(written('name = "ours"\npad = 2\n')) == Recipe(name="ours", pad=2)
    assert Recipe.read(written("")) == Recipe(name="mine")


def test_a_file_in_the_other_unit_brings_all_that_counts_in_it(written):
    found = Recipe.read(written("epochs = 30\nmilestones = [10, 20]\n"))
    assert (found.epochs, found.iterations, found.milestones) == (30, None, (10, 20))
    with pytest.raises(InputError, match=r"mine\.toml: .* set milestones in it too, .*--ep"):
        Recipe.read(written("epochs = 30\n"))
    with pytest.raises(InputError, match="set ramp in it too"):
        Recipe.read(written('base = "short"\nepochs = 30\n'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rat = 0.1", "unknown key of a recipe 'learning_rat': did you mean 'learning_ra"),
        ("[training]\nramp = 1", "unknown key of a recipe 'training'"),
        ('base = "he2015"', "unknown base 'he2015': did you mean 'he2015-cifar'"),
        ("base = 3", "unknown base '3'"),
        ('base = ["short"]', r"unknown base '\['short'\]'"),
        ("learning_rate = true", r"learning_rate of mine must be a number above 0 .*; got True"),
        ("learning_rate = nan", r"must be a number above 0 and at most 1,000; got nan"),
        ("learning_rate = inf", "must be a number above 0 and at most 1,000; got inf"),
        ("learning_rate = 1e999", "must be a number above 0 and at most 1,000; got inf"),
        ('learning_rate = "0.1"', "must be a number above 0 and at most 1,000; got '0.1'"),
        ("learning_rate = 1979-05-27", r"a number above 0 and at most 1,000; got datetime\.date"),
        ("batch_size = 64.0", "batch_size of mine must be a whole number from 2 .*; got 64.0"),
        ("batch_size = 0x" + "f" * 9_000, "batch_size of mine .*; got a number of thousands of"),
        ("flip = 1", "flip of mine must be true or false; got 1"),
        ("milestones = [3, 2]", "milestones of mine must be whole numbers >= 1, each above the"),
        ("milestones = [0, 2]", "milestones of mine must be whole numbers >= 1, each above the"),
        ("milestones = [2, 2]", "milestones of mine must be whole numbers >= 1, each above the"),
        ("crop_size = 32", "crop_size of mine has no effect with crop=pad; leave it out"),
        ('base = "short"\ndecay = 0.5', "decay of mine has no effect with schedule=cosine; leave"),
        ("milestones = 3", r"milestones of mine must be whole numbers .*; got 3"),
        ('schedule = "step"', "schedule of mine must be steps or cosine; got 'step'"),
        ('name = "a\\nb"', "name of .* must be 1 to 100 printable letters"),
        ("pad = 1\npad = 2", "not TOML: Cannot overwrite a value"),
        ("learning_rate 0.1", r"not TOML: Expected '=' after a key .*line 1, column 15"),
        ("pad = " + "9" * 5_000, "not TOML: Exceeds the limit"),
        ("pad = " + "[" * 30_000, "nested too deeply"),
        (b"\xff\xfe", r"not text in UTF-8 \(byte 0\)"),
        (b"#" * 65_537, "larger than 65,536 bytes"),
        (b"\x00", r"not TOML: Invalid statement \(at line 1, column 1\)"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_one_sentence(written, text, message):
    with pytest.raises(InputError, match=message) as caught:
        Recipe.read(written(text))
    said = str(caught.value)
    assert "mine.toml: " in said
    assert len(said.splitlines()) == 1
    assert len(said) < 500


def test_a_file_that_is_not_there_or_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no\.toml: the recipe cannot be read \(No such file"):
        Recipe.read(tmp_path / "no.toml")
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("folder.toml", "pipe.toml"):
        with pytest.raises(InputError, match="not a file"):
            Recipe.read(tmp_path / name)
