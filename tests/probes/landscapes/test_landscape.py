import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import landscape, lesion, plan_landscape
from resprobe.probes.landscapes import directions
from resprobe.statistics import mean_interval, wilson


@pytest.fixture(scope="module")
def data():
    return random_batches(9, size=8, batch_size=4)


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet(width=2)).eval()


@pytest.fixture(scope="module")
def chain(model, data):
    return unravel(model, data.example())


def test_the_centre_is_the_network_itself(chain, data):
    frame = landscape(chain, data, points=3).frame
    (centre,) = frame[(frame["a"] == 0) & (frame["b"] == 0)].to_dict("records")
    intact = lesion(chain, data).frame.iloc[0]
    assert centre["error"] == intact["error"]
    assert centre["loss"] == pytest.approx(intact["loss"], rel=1e-6)
    with torch.no_grad():
        losses = torch.cat(
            [F.cross_entropy(chain.eval()(x).double(), y, reduction="none") for x, y in data]
        )
    assert centre["loss"] == pytest.approx(float(losses.mean()), rel=1e-15)
    low, high = mean_interval(9, float(losses.mean()), float(losses.square().mean()))
    assert (centre["loss_low"], centre["loss_high"]) == pytest.approx((low, high))
    wrong = round(9 * centre["error"])
    assert (centre["error_low"], centre["error_high"]) == wilson(wrong, 9)


def test_every_place_is_that_of_a_copy_whose_weights_were_written(chain, model, data):
    """The slow twin: another model, its state filled with the moved weights."""
    frame = landscape(chain, data, points=3, span=0.5, seed=7).frame
    ways = directions(chain, 2, seed=7)
    own = {id(p): name for name, p in model.named_parameters()}
    theirs = {name: own[id(p)] for name, p in chain.named_parameters()}
    copy = AkamasterNet(width=2).eval()
    for row in frame.to_dict("records"):
        state = {name: value.clone() for name, value in model.state_dict().items()}
        for step, way in zip((row["a"], row["b"]), ways, strict=True):
            for name, d in way.items():
                state[theirs[name]] += step * d
        copy.load_state_dict(state)
        with torch.no_grad():
            logits, labels = zip(*((copy(x), y) for x, y in data), strict=True)
        logits, labels = torch.cat(logits), torch.cat(labels)
        assert row["loss"] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)
        assert row["error"] == float((logits.argmax(1) != labels).double().mean())


class Rows(nn.Module):
    """Logits (1 + a) W x with one free matrix: loss along a line is known on paper."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(12, 12, bias=False), nn.Linear(12, 3)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(x + self.body(x))


def test_on_a_line_the_logits_of_a_linear_layer_move_linearly():
    torch.manual_seed(0)
    data = random_batches(5, size=2, classes=3)
    model = Rows().eval()
    with torch.no_grad():
        model.body.weight.zero_()  # a filter without size has a direction without size
    chain = unravel(model, data.example())
    frame = landscape(chain, data, points=5, line=True, seed=1).frame
    (way,) = directions(chain, 1, seed=1)
    (head,) = (d for d in way.values() if d.shape == (3, 12))
    x, y = next(iter(data))
    with torch.no_grad():
        here, there = model(x).double(), (x.flatten(1) @ head.T).double()
    wanted = [float(F.cross_entropy(here + a * there, y)) for a in frame["a"]]
    np.testing.assert_allclose(frame["loss"], wanted, rtol=1e-6)
    assert (frame["b"] == 0).all()
    second = np.diff(frame["loss"], 2)
    assert (second >= 0).all()  # cross entropy of linear logits is convex


def rescaled(model, factor):
    """The same function: a BatchNorm takes back what the filters before it are multiplied by.

    Each filter has a factor of its own: a norm layer by layer would not do.
    """
    twin = AkamasterNet(width=2).eval()
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        for block in (twin.layer1[0], twin.layer2[1]):
            factors = torch.linspace(1, factor, len(block.conv1.weight))
            block.conv1.weight *= factors[:, None, None, None]
            block.bn1.running_mean *= factors
            block.bn1.running_var.copy_((block.bn1.running_var + 1e-5) * factors**2 - 1e-5)
    return twin


@pytest.mark.parametrize("factor", [0.25, pytest.param(10.0, marks=pytest.mark.long)])
def test_rescaling_filters_before_a_norm_leaves_the_slice_as_it_is(model, data, factor):
    """That is the point of filter normalisation; without it the same network looks different."""
    twin = rescaled(model, factor)
    x = data.example()
    torch.testing.assert_close(twin(x), model(x), rtol=1e-4, atol=1e-5)
    one, other = (unravel(m, x) for m in (model, twin))
    slices = [landscape(c, data, points=5, line=True).frame["loss"] for c in (one, other)]
    np.testing.assert_allclose(*slices, rtol=1e-4)
    raw = [
        landscape(c, data, points=5, line=True, filter_normalised=False).frame["loss"]
        for c in (one, other)
    ]
    assert np.abs(raw[0] / raw[1] - 1).max() > 0.05


def test_weights_are_bitwise_untouched_also_when_it_fails(
    model, chain, data, model_state, monkeypatch
):
    pointers = [p.data_ptr() for p in model.parameters()]
    model.train()
    try:
        before = model_state(model)
        landscape(chain, data, points=3, line=True)
        assert model_state(model) == before

        def fail(done, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            landscape(chain, data, points=3, progress=fail)
        monkeypatch.setattr(nn.Linear, "forward", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            landscape(chain, data, points=3)
        assert model_state(model) == before
        assert [p.data_ptr() for p in model.parameters()] == pointers
    finally:
        model.eval()


class Tied(nn.Module):
    """One convolution in two blocks."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(3, 10)

    def forward(self, x):
        x = x + self.first(x).relu()
        x = x + self.second(x).relu()
        return self.head(x.mean((2, 3)))


def test_tied_weights_move_together(data):
    torch.manual_seed(0)
    model = Tied().eval()
    chain = unravel(model, data.example())
    frame = landscape(chain, data, points=3, line=True).frame
    own = {id(p): name for name, p in chain.named_parameters()}
    way = directions(chain, 1, seed=0)[0]
    moved = Tied().eval()
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            source = model.get_parameter(name)
            parameter.copy_(source + way.get(own[id(source)], torch.zeros(())))
        loss = torch.cat([F.cross_entropy(moved(x), y, reduction="none") for x, y in data]).mean()
    assert frame["loss"].iloc[-1] == pytest.approx(float(loss), rel=1e-6)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [1, 4])
def test_an_interrupted_slice_goes_on_and_ends_with_the_same_bits(chain, data, tmp_path, after):
    whole = landscape(chain, data, points=3).frame
    said, seen = [], []

    def stop(done, total):
        if done == after:
            raise Stopped

    part = tmp_path / "landscape.part"
    with pytest.raises(Stopped):
        landscape(chain, data, points=3, resume=part, progress=stop)
    again = landscape(
        chain, data, points=3, resume=part, say=said.append,
        progress=lambda done, total: seen.append(done),
    ).frame  # fmt: skip
    assert again.equals(whole)
    assert seen == list(range(after + 1, 10))
    assert said == [f"going on from landscape.part, after {after} places"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"span": 2.0}, {"filter_normalised": False}])
def test_a_file_of_another_slice_is_not_gone_on_from(chain, data, tmp_path, change):
    part, said = tmp_path / "landscape.part", []
    landscape(chain, data, points=3, line=True, resume=part)
    found = landscape(chain, data, points=3, line=True, resume=part, say=said.append, **change)
    assert said == ["landscape.part is of another study; beginning anew"]
    assert found.frame.equals(landscape(chain, data, points=3, line=True, **change).frame)


def test_answers_that_are_not_finite_are_kept_and_wrong(data, tmp_path):
    model = with_lively_statistics(AkamasterNet(width=2)).eval()
    chain = unravel(model, data.example())
    with torch.no_grad():
        model.linear.weight.fill_(3e38)
    result = landscape(chain, data, points=3, line=True)
    assert not np.isfinite(result.frame["loss"]).all()
    lost = ~np.isfinite(result.frame["loss"])
    assert (result.frame.loc[lost, "error"] > 0).all()
    assert result.meta["networks"][0]["landscape"]["not_finite"] == int(lost.sum())
    result.save(tmp_path)
    assert type(result).load(tmp_path / "landscape.csv").frame.equals(result.frame)


@pytest.mark.parametrize("name", ["plain14", "preresnet14"])
def test_it_runs_on_every_kind_of_chain_and_says_how_smooth_it_is(name, data):
    chain = unravel(with_lively_statistics(Architecture(name, width=2).build()).eval(),
                    data.example())  # fmt: skip
    result = landscape(chain, data, points=5)
    facts = result.meta["networks"][0]["landscape"]
    losses = result.frame["loss"]
    assert facts["lowest"] == losses.min()
    assert facts["below"]["4.0"] == (losses < 4).mean()
    assert 0 <= facts["outward_rising"] <= 1
    assert len(result.frame) == 25


def test_a_plan_counts_the_places_and_bad_requests_are_one_sentence(chain, data):
    assert plan_landscape(chain, data).programs == 441
    plan = plan_landscape(chain, data, line=True, points=7)
    assert (plan.programs, plan.images) == (7, 9)
    assert plan.duration_s > 0
    with pytest.raises(UsageError, match="odd"):
        landscape(chain, data, points=4)
    other = random_batches(2, size=2, classes=12)
    with pytest.raises(InputError, match="unravel the model"):
        landscape(unravel(LinearResNet(0.5, 0.5).eval(), other.example()), data)
