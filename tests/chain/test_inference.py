"""The faster form of a chain: the same logits, the model untouched, nothing folded in error."""

import pytest
import torch
import torch.nn.functional as F
from nets import AkamasterNet, LinearResNet, TorchvisionNet, with_lively_statistics
from torch import fx, nn

from resprobe.chain import (
    calls,
    for_inference,
    intact,
    run,
    scaled,
    single_deletions,
    unravel,
)
from resprobe.chain.inference import BOUND
from resprobe.chain.lean import is_fresh, lean
from resprobe.networks import Architecture

LAST = torch.channels_last
X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def norms_in(module):
    return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())


def compared(model, x=X):
    """Return a model's chain, its faster form, and the largest relative difference of logits."""
    chain = unravel(with_lively_statistics(model), x)
    fast = for_inference(chain, x)
    chain.eval()
    other = torch.randn(3, *x.shape[1:], generator=torch.Generator().manual_seed(2))
    deletions = single_deletions(chain)
    programs = [intact(chain), *deletions.values(), scaled(chain, {min(deletions): 0.3})]
    with torch.no_grad():
        expected, found = (dict(run(c, programs, other)) for c in (chain, fast.chain))
    scale = {n: float(logits.abs().max()) for n, logits in expected.items()}
    return chain, fast, max(float((found[n] - expected[n]).abs().max()) / scale[n] for n in found)


@pytest.mark.parametrize(
    ("model", "folded"),
    [
        (AkamasterNet(), 13),
        (TorchvisionNet(), 15),
        (Architecture.parse("resnet20:width=4:shortcut=B").build(), 21),
        (Architecture.parse("plain20:width=4").build(), 19),
        (Architecture.parse("vgg15:width=4").build(), 14),
    ],
)
def test_every_norm_behind_a_convolution_or_a_linear_layer_goes_into_it(model, folded):
    chain, fast, difference = compared(model, torch.randn(4, 3, 32, 32))
    assert (fast.folded, fast.note) == (folded, "")
    assert norms_in(chain) == folded
    assert norms_in(fast.chain) == 0
    assert fast.difference < BOUND
    assert difference < BOUND


def test_a_norm_before_a_convolution_stays():
    chain, fast, difference = compared(Architecture.parse("preresnet20:width=4").build())
    assert fast.folded == 10
    assert norms_in(fast.chain) == norms_in(chain) - 10
    assert difference < BOUND


def test_steps_stand_where_they_stood_so_that_programs_apply_to_both():
    chain, fast, _ = compared(TorchvisionNet())
    pairs = list(zip(chain.steps, fast.chain.steps, strict=True))
    for before, after in [(chain.stem, fast.chain.stem), *pairs, (chain.head, fast.chain.head)]:
        assert isinstance(after, type(before))
        for name in ("name", "in_shape", "out_shape", "stage", "kind", "deletable", "merge"):
            assert getattr(after, name, None) == getattr(before, name, None)
    programs = [intact(chain), *single_deletions(chain).values()]
    assert calls(programs) == calls([intact(fast.chain), *single_deletions(fast.chain).values()])
    assert [n for n, _ in fast.chain.model_parameters] == [n for n, _ in chain.model_parameters]


@pytest.mark.parametrize(
    "make",
    [AkamasterNet, TorchvisionNet, lambda: Architecture.parse("preresnet20:width=4").build()],
)
def test_the_model_is_left_as_it_was_in_training_mode_too(make, model_state):
    model = with_lively_statistics(make()).train()
    chain = unravel(model, X)
    layout = [p.stride() for p in model.parameters()]
    before = model_state(model)
    fast = for_inference(chain, X)
    with torch.no_grad():
        fast.chain(X)
    assert model_state(model) == before
    assert [p.stride() for p in model.parameters()] == layout
    assert chain.training
    assert not any(module.training for module in fast.chain.modules())


def test_the_input_of_a_step_is_never_overwritten():
    _, fast, _ = compared(AkamasterNet())
    with torch.no_grad():
        x = X.clone()
        hidden = fast.chain.stem(x)
        assert torch.equal(x, X)
        for step in fast.chain.steps:
            before = hidden.clone()
            for run_step in (step, step.deleted, lambda z, s=step: s.scaled(z, 0.5)):
                run_step(hidden)
                assert torch.equal(hidden, before)
            hidden = step(hidden)
        before = hidden.clone()
        fast.chain.head(hidden)
        assert torch.equal(hidden, before)


class Branch(nn.Module):
    """A block whose branch can be anything."""

    def __init__(self, branch, after=F.relu):
        super().__init__()
        self.branch, self.after = branch, after

    def forward(self, x):
        return self.after(x + self.branch(x))


def folded_in(branch):
    net = nn.Sequential(Branch(branch), nn.Flatten(), nn.Linear(3 * 16 * 16, 5))
    _, fast, difference = compared(net)
    assert not fast.note
    assert difference < BOUND
    return fast.folded


class Twice(nn.Module):
    """One convolution, called with a norm behind it and without."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3, 1, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.conv(F.relu(self.bn(self.conv(x))))


class UsedTwice(nn.Module):
    """What the convolution gives is used before the norm as well."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3, 1, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        out = self.conv(x)
        return torch.sigmoid(F.relu(self.bn(out)) * out)


class HeardTwice(nn.Module):
    """What the convolution gives is activated, and used as it is."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x):
        out = self.conv(x)
        return torch.maximum(F.relu(out), -out)


class Functional(nn.Module):
    """BatchNorm called as a function."""

    def __init__(self, *, positional):
        super().__init__()
        self.conv, self.bn, self.positional = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), positional

    def forward(self, x):
        n = self.bn
        if self.positional:
            out = torch.batch_norm(
                self.conv(x),
                n.weight,
                n.bias,
                n.running_mean,
                n.running_var,
                False,
                0.1,
                1e-3,
                False,
            )
        else:
            out = F.batch_norm(
                self.conv(x), n.running_mean, n.running_var, n.weight, n.bias, eps=1e-3
            )
        return F.relu(out)


class Branching(Functional):
    """Asks for a size, so that it is traced by torch.export."""

    def forward(self, x):
        return super().forward(x) if x.shape[-1] > 8 else x.tanh()


def test_a_norm_is_folded_only_where_nothing_else_sees_what_it_takes():
    conv = nn.Conv2d(3, 3, 3, 1, 1)
    assert folded_in(Twice()) == 1
    assert folded_in(UsedTwice()) == 0
    assert folded_in(HeardTwice()) == 0
    assert folded_in(Functional(positional=True)) == 1
    assert folded_in(Functional(positional=False)) == 1
    assert folded_in(Branching(positional=False)) == 1
    assert folded_in(nn.Sequential(conv, nn.Dropout(), nn.BatchNorm2d(3))) == 1
    assert folded_in(nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(3))) == 0
    bare = fx.symbolic_trace(nn.Sequential(conv, nn.BatchNorm2d(3, affine=False)).eval())
    bare.get_submodule("1").running_mean.fill_(0.5)
    found = lean(bare, LAST)
    assert found.folded == 1
    with torch.no_grad():
        torch.testing.assert_close(found.piece(X), bare(X))
    assert folded_in(nn.Sequential(nn.ConvTranspose2d(3, 3, 3, 1, 1), nn.BatchNorm2d(3))) == 1


def test_layers_that_do_more_than_their_class_says_are_left_alone():
    per_batch = nn.BatchNorm2d(3)
    per_batch.running_mean = per_batch.running_var = None
    assert lean(fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 3, 1), per_batch)), LAST).folded == 0
    hooked = nn.Conv2d(3, 3, 1)
    hooked.register_forward_hook(lambda _m, _i, out: 2 * out)
    assert folded_in(nn.Sequential(hooked, nn.BatchNorm2d(3))) == 0
    parametrised = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1))
    assert folded_in(nn.Sequential(parametrised, nn.BatchNorm2d(3))) == 0

    class Louder(nn.BatchNorm2d):
        def forward(self, x):
            return 2 * super().forward(x)

    assert folded_in(nn.Sequential(nn.Conv2d(3, 3, 1), Louder(3))) == 0


@pytest.mark.parametrize(
    ("layers", "fresh"),
    [
        ([nn.Conv2d(3, 3, 1)], True),
        ([nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU()], True),
        ([nn.BatchNorm2d(3)], True),
        ([nn.Dropout()], False),
        ([nn.Conv2d(3, 3, 1), nn.Flatten()], False),
        ([nn.ReLU()], False),
    ],
)
def test_only_what_a_layer_has_made_itself_is_overwritten(layers, fresh):
    piece = fx.symbolic_trace(nn.Sequential(*layers).eval())
    assert is_fresh(lean(piece, LAST).piece) is fresh
    if len(layers) == 1:
        assert is_fresh(layers[0]) is fresh
        layers[0].register_forward_hook(lambda *_: None)
        assert not is_fresh(layers[0])


def test_where_logits_would_move_too_far_the_chain_is_used_as_it_is(monkeypatch):
    chain = unravel(with_lively_statistics(AkamasterNet()), X)
    monkeypatch.setattr("resprobe.chain.inference.BOUND", 1e-12)
    fast = for_inference(chain, X)
    assert fast.chain is chain
    assert fast.folded == 0
    assert "would move by" in fast.note


def test_where_it_fails_the_chain_is_used_as_it_is(monkeypatch):
    chain = unravel(with_lively_statistics(AkamasterNet()), X)

    def fails(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("resprobe.chain.inference.lean", fails)
    fast = for_inference(chain, X)
    assert fast.chain is chain
    assert "no such luck" in fast.note


def test_a_network_out_of_range_cannot_be_compared():
    x = torch.full((1, 2, 1, 1), 1e30)
    fast = for_inference(unravel(LinearResNet(1e6, 1e6), torch.ones(1, 2, 1, 1)), x)
    assert "not finite" in fast.note


def test_a_wrong_fold_is_found(monkeypatch):
    from resprobe.chain import inference

    def wrong(piece, layout):
        found = lean(piece, layout)
        with torch.no_grad():
            for module in found.piece.modules():
                if found.folded and type(module) is nn.Conv2d:
                    module.bias += 1e-3
        return found

    chain = unravel(with_lively_statistics(AkamasterNet()), X)
    monkeypatch.setattr(inference, "lean", wrong)
    assert "would move by" in for_inference(chain, X).note


def test_channels_come_last_in_narrow_networks():
    def layout(*sizes):
        layers = [nn.Conv2d(a, b, 1) for a, b in zip((3, *sizes), sizes, strict=False)]
        net = nn.Sequential(*layers, Branch(nn.Conv2d(sizes[-1], sizes[-1], 1)), nn.Flatten())
        fast = for_inference(unravel(net, X), X)
        with torch.no_grad():
            hidden = fast.chain.stem(X)
        assert hidden.is_contiguous(memory_format=fast.memory_format)
        return fast.memory_format

    assert layout(16, 128) is torch.channels_last
    assert layout(129, 16) is torch.contiguous_format


def test_a_chain_on_the_cpu_keeps_clear_of_what_torch_cannot_take():
    narrow = Architecture.parse("resnet8:shortcut=B:width=8").build()
    images = torch.randn(2, 3, 32, 32)
    assert for_inference(unravel(narrow, images), images).memory_format is torch.contiguous_format
