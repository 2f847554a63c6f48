import pytest
import torch
from nets import AkamasterNet, random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import unravel
from resprobe.probes.landscapes import directions
from resprobe.probes.landscapes.directions import filter_norms

DATA = random_batches(2, size=8)


def chain_of(model):
    return unravel(model.eval(), DATA.example())


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet(width=2))


@pytest.fixture(scope="module")
def chain(model):
    return chain_of(model)


def named(chain, direction):
    """By the model's own names."""
    own = {id(p): name for name, p in chain.model_parameters}
    return {own[id(p)]: direction[name] for name, p in chain.named_parameters()
            if name in direction}  # fmt: skip


def test_every_filter_has_the_norm_of_its_weights_and_vectors_stay(model, chain):
    (found,) = directions(chain, 1, seed=0)
    drawn, weights = named(chain, found), dict(model.named_parameters())
    assert drawn.keys() == {name for name, p in weights.items() if p.dim() > 1}
    for name, direction in drawn.items():
        for own, moved in zip(weights[name].detach(), direction, strict=True):
            assert float(moved.norm()) == pytest.approx(float(own.norm()), rel=1e-5)
    assert filter_norms(weights["conv1.weight"]).shape == (2, 1, 1, 1)


def test_the_numbers_behind_are_normal():
    model = nn.Sequential(nn.Flatten(), Wide())
    chain = unravel(model.eval(), DATA.example())
    found = next(iter(directions(chain, 1, seed=3)[0].values()))
    assert float(found.mean()) == pytest.approx(0, abs=9e-4)
    row = found[0] / found[0].std()
    assert float((row.abs() < 1).double().mean()) == pytest.approx(0.683, abs=0.05)
    assert float(row.pow(4).mean()) == pytest.approx(3, abs=0.9)


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(192, 192, bias=False), nn.Linear(192, 10)

    def forward(self, x):
        return self.head(x + self.layer(x))


def test_a_seed_means_a_direction_and_more_of_them_change_none(chain):
    (alone,) = directions(chain, 1, seed=5)
    first, second = directions(chain, 2, seed=5)
    other, _ = directions(chain, 2, seed=6)
    for name in alone:
        assert torch.equal(alone[name], first[name])
        assert not torch.equal(first[name], second[name])
        assert not torch.equal(first[name], other[name])


def test_the_random_numbers_do_not_depend_on_how_a_model_was_traced_or_scaled(chain):
    """The same architecture with other weights moves along the same normal numbers."""
    another = chain_of(with_lively_statistics(AkamasterNet(width=2), seed=1))
    (one,), (other,) = (directions(c, 1, seed=0) for c in (chain, another))
    for name in one:
        torch.testing.assert_close(
            one[name].double() / filter_norms(one[name]),
            other[name].double() / filter_norms(other[name]),
            rtol=0, atol=1e-6,
        )  # fmt: skip


def test_nothing_global_is_drawn_from(chain):
    before = torch.get_rng_state()
    directions(chain, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_filter_that_is_zero_does_not_move():
    model = with_lively_statistics(AkamasterNet(width=2))
    with torch.no_grad():
        model.conv1.weight[1] = 0
    chain = chain_of(model)
    drawn = named(chain, directions(chain, 1, seed=0)[0])["conv1.weight"]
    assert not drawn[1].any()
    assert drawn[0].any()


def test_without_normalisation_the_whole_has_the_norm_of_all_that_moves(model, chain):
    (found,) = directions(chain, 1, seed=0, filter_normalised=False)
    there = sum(float(d.double().square().sum()) for d in found.values())
    wanted = sum(float(p.detach().double().square().sum()) for p in model.parameters()
                 if p.dim() > 1)  # fmt: skip
    assert there == pytest.approx(wanted, rel=1e-6)
