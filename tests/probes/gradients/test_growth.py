import numpy as np
import pandas as pd
import pytest
import torch
from nets import LinearResNet, random_batches
from torch import nn

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import gradflow
from resprobe.probes.gradients.growth import growth_of, per_layer


class Turns(nn.Module):
    """Two orthogonal layers, scaled: the gradient grows by their factor at each."""

    def __init__(self, factor, generator, size=4):
        super().__init__()
        self.one, self.two = (nn.Linear(size, size, bias=False) for _ in range(2))
        for layer in (self.one, self.two):
            turn = torch.linalg.qr(torch.randn(size, size, generator=generator))[0]
            layer.weight = nn.Parameter(factor * turn)

    def forward(self, x):
        return self.two(self.one(x))


def test_orthogonal_layers_grow_by_their_factor_per_layer():
    generator = torch.Generator().manual_seed(0)
    factors = (1.5, 1.2, 0.8)
    model = nn.Sequential(nn.Flatten(), *(Turns(f, generator) for f in factors), nn.Linear(4, 4))
    data = random_batches(8, channels=4, size=1, classes=4)
    result = gradflow(unravel(model, data.example()), data).blocks
    assert result.frame["layers"].tolist() == [2, 2, 2]
    assert result.frame["growth"].tolist() == pytest.approx(factors, rel=1e-6)
    growth = result.meta["networks"][0]["growth"]
    assert growth["factor"] == pytest.approx(np.prod(factors) ** (1 / 3), rel=1e-6)
    assert growth["blocks"] == 3
    logs = np.log(factors)
    half = 4.302652729911275 * logs.std(ddof=1) / 3**0.5  # Student's t, 2 degrees of freedom
    assert growth["low"] == pytest.approx(np.exp(logs.mean() - half), rel=1e-6)
    assert growth["high"] == pytest.approx(np.exp(logs.mean() + half), rel=1e-6)


def test_a_change_of_shape_is_no_step_of_the_line():
    frame = pd.DataFrame({"kind": ["identity", "transition", "identity"], "growth": [2.0, 99, 8.0]})
    assert growth_of(frame)["factor"] == pytest.approx(4.0)
    none = growth_of(frame.assign(kind="transition"))
    assert none["blocks"] == 0
    assert np.isnan(none["factor"])


def test_a_block_without_a_layer_has_no_growth_per_layer():
    data = random_batches(5, channels=4, size=1, classes=4)
    frame = gradflow(unravel(LinearResNet(0.5), data.example()), data).blocks.frame
    assert frame["layers"].tolist() == [0]
    assert frame["growth"].isna().all()
    assert np.isnan(per_layer(0.0, 1.0, 2))


@pytest.mark.parametrize(("name", "layers"), [("resnet8", 2), ("preresnet11", 3), ("plain8", 2)])
def test_layers_are_those_of_the_branch(name, layers):
    spec = f"{name}:width=4:block=bottleneck" if layers == 3 else f"{name}:width=4"
    data = random_batches(4)
    chain = unravel(Architecture.parse(spec).build(), data.example())
    assert set(gradflow(chain, data, batch_norm="batch").blocks.frame["layers"]) == {layers}


class Layer(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear, self.norm = nn.Linear(size, size), nn.BatchNorm1d(size)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")

    def forward(self, x):
        return torch.relu(self.norm(self.linear(x)))


class Pair(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.one, self.two = Layer(size), Layer(size)

    def forward(self, x):
        return self.two.norm(self.two.linear(torch.relu(self.one.norm(self.one.linear(x))))).relu()


class Residual(Pair):
    def forward(self, x):
        return x + self.two.norm(self.two.linear(self.one(x)))


def deep(block, *, blocks, size, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(192, size), nn.BatchNorm1d(size), nn.ReLU(),
            *(block(size) for _ in range(blocks)), nn.Linear(size, 10),
        )  # fmt: skip


def growth_at_initialisation(block, *, blocks, size, images):
    data = random_batches(images, size=8, batch_size=images)
    chain = unravel(deep(block, blocks=blocks, size=size), data.example())
    assert len(chain.blocks) == blocks
    return gradflow(chain, data, batch_norm="batch").blocks.meta["networks"][0]["growth"]


def test_plain_relu_networks_with_batch_norm_explode_by_1_211_a_layer_and_residual_ones_do_not():
    """Yang et al. 2019: sqrt(pi / (pi - 1)), here in 40 layers of 512, batches of 256."""
    plain = growth_at_initialisation(Pair, blocks=20, size=512, images=256)
    expected = (np.pi / (np.pi - 1)) ** 0.5
    assert plain["factor"] == pytest.approx(expected, rel=0.02)
    residual = growth_at_initialisation(Residual, blocks=20, size=512, images=256)
    assert residual["factor"] < 1.1
