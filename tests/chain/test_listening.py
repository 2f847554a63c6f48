"""The response of every layer is the one that hooks on the user's modules give."""

import pytest
import torch
from nets import AkamasterNet, TorchvisionNet, with_lively_statistics
from torch import nn

from resprobe.chain import responses, unravel
from resprobe.networks import Architecture


def heard(model, x):
    chain, seen = unravel(model.eval(), x), []
    with responses(chain, seen.append):
        logits = chain(x)
    assert torch.equal(logits, chain(x))
    return chain, seen


def hooked(model, names, x):
    """What the named modules give, cloned inside the hook, since sums may be in place."""
    kept = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: kept.__setitem__(name, out.clone())
        )
        for name in names
    ]
    model(x)
    for handle in handles:
        handle.remove()
    return kept


@pytest.mark.parametrize("make", [AkamasterNet, TorchvisionNet])
def test_a_layer_is_seen_behind_its_norm_and_before_the_rest(make):
    model, x = with_lively_statistics(make()), torch.randn(3, 3, 16, 16)
    chain, seen = heard(model, x)
    convolutions = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    assert {r.layer for r in seen[:-1]} == set(convolutions)
    assert len(seen) == len(convolutions) + 1
    norms = {
        name: name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        for name in convolutions
    }
    wanted = hooked(model, norms.values(), x)
    for response in seen[:-1]:
        norm = model.get_submodule(norms[response.layer])
        assert torch.allclose(response.value, wanted[norms[response.layer]], atol=1e-5)
        assert response.norm == "batch"
        assert response.scale is norm.weight
        assert response.shift is norm.bias
    assert (seen[-1].place, seen[-1].norm, seen[-1].block) == ("head", "", len(chain.blocks))


def test_places_are_those_of_the_chain():
    model = TorchvisionNet()
    chain, seen = heard(model, torch.randn(2, 3, 16, 16))
    places = [(r.layer, r.block, r.place) for r in seen]
    assert places[0] == ("conv1", -1, "stem")
    assert ("layer1.0.downsample.0", 0, "shortcut") in places
    assert ("layer2.1.conv3", 3, "branch") in places
    assert len(chain.blocks) == 4


def test_without_a_norm_behind_it_the_layer_itself_answers():
    model = Architecture.parse("preresnet8:width=4").build()
    x = torch.randn(2, 3, 32, 32)
    _, seen = heard(model, x)
    last = next(r for r in seen if r.layer == "layer1.0.conv2")
    assert (last.norm, last.scale, last.shift) == ("", None, None)
    wanted = hooked(model, ["layer1.0.conv2"], x)["layer1.0.conv2"]
    assert torch.allclose(last.value, wanted, atol=1e-5)
    first = next(r for r in seen if r.layer == "layer1.0.conv1")
    assert first.norm == "batch"  # bn2 comes behind it, whatever its name


def test_plain_blocks_and_links_have_their_places():
    _, seen = heard(Architecture("plain8", width=4).build(), torch.randn(2, 3, 32, 32))
    assert [r.place for r in seen] == ["stem", *["block"] * 6, "head"]
    assert [r.block for r in seen] == [-1, 0, 0, 1, 1, 2, 2, 3]


class Functional(nn.Module):
    """Layers and norms called as functions, by position and by name; one layer called twice."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, 1, 1))
        self.scale, self.shift = nn.Parameter(torch.rand(3)), nn.Parameter(torch.rand(3))
        self.head = nn.Linear(3, 10)

    def forward(self, x):
        for _ in range(2):
            out = torch.nn.functional.conv2d(x, weight=self.weight)
            out = torch.nn.functional.group_norm(out, 3, self.scale, bias=self.shift)
            x = x + out
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("exported", [False, True])
def test_functions_are_heard_like_modules(exported):
    model, x = Functional().eval(), torch.randn(2, 3, 8, 8)
    if exported:
        model = torch.export.export(model, (x,)).module()
        chain, seen = unravel(Functional(), x), []
        chain.steps[0].branch, chain.model_parameters = model, tuple(model.named_parameters())
        with responses(chain, seen.append):
            model(x)
    else:
        _, seen = heard(model, x)
    twice, head = seen[:2], seen[2]
    assert [r.layer for r in twice] == ["weight", "weight"]
    assert [r.norm for r in twice] == ["group", "group"]
    assert not torch.equal(twice[0].value, twice[1].value)
    parameters = dict(model.named_parameters())
    assert all(r.scale is parameters["scale"] and r.shift is parameters["shift"] for r in twice)
    assert head.layer == "head"


class PreactivationLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.conv2(torch.relu(self.bn2(self.conv1(torch.relu(self.bn1(x))))))


class PlainPreactivation(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.layer1 = nn.Sequential(*(PreactivationLayers() for _ in range(3)))
        self.fc = nn.Linear(3, 10)

    def forward(self, x):
        return self.fc(self.layer1(self.conv(x)).mean((2, 3)))


def test_a_norm_of_the_next_step_is_none_of_the_layers():
    _, seen = heard(PlainPreactivation(), torch.randn(2, 3, 8, 8))
    assert [r.norm for r in seen] == ["", *["batch", ""] * 3, ""]


class Standardised(nn.Conv2d):
    """A convolution with standardised weights, as in networks without batch statistics."""

    def forward(self, x):
        shape = self.weight.shape
        flat = self.weight.reshape(1, shape[0], -1)
        weight = torch.nn.functional.batch_norm(flat, None, None, training=True)
        return torch.nn.functional.conv2d(x, weight.reshape(shape), None, 1, 1)


class Computed(nn.Module):
    """Layers whose weights are computed from their parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = Standardised(3, 3, 3, padding=1)
        self.conv2 = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1))
        self.bn2 = nn.BatchNorm2d(3)
        self.fc = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 10))

    def forward(self, x):
        x = x + self.bn2(self.conv2(torch.relu(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


def test_layers_are_known_by_weights_that_are_computed_too():
    _, seen = heard(Computed(), torch.randn(2, 3, 8, 8))
    found = [(r.layer, r.place, r.norm) for r in seen]
    assert found == [("conv1", "branch", ""), ("conv2", "branch", "batch"), ("fc", "head", "")]


def test_a_response_that_waits_is_shown_when_asked_for():
    model, x, seen = (
        Architecture("preresnet8", width=4).build().eval(),
        torch.randn(2, 3, 32, 32),
        [],
    )
    chain = unravel(model, x)
    with responses(chain, seen.append) as settle:
        chain.steps[0].branch(chain.stem(x))
        assert [r.layer for r in seen] == ["conv1", "layer1.0.conv1"]
        settle()
        assert [r.layer for r in seen] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]
    assert len(seen) == 3


def test_gradients_pass_and_an_exception_leaves_nothing_behind():
    model, x = Architecture("resnet8", width=4).build(), torch.randn(2, 3, 32, 32)
    chain = unravel(model, x)

    def fail(_response):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"), responses(chain, fail):
        chain(x)
    seen = []
    with responses(chain, seen.append):
        loss = chain(x).sum()
    assert not any(r.value.requires_grad for r in seen)
    wanted = torch.autograd.grad(model(x).sum(), model.conv1.weight)[0]
    assert torch.allclose(torch.autograd.grad(loss, model.conv1.weight)[0], wanted, rtol=1e-4)
