import numpy as np
import pytest
import torch

from resprobe import gradflow, initialisation

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["resnet20", pytest.param("resnet32", marks=pytest.mark.long)])
def test_a_trained_network_is_followed_as_it_is(subject, name, model_state):
    chain, data = subject(name, 100)
    before = model_state(chain)
    frame = initialisation(chain, data, batch_norm="running").frame
    assert model_state(chain) == before
    assert np.isfinite(frame.select_dtypes("number").drop(columns=[
        column for column in frame if column.endswith("_se")
    ])).all(axis=None)  # fmt: skip
    assert not frame["is_identity"].any()
    assert frame["gradient_correlation"].between(-0.01, 1).all()
    # a ReLU follows every sum: what goes in is not negative, and its mean square is larger
    assert (frame["second_moment"] > frame["variance"]).all()


def test_the_gradient_of_one_logit_has_the_norm_that_autograd_finds(subject):
    chain, data = subject("resnet20", 50)
    frame = initialisation(chain, data, batch_norm="running", seed=3).frame
    direction = torch.randn(10, generator=torch.Generator().manual_seed(3))
    (x, _), *_ = data
    chain.eval()
    hidden = chain.stem(x).detach().requires_grad_()
    out = hidden
    for step in chain.steps:
        out = step(out)
    y = (chain.head(out) @ (direction / direction.norm())).sum()
    (gradient,) = torch.autograd.grad(y, hidden)
    norm = float(gradient.double().flatten(1).square().sum(1).mean().sqrt())
    assert frame.loc[0, "gradient_norm"] == pytest.approx(norm, rel=1e-5)


def test_layers_are_counted_as_the_gradient_flow_counts_them(subject):
    chain, data = subject("resnet20", 100)
    flow = gradflow(chain, data).blocks.frame
    frame = initialisation(chain, data, batch_norm="running").frame
    assert frame["name"].tolist() == flow["name"].tolist()
    assert frame["layers"].tolist() == flow["layers"].tolist()
