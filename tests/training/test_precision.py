import pytest
import torch
from torch import nn

from resprobe.errors import UsageError
from resprobe.training.precision import MixedPrecision, Precision

CPU = torch.device("cpu")


def pair():
    """A weight of 1 and a gradient descent on it."""
    weight = nn.Parameter(torch.ones(2))
    return weight, torch.optim.SGD([weight], lr=0.5, momentum=0.9)


def scaled():
    """The steps of float16, on a CPU, where torch's scaler works as well."""
    mixed = MixedPrecision(Precision.FP32, CPU)
    mixed.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    return mixed


def test_float32_is_the_plain_step_bit_for_bit():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for plain in (True, False):
        network = nn.Linear(3, 2)
        with torch.no_grad():
            network.weight.fill_(0.3)
            network.bias.fill_(0.1)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        mixed = MixedPrecision(Precision.FP32, CPU)
        for _ in range(3):
            optimiser.zero_grad()
            if plain:
                torch.autograd.backward(network(x).square().mean())
                optimiser.step()
                continue
            with mixed.autocast():
                loss = network(x).square().mean()
            mixed.backward(loss)
            assert mixed.step(optimiser)
        found.append(network.state_dict())
    assert all(found[0][name].equal(found[1][name]) for name in found[0])


def test_bf16_computes_products_in_bfloat16_and_keeps_weights_in_float32():
    mixed, network = MixedPrecision(Precision.BF16, CPU), nn.Linear(3, 2)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    with mixed.autocast():
        output = network(torch.ones(4, 3))
        loss = nn.functional.cross_entropy(output, torch.zeros(4, dtype=torch.int64))
    assert (output.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
    mixed.backward(loss)
    assert mixed.step(optimiser)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in network.parameters()} == {torch.float32}
    assert network(torch.ones(1, 3)).dtype == torch.float32  # outside the context


def test_the_scaled_loss_takes_the_step_of_the_unscaled_one():
    (weight, optimiser), (wanted, plain), mixed = pair(), pair(), scaled()
    for _ in range(3):
        optimiser.zero_grad()
        plain.zero_grad()
        mixed.backward((weight * torch.tensor([2.0, -3.0])).sum())
        torch.autograd.backward((wanted * torch.tensor([2.0, -3.0])).sum())
        assert weight.grad.abs().max() > 1000  # scaled it is
        assert mixed.step(optimiser)
        plain.step()
    assert weight.equal(wanted)  # a scale is a power of 2, so that nothing is rounded


def test_a_gradient_that_overflows_leaves_the_step_out_and_halves_the_scale():
    (weight, optimiser), mixed = pair(), scaled()
    mixed.backward((weight * 3e38).sum())
    assert not mixed.step(optimiser)
    assert weight.tolist() == [1.0, 1.0]
    assert mixed.scaler.get_scale() == 512.0
    optimiser.zero_grad()
    mixed.backward(weight.sum())
    assert mixed.step(optimiser)
    assert weight.tolist() == [0.5, 0.5]


def test_the_scale_goes_on_where_it_was():
    (weight, optimiser), mixed, again = pair(), scaled(), scaled()
    mixed.backward((weight * 3e38).sum())
    mixed.step(optimiser)
    optimiser.zero_grad()
    mixed.backward(weight.sum())
    mixed.step(optimiser)
    assert mixed.state()["scaler"] != again.state()["scaler"]
    again.restore(mixed.state())
    assert again.state() == mixed.state()


def test_a_state_holds_plain_values_only():
    for mixed in (scaled(), MixedPrecision(Precision.FP32, CPU)):
        state = mixed.state()
        assert type(state["precision"]) is str
        assert all(type(value) in (int, float) for value in state["scaler"].values())


def test_a_training_in_another_precision_is_not_gone_on_with():
    state = MixedPrecision(Precision.BF16, CPU).state()
    with pytest.raises(UsageError, match="ran in bf16 and this one would in fp32; choose --prec"):
        MixedPrecision(Precision.FP32, CPU).restore(state)


@pytest.mark.parametrize(
    ("precision", "device"),
    [(Precision.FP16, "cpu"), (Precision.FP16, "mps"), (Precision.BF16, "mps")],
)
def test_a_precision_that_a_device_has_not_is_refused(precision, device):
    match = f"--precision {precision.value} needs a CUDA GPU, and this is {device}; choose fp32"
    with pytest.raises(UsageError, match=match):
        MixedPrecision(precision, torch.device(device))


def test_a_gpu_without_bf16_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Old GPU")
    with pytest.raises(UsageError, match="Old GPU has no bf16; choose fp16 or fp32"):
        Precision.BF16.check(torch.device("cuda", 0))
    assert Precision.FP16.check(torch.device("cuda", 0)) == ""


def test_only_bf16_on_a_cpu_is_worth_a_note():
    assert "slower" in Precision.BF16.check(CPU)
    assert Precision.FP32.check(CPU) == Precision.FP32.check(torch.device("mps")) == ""
