import pytest

from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.training import Recipe, plan_training, train


def test_the_plan_is_what_then_runs(two_kinds, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe, data = Recipe(batch_size=8), two_kinds(50)
    plan = plan_training(tiny, data, recipe=recipe, epochs=3)
    assert not list(tmp_path.iterdir())
    frame = train(tiny, data, recipe=recipe, epochs=3, out="net.pt").frame
    assert (plan.images, plan.validation_images) == (45, 5)
    assert plan.images == frame["train_n"].max()
    assert plan.validation_images == frame["validation_n"].max()
    assert plan.epochs == len(frame)
    assert plan.iterations == frame["iteration"].max()
    assert plan.duration_s > 0


def test_the_time_of_a_plan_is_that_of_its_images(two_kinds, tiny, monkeypatch):
    """Each step takes a second in which the clock is looked at twice: so two images a second."""
    ticks = iter(range(100))
    monkeypatch.setattr("resprobe.training.plan.time.perf_counter", lambda: next(ticks))
    recipe = Recipe(batch_size=8, validation_fraction=0.0)
    plan = plan_training(tiny, two_kinds(20), recipe=recipe, epochs=3)  # batches of 8, 8 and 4
    assert plan.duration_s == pytest.approx(3 * 20 / 8)


def test_what_cannot_run_cannot_be_planned(two_kinds, tiny):
    with pytest.raises(UsageError, match="number of epochs must be at least 1"):
        plan_training(tiny, two_kinds(50), recipe=Recipe(), epochs=0)
    wrong = Architecture("resnet8", in_channels=5, num_classes=2)
    with pytest.raises(InputError, match="channel"):
        plan_training(wrong, two_kinds(50), recipe=Recipe(), epochs=1)
