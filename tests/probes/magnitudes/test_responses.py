import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import AkamasterNet, TorchvisionNet, random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import InputError
from resprobe.networks import Architecture
from resprobe.probes import magnitude, stored_responses
from resprobe.probes.magnitudes.elements import Elements, Rows


def layers_of(model, data, **options):
    return magnitude(unravel(model, data.example()), data, **options).responses.frame


@pytest.mark.parametrize("build", [AkamasterNet, TorchvisionNet])
def test_a_response_is_the_spread_behind_the_norm(build):
    """The slow twin: hooks that copy, on the user's norms, in float64."""
    model = with_lively_statistics(build()).eval()
    data = random_batches(10, size=32, batch_size=4)
    frame = layers_of(model, data).set_index("name")
    norms = {
        name: name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        for name, m in model.named_modules()
        if isinstance(m, nn.Conv2d)
    }
    kept = {name: [] for name in norms}
    for name, norm in norms.items():
        model.get_submodule(norm).register_forward_hook(
            lambda _m, _i, out, name=name: kept[name].append(out.clone())
        )
    with torch.no_grad():
        model.double()(torch.cat([x for x, _ in data]).double())
    for name, (value,) in kept.items():
        assert frame.loc[name, "response_std"] == pytest.approx(
            value.std(correction=0).item(), rel=2e-5
        )
        per_image = (value - value.mean()).square().flatten(1).mean(1)
        error = per_image.std() / 10**0.5 / (2 * value.std(correction=0))
        assert frame.loc[name, "response_std_se"] == pytest.approx(float(error), rel=1e-3)


def test_with_the_batchs_statistics_the_norms_parameters_say_it_to_eps():
    model, data = with_lively_statistics(AkamasterNet()), random_batches(22, size=16, batch_size=8)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    frame = layers_of(model, data, batch_norm="batch")
    convolutions = frame[frame["norm"] == "batch"]
    assert len(convolutions) == 13
    np.testing.assert_allclose(
        convolutions["response_std"], convolutions["from_batch_norm"], rtol=1e-5
    )
    head = frame[frame["place"] == "head"]
    assert head["from_batch_norm"].isna().all()
    assert head["rank"].isna().all()


def test_what_is_missing_is_eps_and_nothing_else():
    model, data = with_lively_statistics(AkamasterNet()), random_batches(12, size=16, batch_size=12)
    bn, conv = model.bn1, model.conv1
    bn.eps = 0.2
    frame = layers_of(model, data, batch_norm="batch")
    ((x, _),) = data
    variance = conv(x).var((0, 2, 3), correction=0).double()
    scale = bn.weight.double().square() * variance / (variance + bn.eps)
    exact = (scale.mean() + bn.bias.double().var(correction=0)).sqrt().item()
    assert frame.loc[0, "response_std"] == pytest.approx(exact, rel=1e-5)
    assert frame.loc[0, "from_batch_norm"] > 1.01 * exact


def test_with_running_statistics_of_other_images_they_differ():
    frame = layers_of(with_lively_statistics(AkamasterNet()), random_batches(12, size=16))
    gap = (frame["response_std"] / frame["from_batch_norm"] - 1).abs().dropna()
    assert gap.max() > 0.05


def test_a_checkpoint_alone_says_the_same_as_images():
    model, data = with_lively_statistics(AkamasterNet()), random_batches(8, size=16)
    chain = unravel(model, data.example())
    told = stored_responses(chain, network="net").frame
    seen = magnitude(chain, data, batch_norm="batch").responses.frame
    for column in ("layer", "name", "block", "place", "norm"):
        assert told[column].tolist() == seen[column].tolist()
    np.testing.assert_array_equal(told["from_batch_norm"], seen["from_batch_norm"])
    assert told["response_std"].isna().all()
    assert (told["n"] == 0).all()
    by = told.dropna(subset="rank").sort_values("rank")["from_batch_norm"].to_numpy()
    assert (np.diff(by) <= 0).all()
    for name in ("conv1", "layer2.1.conv2"):
        norm = model.get_submodule(name.replace("conv", "bn"))
        gamma, beta = (p.detach().double().numpy() for p in (norm.weight, norm.bias))
        expected = np.sqrt((gamma**2).mean() + beta.var())
        (row,) = told[told["name"] == name].to_dict("records")
        assert row["from_batch_norm"] == pytest.approx(expected, rel=1e-12)


def test_in_pre_activation_the_last_convolution_has_no_norm_behind_it():
    data = random_batches(6)
    frame = layers_of(Architecture.parse("preresnet8:width=4").build(), data, batch_norm="batch")
    last = frame[frame["name"].str.endswith("conv2")]
    assert last["from_batch_norm"].isna().all()
    assert (last["norm"] == "").all()
    assert (last["response_std"] > 0).all()


def test_layers_are_ranked_from_the_largest_on_without_projections_and_head():
    frame = layers_of(with_lively_statistics(TorchvisionNet()), random_batches(6, size=32))
    ranked = frame.dropna(subset="rank").sort_values("rank")
    assert ranked["rank"].tolist() == list(range(1, len(ranked) + 1))
    assert (ranked["response_std"].diff().dropna() <= 0).all()
    assert set(frame[frame["rank"].isna()]["place"]) == {"shortcut", "head"}


def test_without_batch_norm_nothing_is_stored():
    chain = unravel(Architecture("resnet8", width=2, init="fixup").build(), torch.zeros(2, 3, 8, 8))
    with pytest.raises(InputError, match="no layer of the network is followed by a BatchNorm"):
        stored_responses(chain)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.floats(-50, 50),
    st.floats(0.01, 100),
    st.integers(0, 1000),
)
def test_parts_make_the_whole(sizes, offset, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    value = offset + scale * torch.randn(sum(sizes), 12, generator=generator)
    parts, whole = Elements(1), Elements(1)
    for part in value.split(sizes):
        parts.add([Rows.of(part, len(part)).spread])
    whole.add([Rows.of(value, len(value)).spread])
    assert parts.std()[0] == pytest.approx(whole.std()[0], rel=1e-4)
    assert whole.std()[0] == pytest.approx(value.double().numpy().std(), rel=1e-3)
