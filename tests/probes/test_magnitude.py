import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics

from resprobe.chain import unravel
from resprobe.errors import InputError
from resprobe.networks import Architecture
from resprobe.probes.magnitude import branch_norms


def chain_of(model, data):
    return unravel(model, next(iter(data))[0][:2])


def test_a_block_that_scales_is_as_large_as_its_factor():
    data = random_batches(5, channels=1, size=4, classes=16)
    model = LinearResNet(0.5, -0.25, 3.0)
    found = branch_norms(chain_of(model, data), data)
    expected = torch.tensor([[0.5], [0.25], [3.0]], dtype=torch.float64).expand(3, 5)
    torch.testing.assert_close(found.ratio, expected, rtol=1e-6, atol=0)


def test_norms_are_those_of_every_image_by_itself():
    """The slow twin: one image at a time through the user's own blocks, in float64."""
    model = with_lively_statistics(AkamasterNet()).eval()
    data = random_batches(7, size=8, batch_size=3)
    found = branch_norms(chain_of(model, data), data)
    inputs, sums = [], []
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    double = model.double()
    for block in blocks:
        block.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
        block.bn2.register_forward_hook(lambda *a: sums.append(a[2].clone()))
    with torch.no_grad():
        for number, image in enumerate(torch.cat([x for x, _ in data]).double()):
            inputs.clear(), sums.clear()
            double(image[None])
            shortcuts = [b.shortcut(x).norm() for b, x in zip(blocks, inputs, strict=True)]
            torch.testing.assert_close(
                found.branch[:, number], torch.stack([s.norm() for s in sums]), rtol=1e-5, atol=0
            )
            torch.testing.assert_close(
                found.shortcut[:, number], torch.stack(shortcuts), rtol=1e-5, atol=0
            )


def test_the_batch_size_does_not_matter_and_the_model_is_left_alone(model_state):
    model = with_lively_statistics(AkamasterNet()).train()
    one, other = (random_batches(10, size=8, batch_size=size) for size in (10, 3))
    chain, before = chain_of(model, one), model_state(model)
    steps = []
    first = branch_norms(chain, one)
    second = branch_norms(chain, other, progress=lambda done, n: steps.append((done, n)))
    torch.testing.assert_close(first.ratio, second.ratio, rtol=1e-5, atol=0)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert model_state(model) == before


def test_a_branch_of_zero_is_of_size_zero():
    data = random_batches(3, channels=1, size=4, classes=16)
    found = branch_norms(chain_of(LinearResNet(0.0, 1.0), data), data)
    assert found.ratio.tolist() == [[0.0] * 3, [1.0] * 3]


def test_a_plain_network_is_refused():
    data = random_batches(2, size=16)
    with pytest.raises(InputError, match="plain blocks only"):
        branch_norms(chain_of(Architecture("plain8", width=2).build(), data), data)
