"""What cannot be shown as a chain is refused, with the reason."""

import warnings

import pytest
import torch
from chain.custom import IMAGES, SUMS, Custom
from nets import AkamasterNet
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import ChainError


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return x
        return x * 2


def test_a_module_that_cannot_be_looked_into_is_refused():
    model = AkamasterNet().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and still met
        model.layer1[1] = torch.jit.script(Branching())
    reason = r"'layer1.1' is a \w+, whose inside .*; by torch.export: 'layer1.1' is a TorchScript"
    with pytest.raises(ChainError, match=reason):
        unravel(model, IMAGES)


def test_a_model_that_gives_two_values_is_refused():
    class Two(Custom):
        def forward(self, x):
            return torch.max(super().forward(x), 1)

    with pytest.raises(ChainError, match="returns more than one value"):
        unravel(Two(SUMS["x + f"]), IMAGES)


REFUSED = {
    "two equal convolutions": (lambda m, x: m.f(x) + m.g(x), "none stands out as the shortcut"),
    "branches of unequal depth": (
        lambda m, x: torch.relu(m.f(x)) + torch.relu(m.g(torch.relu(m.f(x)))),
        "none stands out as the shortcut",
    ),
    "an activated branch beside a longer linear one": (
        lambda m, x: m.g(m.g(x)) + m.f(torch.relu(x)),
        "none stands out as the shortcut",
    ),
    "a block beside another path": (
        lambda m, x: torch.cat([x + m.f(x), m.g(x)], 1)[:, :4],
        "blocks inside a block",
    ),
    "broadcast": (lambda m, x: x + m.g(x.mean((2, 3), keepdim=True)), "broadcasts a path of shape"),
    "concatenation": (lambda m, x: torch.cat([x[:, :2], m.f(x)[:, :2]], 1), "merge by cat"),
    "product": (lambda m, x: x * torch.sigmoid(m.g(m.f(x))), "merge by mul"),
    "a stack of what a call gives": (
        lambda m, x: torch.stack(m.f(x).chunk(2, 1)).sum(0).repeat(1, 2, 1, 1) * x,
        "no residual blocks",
    ),
    "a block inside a block": (
        lambda m, x: x + m.g(torch.relu(x + m.f(x))),
        "blocks inside a block",
    ),
    "no parameters": (lambda m, x: x + torch.relu(x), "no residual blocks"),
    "value dependent": (
        lambda m, x: x + m.f(x) if x.sum() > 0 else x,
        "must not branch on values; by torch.export",
    ),
    "no sum": (lambda m, x: m.f(m.g(m.f(m.g(x)))), "it has no sums"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused_with_the_reason(case):
    forward, reason = REFUSED[case]
    with pytest.raises(ChainError, match=reason):
        unravel(Custom(forward), IMAGES)


def test_a_model_that_its_trace_does_not_describe_is_refused():
    calls = []

    def forward(m, x):
        calls.append(0)  # a state that no trace knows of
        return x + m.f(x) * len(calls)

    with pytest.raises(ChainError, match="answers differently from call to call"):
        unravel(Custom(forward), IMAGES)


def test_an_example_that_does_not_fit_is_refused():
    with pytest.raises(ChainError, match=r"does not run on an example of shape \(2, 5, 8, 8\)"):
        unravel(AkamasterNet(), torch.zeros(2, 5, 8, 8))


def test_weights_that_are_not_finite_are_refused():
    model = AkamasterNet()
    with torch.no_grad():
        model.linear.bias[0] = float("nan")
    with pytest.raises(ChainError, match="not finite on the example"):
        unravel(model, IMAGES)


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def without_gradient(m, x):
    with torch.no_grad():
        h = m.f(x)
    return x + h


@pytest.mark.parametrize(
    "forward", [lambda m, x: x + Rounded.apply(m.f(x)), without_gradient], ids=["its own", "none"]
)
def test_a_gradient_that_no_trace_shows_is_refused(forward):
    with pytest.raises(ChainError, match="has another gradient than its trace says"):
        unravel(Custom(forward), IMAGES)


@pytest.mark.parametrize(
    ("model", "example", "reason"),
    [
        ("resnet18", IMAGES, r"a model \(torch.nn.Module\) was wanted; got a str"),
        (nn.Linear(3, 3), (1, 2), "images .* was wanted; got tuple"),
        (nn.Linear(3, 3), torch.zeros(0, 3), r"was wanted; got \(0, 3\)"),
        (nn.LazyLinear(3), IMAGES, "'weight' has no shape yet; run the model once"),
    ],
)
def test_what_is_no_model_or_no_images_is_refused(model, example, reason):
    with pytest.raises(ChainError, match=reason):
        unravel(model, example)


def test_a_model_that_refuses_other_batches_is_refused_in_a_sentence():
    class Picky(Custom):
        def forward(self, x):
            assert len(x) <= 4, "too many"
            return super().forward(x)

    with pytest.raises(ChainError, match=r"Picky .* few images and another for many|too many"):
        unravel(Picky(SUMS["x + f"]), IMAGES)
