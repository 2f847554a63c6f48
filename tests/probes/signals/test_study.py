import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)
from probes.signals.twin import Ideal, brute_force_correlation, by_channel_slowly, noise
from torch import nn

from resprobe.chain import left_as_found, unravel
from resprobe.errors import InputError, ResprobeError
from resprobe.networks import Architecture
from resprobe.probes import initialisation
from resprobe.probes.signals.gradient_laws import gradient_growth
from resprobe.probes.signals.laws import RECTIFIED

KEPT = ("second_moment", "variance", "gradient_norm", "gradient_correlation")
OF_A_BRANCH = ("shortcut_variance", "branch_variance", "branch_share", "branch_max")


def of(model, data, **options):
    return initialisation(unravel(model, data.example()), data, **options).frame


def test_a_linear_network_multiplies_the_variance_by_one_plus_a_squared():
    factors, data = (0.5, -0.25, 2.0), random_batches(40, channels=3, size=2, classes=12)
    frame = of(LinearResNet(*factors), data)
    x = torch.cat([x for x, _ in data])
    second_moment, variance = by_channel_slowly(x)
    for number, a in enumerate(factors):
        row = frame.loc[number]
        assert row["second_moment"] == pytest.approx(second_moment, rel=1e-5)
        assert row["variance"] == pytest.approx(variance, rel=1e-5)
        assert row["shortcut_variance"] == pytest.approx(variance, rel=1e-5)
        assert row["branch_variance"] == pytest.approx(a**2 * variance, rel=1e-5)
        assert row["branch_share"] == pytest.approx(a**2, rel=1e-5)
        second_moment, variance = ((1 + a) ** 2 * m for m in (second_moment, variance))


def test_the_gradients_of_a_linear_network_are_all_the_same():
    factors, data = (0.5, -0.25, 2.0), random_batches(12, channels=4, size=1, classes=4)
    frame = of(LinearResNet(*factors), data)
    np.testing.assert_allclose(frame["gradient_correlation"], 1.0, rtol=1e-6)
    wanted = [1.5 * 0.75 * 3, 0.75 * 3, 3]  # of a unit combination of the logits
    np.testing.assert_allclose(frame["gradient_norm"], wanted, rtol=1e-6)


def test_a_he_initialised_linear_branch_doubles_the_variance_and_its_half_keeps_it():
    class Line(nn.Module):
        def __init__(self, gain):
            super().__init__()
            self.flatten, self.linear = nn.Flatten(), nn.Linear(2_000, 2_000, bias=False)
            spread = (gain / 2_000) ** 0.5
            self.linear.weight.data.normal_(0, spread, generator=torch.Generator().manual_seed(0))

        def forward(self, x):
            x = self.flatten(x)
            return (x + self.linear(x))[:, :10]

    data = noise(2_000, 60)
    for gain in (2, 1):
        share = of(Line(gain), data).loc[0, "branch_share"]
        assert share == pytest.approx(gain, rel=0.02)  # 1 / sqrt(2000 units)


def slow_figures(model, x, *, block, at):
    """The figures of one block from a plain forward and backward pass over all images at once."""
    kept = {}
    modules = dict(model.named_modules())
    modules[block].register_forward_pre_hook(lambda _, args: kept.update(start=args[0]))
    modules[at].register_forward_hook(lambda *given: kept.update(branch=given[2].clone()))
    logits = model(x)
    direction = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0))
    y = (logits @ (direction / direction.norm())).sum()
    (gradient,) = torch.autograd.grad(y, kept["start"])
    return kept["start"], kept["branch"], gradient


@pytest.mark.parametrize("batch_size", [20, 7])
def test_every_figure_is_that_of_a_plain_pass(batch_size):
    data = random_batches(20, batch_size=batch_size)
    frame = of(with_lively_statistics(AkamasterNet()), data, batch_norm="running")
    model = with_lively_statistics(AkamasterNet()).eval()
    x = torch.cat([x for x, _ in data])
    for number, block in enumerate(("layer1.0", "layer1.1", "layer2.0")):
        start, branch, gradient = slow_figures(model, x, block=block, at=f"{block}.bn2")
        shortcut = dict(model.named_modules())[block].shortcut(start)
        after = torch.relu(branch + shortcut) - torch.relu(shortcut)
        wanted = {
            "second_moment": by_channel_slowly(start)[0],
            "variance": by_channel_slowly(start)[1],
            "shortcut_variance": by_channel_slowly(shortcut)[1],
            "branch_variance": by_channel_slowly(branch)[1],
            "branch_max": float(after.detach().abs().max()),
            "gradient_norm": float(gradient.flatten(1).double().square().sum(1).mean() ** 0.5),
            "gradient_correlation": brute_force_correlation(gradient),
        }
        found = {name: frame.loc[number, name] for name in wanted}
        assert found == pytest.approx(wanted, rel=2e-4), block
        assert frame.loc[number, "branch_share"] == pytest.approx(
            wanted["branch_variance"] / wanted["shortcut_variance"], rel=2e-4
        )


def test_the_batch_normalises_as_in_training_and_gradients_take_it_for_a_constant():
    """A twin that runs in training mode for the statistics, and in eval mode with these set."""
    data = random_batches(20, batch_size=20)
    (x, _), *_ = data
    frame = of(with_lively_statistics(AkamasterNet()), data)
    model = with_lively_statistics(AkamasterNet())
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    seen = {}
    hooks = [m.register_forward_pre_hook(lambda m, a: seen.update({m: a[0].detach()}))
             for m in norms]  # fmt: skip
    model.train()(x)
    for hook, norm in zip(hooks, norms, strict=True):
        hook.remove()
        inputs = seen[norm].double()
        norm.running_mean.copy_(inputs.mean((0, 2, 3)))
        norm.running_var.copy_(inputs.var((0, 2, 3), correction=0))
    start, branch, gradient = slow_figures(model.eval(), x, block="layer2.1", at="layer2.1.bn2")
    row = frame.loc[3]
    assert row["variance"] == pytest.approx(by_channel_slowly(start)[1], rel=1e-4)
    assert row["branch_variance"] == pytest.approx(by_channel_slowly(branch)[1], rel=1e-4)
    assert row["gradient_correlation"] == pytest.approx(brute_force_correlation(gradient), rel=1e-3)
    # negative control: the gradient through the statistics is another one
    (through,) = torch.autograd.grad(
        model.train()(x.requires_grad_()).square().sum(), x, retain_graph=False
    )
    (constant,) = torch.autograd.grad(model.eval()(x).square().sum(), x)
    assert (through - constant).norm() > 0.1 * constant.norm()


def test_batches_of_any_size_give_the_same_where_nothing_depends_on_the_batch():
    whole, parts = (random_batches(23, batch_size=size) for size in (23, 5))
    network = Architecture("resnet8", width=4, init="skipinit", num_classes=10)

    def drawn():
        model = network.build(seed=3)
        nn.init.constant_(model.layer1[0].scale.scale, 0.7)
        return model

    one, other = of(drawn(), whole), of(drawn(), parts)
    for figure in (*KEPT, *OF_A_BRANCH):
        np.testing.assert_allclose(one[figure], other[figure], rtol=2e-4, err_msg=figure)


@pytest.mark.parametrize(
    ("init", "order"),
    [
        ("zero-bn", "original"),
        ("skipinit", "original"),
        ("fixup", "original"),
        ("skipinit", "full-pre"),
    ],
)
def test_blocks_whose_branches_begin_at_zero_are_their_shortcuts_exactly(init, order):
    data = random_batches(8)
    frame = of(Architecture("resnet14", width=4, init=init, order=order).build(), data)
    assert frame["is_identity"].all()
    assert (frame["branch_max"] == 0).all()
    assert (frame["branch_share"] == 0).all()


def test_he_initialised_blocks_are_not_their_shortcuts():
    frame = of(Architecture("resnet14", width=4).build(), random_batches(8))
    assert not frame["is_identity"].any()
    assert (frame["branch_max"] > 0.1).all()


def test_a_branch_that_the_activation_hides_still_counts_as_an_identity():
    """relu(x + F(x)) is relu(x) where F only lowers what is 0 already."""

    class Hidden(LinearResNet):
        def forward(self, x):
            x = -x.abs()
            return torch.relu(x + self.blocks[0].a * x).flatten(1)

    row = of(Hidden(0.5), random_batches(6, channels=1, size=4, classes=16)).loc[0]
    assert (row["branch_max"], row["is_identity"]) == (0, True)
    assert row["branch_variance"] > 0


def test_the_gradient_is_gone_where_the_classifier_begins_at_zero_and_that_is_not_a_number():
    frame = of(Architecture("resnet8", width=4, init="fixup").build(), random_batches(8))
    assert (frame["gradient_norm"] == 0).all()
    assert frame["gradient_correlation"].isna().all()


def test_plain_blocks_have_no_branch_to_speak_of():
    frame = of(Architecture("plain14", width=4).build(), random_batches(8))
    assert frame[[*OF_A_BRANCH, "branch_share_law"]].isna().all(axis=None)
    assert not frame["is_identity"].any()
    assert (frame[list(KEPT)] != 0).all(axis=None)
    assert frame["layers"].tolist() == [2] * 6


@pytest.mark.parametrize(("order", "rectified"), [("full-pre", 2), ("original", 1)])
def test_gradient_laws_multiply_what_each_branch_sends_back(order, rectified):
    frame = of(Architecture("resnet14", width=4, order=order).build(), random_batches(8))
    back = frame["branch_share"].to_numpy() * RECTIFIED**-rectified
    norms = frame.loc[5, "gradient_norm"] * np.cumprod(np.sqrt(1 + back[4::-1]))[::-1]
    np.testing.assert_allclose(frame["gradient_norm_law"][:5], norms)
    kept = np.cumprod(((1 + back * 2.0**-rectified) / (1 + back))[::-1])[::-1]
    np.testing.assert_allclose(frame["gradient_correlation_law"], kept)


def test_laws_of_the_stream_begin_anew_at_every_stage():
    frame = of(Architecture("preresnet20", width=4).build(), random_batches(8))
    for first in (0, 3, 6):
        start, share = frame.loc[first, ["shortcut_variance", "branch_share"]]
        wanted = [(start * (1 + share * step), share / (1 + share * step)) for step in range(3)]
        laws = frame.loc[first : first + 2, ["shortcut_variance_law", "branch_share_law"]]
        np.testing.assert_allclose(laws.to_numpy(dtype=float), wanted)


def test_any_chain_can_be_followed():
    for model in (
        TorchvisionNet(),
        Architecture("preresnet29", width=2, block="bottleneck").build(),
    ):
        frame = of(model, random_batches(6, size=32))
        assert np.isfinite(frame[[*KEPT, *OF_A_BRANCH]].to_numpy(dtype=float)).all()


class TokenBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x):
        return x + self.linear(self.norm(x))


class Tokens(nn.Module):
    """Rows of an image as tokens, (N, T, C): channels are the last axis."""

    def __init__(self, width=8, classes=10):
        super().__init__()
        self.blocks = nn.Sequential(*(TokenBlock(width) for _ in range(3)))
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.blocks(x.flatten(1, 2)).mean(1))


def test_the_channels_of_tokens_are_the_last_axis():
    data = random_batches(30, channels=1, size=8)
    frame = of(Tokens(), data)
    x = torch.cat([x for x, _ in data]).flatten(1, 2)
    second_moment, variance = by_channel_slowly(x.movedim(2, 1))
    assert frame.loc[0, "second_moment"] == pytest.approx(second_moment, rel=1e-5)
    assert frame.loc[0, "variance"] == pytest.approx(variance, rel=1e-5)
    assert frame["normalised"].all()
    assert (frame["layers"] == 1).all()


def test_draws_are_averaged_with_their_standard_error():
    data = random_batches(10)
    network = Architecture("resnet8", width=4)
    apart = [of(network.build(seed=seed), data, seed=5) for seed in (5, 6, 7)]
    result = initialisation(
        lambda seed: unravel(network.build(seed=seed), data.example()), data, draws=3, seed=5
    )
    listed = initialisation(
        [unravel(network.build(seed=seed), data.example()) for seed in (5, 6, 7)], data, seed=5
    )
    frame = result.frame
    assert (frame["draws"] == 3).all()
    assert frame.equals(listed.frame)
    for figure in (*KEPT, "branch_share"):
        values = np.array([one[figure] for one in apart])
        np.testing.assert_allclose(frame[figure], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(
            frame[f"{figure}_se"], values.std(0, ddof=1) / 3**0.5, rtol=1e-12
        )
    np.testing.assert_array_equal(
        frame["branch_max"], np.max([one["branch_max"] for one in apart], axis=0)
    )
    assert apart[0][[f"{figure}_se" for figure in KEPT]].isna().all(axis=None)
    said = result.meta["networks"][0]
    assert 0 < said["input_correlation"] < 1
    assert said["input_correlation_se"] > 0


def test_the_ideal_network_follows_the_laws():
    """Width 400, 200 images: fluctuations of a few percent per layer, averaged over 3 draws."""
    data = noise(400, 200)
    result = initialisation(
        lambda seed: unravel(Ideal(400, 12, seed=seed), data.example()), data, draws=3
    )
    frame = result.frame
    blocks = frame["block"].to_numpy()
    np.testing.assert_allclose(frame["second_moment"], 1 + blocks, rtol=0.05)
    # the first branch sees uniform pixels, the others nearly normal sums
    np.testing.assert_allclose(frame["branch_variance"][1:], RECTIFIED, rtol=0.06)
    np.testing.assert_allclose(frame["branch_share"], frame["branch_share_law"], rtol=0.1)
    for figure, within in (("gradient_correlation", 0.12), ("gradient_norm", 0.06)):
        np.testing.assert_allclose(frame[figure], frame[f"{figure}_law"], rtol=within)
    assert result.meta["networks"][0]["input_correlation"] == pytest.approx(
        frame.loc[0, "gradient_correlation"], rel=1e-5
    )


def test_without_normalisation_the_second_moment_doubles_and_the_share_stays():
    data = noise(400, 200)
    frame = initialisation(
        lambda seed: unravel(Ideal(400, 8, seed=seed, norm=False), data.example()), data, draws=8
    ).frame
    np.testing.assert_allclose(frame["second_moment"], 2.0 ** frame["block"], rtol=0.1)
    assert (frame["branch_share_law"] == frame.loc[0, "branch_share"]).all()
    assert frame["branch_share"].between(0.55, 1.1).all()
    normalised = of(Ideal(400, 8, seed=0), data)  # negative control
    assert normalised.loc[7, "branch_share"] < 0.2


def test_a_plain_network_with_batch_norm_lengthens_gradients_and_shatters_them():
    data = noise(400, 200)
    frame = initialisation(
        lambda seed: unravel(Ideal(400, 8, seed=seed, residual=False), data.example()),
        data, draws=3,
    ).frame  # fmt: skip
    assert (frame["layers"] == 1).all()
    norms = frame["gradient_norm"].to_numpy()
    growth = (norms[1] / norms[6]) ** (1 / 5)
    assert growth == pytest.approx(gradient_growth(), rel=0.03)
    left = 8 - frame["block"].to_numpy()
    np.testing.assert_allclose(frame["gradient_correlation"][4:], 2.0 ** -left[4:], rtol=0.1)
    np.testing.assert_array_equal(frame["gradient_correlation_law"], 2.0**-left)
    np.testing.assert_allclose(
        frame["gradient_norm_law"], norms[7] * gradient_growth() ** (left - 1), rtol=1e-12
    )


def test_variances_beyond_the_range_of_float32_are_right():
    data = random_batches(6, channels=1, size=2, classes=4)
    for factor in (1e12, 1e-12):
        row = of(LinearResNet(factor - 1, factor - 1, 1.0), data)["variance"]
        assert row[2] / row[0] == pytest.approx(factor**4, rel=1e-4)


def test_a_signal_that_overflows_is_infinite_and_not_hidden():
    data = random_batches(6, channels=1, size=2, classes=4)
    model = LinearResNet(1.0, 1.0, 1.0)
    chain = unravel(model, data.example())
    for block in model.blocks:
        block.a.data.fill_(1e25)
    frame = initialisation(chain, data).frame
    assert np.isfinite(frame["second_moment"][:2]).all()
    assert not np.isfinite(frame.loc[2, "second_moment"])
    assert not frame.loc[2, "is_identity"]


def test_a_network_is_left_as_it_was_found_also_when_it_fails(model_state):
    data = random_batches(9, batch_size=4)
    model = with_lively_statistics(AkamasterNet()).train()
    chain, before = unravel(model, data.example()), model_state(model)
    steps = []
    initialisation(chain, data, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]  # an image left over joins the batch before it
    assert model_state(model) == before

    def fail(*_):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        initialisation(chain, data, progress=fail)
    assert model_state(model) == before


def test_labels_are_not_looked_at():
    data = random_batches(8)
    model = with_lively_statistics(AkamasterNet())
    unlabelled = dataclasses.replace(data.data, labels=torch.zeros_like(data.data.labels))
    one = of(model, data)
    assert one.equals(of(model, dataclasses.replace(data, data=unlabelled)))


def test_what_is_kept_does_not_grow_with_the_images():
    model = AkamasterNet(n=1)
    chain = unravel(model, random_batches(8).example())

    def most(n):
        data = random_batches(n, batch_size=8)
        tracemalloc.start()
        initialisation(chain, data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(8)
    assert most(160) < most(16) + 20_000  # 144 images more would be 432 numbers a block and figure


@pytest.mark.parametrize(
    ("given", "draws", "match"),
    [
        (lambda chain: [], None, "at least 1 draws were wanted and 0 given"),
        (lambda chain: [chain], 2, "2 draws were wanted and 1 given"),
        (lambda chain: chain, 2, "one network is one draw"),
        (lambda chain: lambda _: chain, 0, "can be asked for 1 or more; got 0"),
    ],
)
def test_a_number_of_draws_that_cannot_be_meant_is_refused(given, draws, match):
    data = random_batches(4)
    chain = unravel(AkamasterNet(n=1), data.example())
    with pytest.raises(InputError, match=match):
        initialisation(given(chain), data, draws=draws)


def test_draws_of_different_networks_are_refused():
    data = random_batches(4)
    chains = [unravel(AkamasterNet(n=n), data.example()) for n in (1, 2)]
    with pytest.raises(InputError, match="differ in number, name or shape"):
        initialisation(chains, data)


def test_batches_of_one_image_have_no_statistics():
    data = random_batches(3, batch_size=1)
    with pytest.raises(InputError, match="at least 2 images in a batch"):
        of(AkamasterNet(n=1), data)
    assert len(of(AkamasterNet(n=1), data, batch_norm="running")) == 3


def test_a_block_that_the_output_does_not_depend_on_is_named():
    class Deaf(LinearResNet):
        def forward(self, x):
            return self.blocks(x).detach().flatten(1) * self.blocks[0].a

    with pytest.raises(ResprobeError, match=r"no gradient reached block blocks\.0"):
        of(Deaf(0.5, 1.0), random_batches(4, channels=1, size=4, classes=16))


def test_left_as_found_puts_back_the_running_statistics_that_were_replaced():
    norm = nn.BatchNorm2d(2)
    kept = norm.running_mean
    with left_as_found(norm, training=False):
        norm.running_mean = torch.ones(2)
    assert norm.running_mean is kept
