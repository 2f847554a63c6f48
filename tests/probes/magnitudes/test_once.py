"""What is a layer's response and a branch at once is gone through once; layers stay in order."""

from contextlib import nullcontext

import pytest
import torch
from nets import AkamasterNet, random_batches
from torch import nn

from resprobe.chain import responses, unravel
from resprobe.errors import ResprobeError
from resprobe.networks import Architecture
from resprobe.probes import magnitude
from resprobe.probes.magnitudes.elements import Rows
from resprobe.probes.magnitudes.layers import LayerResponses


@pytest.fixture
def passes(monkeypatch):
    """The shapes of the tensors that were gone through for norm and mean."""
    shapes, of = [], Rows.of

    def counted(tensor, images):
        shapes.append(tensor.shape)
        return of(tensor, images)

    monkeypatch.setattr(Rows, "of", counted)
    return shapes


def goes_on(model):
    """Let every branch go on behind its last layer: what it gives is no layer's response."""
    for stage in (model.layer1, model.layer2, model.layer3):
        stage[0].bn2 = nn.Sequential(stage[0].bn2, nn.Tanh())
    return model


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (Architecture("resnet8", width=4).build(seed=0), 0),
        (Architecture("preresnet8", width=4).build(seed=0), 0),
        (goes_on(Architecture("resnet8", width=4).build(seed=0)), 3),
    ],
)
def test_a_branch_that_is_its_last_layers_response_is_gone_through_once(model, more, passes):
    data = random_batches(4)
    blocks, layers = magnitude(unravel(model, data.example()), data)
    assert len(passes) == len(layers.frame) + more
    inside = layers.frame[layers.frame["place"] == "branch"].groupby("block")["response_std"]
    same = blocks.frame["response_std"].to_numpy() == inside.last().to_numpy()
    assert same.tolist() == [not more] * 3


def test_a_network_that_calls_other_layers_for_other_images_has_no_responses():
    chain = unravel(AkamasterNet(), torch.zeros(2, 3, 8, 8)).eval()
    ((x, _),) = random_batches(2, size=8)
    first = []
    with torch.inference_mode(), responses(chain, first.append):
        chain(x)
    for other, message in (
        (first[:-1], "layer 'nothing' was called where 'linear'"),
        ([*first, first[0]], "layer 'conv1' was called where 'nothing'"),
        (first[1:], "layer 'layer1.0.conv1' was called where 'conv1'"),
    ):
        layers = LayerResponses()
        for batch, around in ((first, nullcontext()), (other, pytest.raises(ResprobeError))):
            with around as refused:
                layers.begin(len(x))
                for response in batch:
                    layers.see(response)
                layers.end()
        assert message in str(refused.value)
