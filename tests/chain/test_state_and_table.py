import contextlib
import copy
from collections import OrderedDict

import pytest
import torch
from nets import AkamasterNet
from torch import nn

from resprobe.chain import block_table, left_as_found, unravel
from resprobe.errors import ChainError
from resprobe.networks import Architecture, count_parameters, multiply_adds


def test_everything_comes_back_when_the_body_raises():
    model = AkamasterNet().train()
    model.layer1.eval()
    model.bn1.weight.requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [m.training for m in model.modules()]

    def fail():
        with left_as_found(model, training=True, requires_grad=True):
            model(torch.randn(4, 3, 16, 16))
            assert not torch.equal(model.bn1.running_mean, before["bn1.running_mean"])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [m.training for m in model.modules()] == modes
    assert not model.bn1.weight.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_buffers_that_nobody_changed_are_not_written():
    # a pending backward pass of the user's would be refused after a write to what it saved
    model = nn.BatchNorm2d(3).eval()
    loss = model(torch.randn(2, 3, 4, 4)).square().sum()
    with left_as_found(model, training=False):
        model(torch.randn(2, 3, 4, 4))
    loss.backward()
    assert model.weight.grad is not None


@pytest.mark.parametrize("name", ["resnet56", "plain56"])
def test_the_table_adds_up_to_the_whole_network(name):
    model = Architecture(name).build(device="meta")
    example = torch.empty(1, 3, 32, 32, device="meta")
    table = block_table(unravel(model, example))
    assert table["parameters"].sum() == count_parameters(model) == 853_018
    assert table["multiply_adds"].sum() == multiply_adds(model, example) == 125_485_696
    assert table["block"].tolist() == [-1, *range(27), -1]
    assert table.loc[10, ["in_shape", "out_shape", "kind"]].tolist() == [
        "16x32x32",
        "32x16x16",
        "transition",
    ]


def test_a_link_says_how_its_paths_merge():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.g, self.fc = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Linear(3, 10)

        def forward(self, x):
            x = x + self.f(x)
            x = x * torch.sigmoid(self.g(x))
            x = x + self.f(x)
            return self.fc(x.mean((2, 3)))

    table = block_table(unravel(Gate(), torch.randn(2, 3, 8, 8)))
    assert table["kind"].tolist() == ["stem", "identity", "link", "identity", "head"]
    assert table.loc[2, "merge"] == "mul"


class Remembering(nn.Module):
    """Writes on itself whatever a forward can write."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 3, 1), nn.Linear(3, 2)
        self.register_buffer("mean", torch.zeros(3))
        self.seen, self.by_shape, self.calls = [], {}, 0

    def forward(self, x):
        x = x + self.conv(x)
        self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 2, 3))
        self.seen.append(x)
        self.by_shape[x.shape[1:]] = x
        self.calls += 1
        self.last = x
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize("size", [4, 0])  # the second cannot be run, and is refused
def test_what_a_forward_writes_on_its_module_is_taken_back(size):
    model = Remembering()
    mean = model.mean
    before, random = dict(vars(model)), torch.get_rng_state()
    with contextlib.suppress(ChainError):
        unravel(model, torch.ones(2, 3 if size else 5, 4, 4))
    assert vars(model) == before
    assert (model.seen, model.by_shape, model.calls) == ([], {}, 0)
    assert model.mean is mean
    assert torch.equal(mean, torch.zeros(3))
    assert torch.equal(torch.get_rng_state(), random)


def test_gradients_can_be_asked_for_inside_a_callers_inference_mode():
    model = nn.Linear(2, 1)
    with torch.inference_mode():
        with left_as_found(model, training=False), torch.enable_grad():
            x = torch.ones(1, 2).requires_grad_()
            (gradient,) = torch.autograd.grad(model(x).sum(), x)
        assert torch.is_inference_mode_enabled()
    assert torch.equal(gradient, model.weight.detach())


def test_blocks_are_the_same_tuple_at_every_look():
    # probes look a block up for each row; a search through all steps made them quadratic
    chain = unravel(Architecture("resnet8", width=2).build(), torch.zeros(2, 3, 8, 8))
    assert chain.blocks is chain.blocks
    assert all(a is b for a, b in zip(chain.blocks, chain.steps, strict=True))
    twin = copy.deepcopy(chain)
    assert all(a is b for a, b in zip(twin.blocks, twin.steps, strict=True))


def test_ordered_dictionaries_come_back_in_their_order_and_stay_ordered():
    module = nn.Identity()
    module.order = OrderedDict(a=1, b=2)
    held = module.order
    with left_as_found(module, training=False):
        module.order.move_to_end("a")
        module.order["c"] = 3
        hook = module.register_forward_hook(lambda *_: None)
    assert module.order is held
    assert list(held.items()) == [("a", 1), ("b", 2)]
    assert type(held) is type(module._forward_hooks) is OrderedDict
    assert hook.id not in module._forward_hooks
    with left_as_found(module, training=False):
        module.order.move_to_end("a")  # of the same entries
    assert list(held) == ["a", "b"]
