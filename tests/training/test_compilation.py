from functools import partial

import pytest
import torch
from torch import nn

from resprobe.errors import ResprobeError, UsageError
from resprobe.training.compilation import compiled, compiler_errors


def small():
    drawn = torch.Generator().manual_seed(3)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=drawn))
    return network, torch.randn(4, 1, 5, 5, generator=drawn)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.long)])
def test_a_compiled_forward_trains_the_network_itself(monkeypatch, backend):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    (network, x), (twin, _) = small(), small()
    names, state = list(network.state_dict()), torch.get_rng_state()
    faster = compiled(network)
    with compiler_errors():
        torch.autograd.backward(faster(x).square().mean())
    torch.autograd.backward(twin(x).square().mean())
    for mine, wanted in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, wanted.grad)
    torch.testing.assert_close(network.state_dict(), twin.state_dict())
    assert list(network.state_dict()) == names
    assert any(name.startswith("_orig_mod.") for name in faster.state_dict())
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_compiler_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError, match=r"needs a C\+\+ compiler, and there is no (g|clang)\+\+"):
        compiled(nn.Linear(2, 2))
    monkeypatch.setenv("CXX", "icpx")
    with pytest.raises(UsageError, match="there is no icpx; install one, name it in"):
        compiled(nn.Linear(2, 2))


def test_what_a_compiler_says_becomes_one_sentence():
    @torch.compile(backend="eager", fullgraph=True)
    def cannot_be_compiled(x):
        return torch._dynamo.graph_break() or x

    with (
        pytest.raises(ResprobeError, match=r"^torch\.compile failed ") as caught,
        compiler_errors(),
    ):
        cannot_be_compiled(torch.ones(1))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; leave --compile out")


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), compiler_errors():
        raise RuntimeError("shapes differ")
    with pytest.raises(ResprobeError, match=r"^said already$"), compiler_errors():
        raise ResprobeError("said already")
