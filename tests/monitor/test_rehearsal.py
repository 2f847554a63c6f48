"""What a branch's output becomes after its last module, in training and as a loop goes on."""

import copy
import random

import pytest
import torch
import torch.nn.functional as F
from monitor.models import Convolutions, Net
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import ChainError, ResprobeError
from resprobe.monitor import watch
from resprobe.monitor.placing import find_places
from resprobe.networks import Architecture


class Dropped(Convolutions):
    def forward(self, x):
        return x + F.dropout(self.branch(x), 0.5, self.training)


class HalvedInEval(Convolutions):
    def forward(self, x):
        f = self.branch(x)
        return x + f if self.training else x + 0.5 * f


class DroppedAfterProjection(Convolutions):
    """Both paths enter by modules of their own, so that the parts of the gradient are right."""

    def __init__(self, width=4):
        super().__init__(width)
        self.projection = nn.Conv2d(width, width, 1)

    def forward(self, x):
        return self.projection(x) + F.dropout(self.branch(x), 0.5, self.training)


class ByBuffer(Convolutions):
    def __init__(self, width=4):
        super().__init__(width)
        self.register_buffer("gain", torch.tensor(1.0))

    def forward(self, x):
        return x + self.gain * self.branch(x)


class ByAttribute(Convolutions):
    gain = 0.3

    def forward(self, x):
        return x + self.gain * self.branch(x)


class ShortcutDropped(Convolutions):
    def forward(self, x):
        return F.dropout(x, 0.5, self.training) + self.branch(x)


class Draws(Convolutions):
    """Draws from every generator that there is, and keeps what it drew by a module."""

    def __init__(self, width=4):
        super().__init__(width)
        self.own = torch.Generator().manual_seed(5)
        self.last, self.norm = nn.Dropout(0.5), nn.BatchNorm2d(width)

    def forward(self, x):
        if self.training:
            random.random()
            torch.rand((), generator=self.own)
        return x + self.last(self.norm(self.branch(x)))


def watched(model, x=None):
    x = torch.randn(4, 3, 8, 8) if x is None else x
    return watch(model, x, optimiser=torch.optim.SGD(model.parameters(), lr=0.0))


@pytest.mark.parametrize(
    "block", [Dropped, HalvedInEval, DroppedAfterProjection, ByBuffer, ShortcutDropped]
)
@pytest.mark.parametrize("training", [False, True])
def test_what_no_hook_sees_after_the_branch_is_refused_with_the_remedy(block, training):
    torch.manual_seed(0)
    with pytest.raises(ChainError, match=r"block 'blocks\.1' .* nn\.Identity"):
        watched(Net(Convolutions(), block()).train(training))


def test_an_identity_around_what_is_added_is_the_remedy(batch, one_step):
    class Seen(Convolutions):
        def __init__(self, width=4):
            super().__init__(width)
            self.added = nn.Identity()

        def forward(self, x):
            return x + self.added(F.dropout(self.branch(x), 0.5, self.training))

    torch.manual_seed(0)
    model, (x, y), seen = Net(Seen()).double(), batch(), {}
    keep = lambda module, args, out: seen.update(norms=out.detach().flatten(1).norm(dim=1))  # noqa: E731
    model.blocks[0].added.register_forward_hook(keep)
    frame = one_step(model, x, y)
    assert frame["branch_norm"].item() == pytest.approx(seen["norms"].mean().item(), 1e-12)


def test_a_scale_that_is_an_attribute_may_not_change_in_the_loop():
    torch.manual_seed(0)
    model, x = Net(ByAttribute(), Convolutions()), torch.randn(4, 3, 8, 8)
    with watched(model, x):
        model(x)
        model.blocks[1].other = 0.1
        model(x)
        model.blocks[0].gain = 0.9
        with pytest.raises(ResprobeError, match=r"'gain' of 'blocks\.0' was 0\.3 .* 0\.9 now"):
            model(x)


def test_the_rehearsal_moves_no_generator_and_no_buffer_and_no_mode(model_state):
    torch.manual_seed(0)
    model, x = Net(Draws(), ByAttribute()), torch.randn(4, 3, 8, 8)
    before = model_state(model), random.getstate(), model.blocks[0].own.get_state().tolist()
    places = find_places(unravel(model, x), model, x)
    after = model_state(model), random.getstate(), model.blocks[0].own.get_state().tolist()
    assert after == before
    assert vars(model.blocks[1]).get("gain") is None
    assert [setting.name for setting in places[1].settings] == ["gain"]
    assert places[0].settings == ()


@pytest.mark.parametrize("options", [{"survival": 0.5}, {"shortcut": "dropout", "dropout": 0.5}])
def test_own_networks_with_random_layers_are_not_refused(options):
    for scaling in ("test", "training"):
        options |= {"survival_scaling": scaling} if "survival" in options else {}
        watched(Architecture("resnet8", width=4, **options).build()).close()


def test_a_checkpoint_with_a_backward_pass_of_its_own_is_refused():
    class Checkpointed(Net):
        reentrant = None

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = (
                    block(x)
                    if self.reentrant is None
                    else torch.utils.checkpoint.checkpoint(block, x, use_reentrant=self.reentrant)
                )
            return self.head(x.mean((2, 3)))

    torch.manual_seed(0)
    model, x = Checkpointed(Convolutions(), Convolutions()), torch.randn(4, 3, 8, 8)
    with watched(model, x):
        model.reentrant = False
        model(x).sum().backward()
        model.reentrant = True
        with pytest.raises(ResprobeError, match="use_reentrant=False"):
            model(x).sum().backward()


def test_a_copy_of_the_model_is_not_watched_and_can_be_saved(tmp_path):
    torch.manual_seed(0)
    model = Net(Convolutions())
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, x, optimiser=optimiser) as seen:
        averaged = torch.optim.swa_utils.AveragedModel(model)
        copy.deepcopy(model)(100 * x)
        copy.copy(model)(100 * x)
        torch.save(model, tmp_path / "model.pt")
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
    averaged(x)
    assert seen.result().frame["images"].tolist() == [6]
    assert (tmp_path / "model.pt").stat().st_size


def test_probes_and_other_watches_in_the_loop_add_no_pass():
    torch.manual_seed(0)
    model = Net(Convolutions())
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, x, optimiser=optimiser) as first:
        unravel(nn.Sequential(model), x)
        with watch(model, x, optimiser=optimiser) as second:
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    expected = first.result().frame.drop(columns="name")
    assert expected["images"].tolist() == [6]
    assert second.result().frame.drop(columns="name").equals(expected)


@pytest.mark.parametrize("order", ["ours first", "other first"])
def test_an_overflow_of_another_optimiser_of_the_scaler_is_none_of_ours(order):
    torch.manual_seed(0)
    model, other = Net(Convolutions()), nn.Linear(2, 2)
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    others = torch.optim.SGD(other.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    with watch(model, x, optimiser=optimiser, scaler=scaler) as seen:
        for number in range(3):
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x), y)
            others.zero_grad()
            factor = 1e30 if number == 1 else 1.0
            scaler.scale((factor * other(torch.ones(1, 2))).sum()).backward()
            if order == "other first":
                scaler.step(others)
                scaler.update()
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            if order == "ours first":
                scaler.step(others)
            scaler.update(2.0**90 if number == 2 else None)
    assert seen.step == 3
    assert not seen.result().frame["overflow"].any()
