import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)
from torch import nn

from resprobe.chain import pass_through, responses, unravel
from resprobe.errors import InputError, ResprobeError
from resprobe.networks import Architecture
from resprobe.probes import magnitude, plan_magnitude
from resprobe.probes.magnitudes.elements import Elements, Rows
from resprobe.probes.magnitudes.layers import LayerResponses
from resprobe.probes.magnitudes.sizes import BranchSizes


def measured(model, data, **options):
    return magnitude(unravel(model, data.example()), data, network="net", **options)


def blocks_of(model, data, **options):
    return measured(model, data, **options).blocks.frame


def test_a_block_that_scales_is_as_large_as_its_factor():
    data = random_batches(5, channels=1, size=4, classes=16)
    frame = blocks_of(LinearResNet(0.5, -0.25, 3.0), data)
    for column in ("ratio", "ratio_q10", "ratio_q50", "ratio_q90"):
        # quantiles are those of bins of 0.05 %
        assert frame[column].tolist() == pytest.approx([0.5, 0.25, 3.0], rel=6e-4)
    assert frame["ratio"].tolist() == pytest.approx([0.5, 0.25, 3.0], rel=1e-6)
    assert frame["ratio_se"].max() < 1e-6
    assert frame["cosine"].tolist() == pytest.approx([1.0, -1.0, 1.0], rel=1e-6)
    below = torch.cat([x for x, _ in data]).lt(0).double().mean()
    assert frame["negative_share"].tolist() == pytest.approx([float(below)] * 3, rel=1e-12)
    growth = frame["shortcut_norm"].to_numpy()[1:] / frame["shortcut_norm"].to_numpy()[:-1]
    assert growth.tolist() == pytest.approx([1.5, 0.75], rel=1e-6)


def by_hand(model, blocks, x, *, by_reference=False):
    """The slow twin: hooks on the user's own modules, in float64, one image at a time."""
    kept = {"start": [], "branch": []}
    handles = []
    for block in blocks:
        last = block.bn2 if hasattr(block, "shortcut") else block.bn3
        handles += [
            block.register_forward_pre_hook(lambda _, args: kept["start"].append(args[0])),
            last.register_forward_hook(
                lambda _m, _i, out: kept["branch"].append(out if by_reference else out.clone())
            ),
        ]
    rows = []
    double = model.double()
    with torch.no_grad():
        for image in x.double():
            kept["start"].clear(), kept["branch"].clear()
            double(image[None])
            for block, start, branch in zip(blocks, kept["start"], kept["branch"], strict=True):
                project = block.shortcut if hasattr(block, "shortcut") else block.downsample
                shortcut = start if project is None else project(start)
                rows.append(
                    {
                        "ratio": float(branch.norm() / shortcut.norm()),
                        "branch_norm": float(branch.norm()),
                        "shortcut_norm": float(shortcut.norm()),
                        "cosine": float(
                            (branch * shortcut).sum() / branch.norm() / shortcut.norm()
                        ),
                        "negative_share": float((branch + shortcut).lt(0).double().mean()),
                        "branch": branch.flatten().numpy(),
                    }
                )
    for handle in handles:
        handle.remove()
    model.float()
    return [pd.DataFrame(rows[number :: len(blocks)]) for number in range(len(blocks))]


@pytest.mark.parametrize("build", [AkamasterNet, TorchvisionNet])
def test_every_figure_is_that_of_the_users_own_blocks(build):
    model = with_lively_statistics(build()).eval()
    data = random_batches(9, size=32, batch_size=4)
    frame = blocks_of(model, data)
    layers = [getattr(model, f"layer{i}") for i in (1, 2, 3) if hasattr(model, f"layer{i}")]
    wanted = by_hand(model, [b for layer in layers for b in layer], torch.cat([x for x, _ in data]))
    for number, rows in enumerate(wanted):
        for column in ("ratio", "branch_norm", "shortcut_norm", "cosine"):
            assert frame.loc[number, column] == pytest.approx(rows[column].mean(), rel=2e-5)
        # elements that rounding turns: a handful of thousands
        gap = frame.loc[number, "negative_share"] - rows["negative_share"].mean()
        assert abs(gap) < 1e-3
        branch = np.concatenate(rows["branch"].to_list())
        assert frame.loc[number, "response_std"] == pytest.approx(branch.std(), rel=2e-5)
        error = rows["ratio"].std() / 3
        assert frame.loc[number, "ratio_se"] == pytest.approx(error, rel=1e-3)
        for q in (10, 50, 90):
            rank = round(q / 100 * 8)
            assert frame.loc[number, f"ratio_q{q}"] == pytest.approx(
                sorted(rows["ratio"])[rank], rel=1e-3
            )


def test_a_hook_that_keeps_no_copy_sees_the_sum_and_not_the_branch():
    """The trap: after ``out += shortcut`` the norm's output holds F(x) + s(x)."""
    model = with_lively_statistics(AkamasterNet()).eval()
    data = random_batches(6, size=32)
    frame = blocks_of(model, data)
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    x = torch.cat([x for x, _ in data])
    trapped = by_hand(model, blocks, x, by_reference=True)
    copied = by_hand(model, blocks, x)
    for number in range(len(blocks)):
        ratio = frame.loc[number, "ratio"]
        assert ratio == pytest.approx(copied[number]["ratio"].mean(), rel=2e-5)
        assert abs(trapped[number]["ratio"].mean() / ratio - 1) > 0.01


def test_the_batch_size_does_not_matter_and_the_model_is_left_alone(model_state):
    model = with_lively_statistics(AkamasterNet()).train()
    one, other = (random_batches(10, size=8, batch_size=size) for size in (10, 3))
    chain, before = unravel(model, one.example()), model_state(model)
    steps = []
    first = magnitude(chain, one)
    second = magnitude(chain, other, progress=lambda done, n: steps.append((done, n)))
    for name in ("blocks", "responses"):
        pd.testing.assert_frame_equal(
            getattr(first, name).frame, getattr(second, name).frame, rtol=2e-5, atol=1e-7
        )
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert model_state(model) == before

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        magnitude(chain, one, progress=stop, batch_norm="batch")
    assert model_state(model) == before


def test_a_branch_of_zero_is_of_size_zero_and_has_no_direction():
    frame = blocks_of(LinearResNet(0.0, 1.0), random_batches(3, channels=1, size=4, classes=16))
    assert frame["ratio"].tolist() == [0.0, 1.0]
    assert frame["ratio_q50"].tolist() == pytest.approx([0.0, 1.0], rel=1e-3)
    assert np.isnan(frame["cosine"]).tolist() == [True, False]
    assert frame["response_std"][0] == 0


def test_an_image_without_a_direction_hides_nobody_elses():
    data = random_batches(4, channels=1, size=4, classes=16)
    data.data.images[1] = 0

    class Silent(LinearResNet):
        def forward(self, x):
            return super().forward(torch.relu(x))

    frame = blocks_of(Silent(0.5), data)
    assert frame["cosine"].tolist() == pytest.approx([1.0], rel=1e-6)
    assert frame["n"].tolist() == [4]
    assert np.isnan(frame["ratio"][0])


def test_a_shortcut_that_carries_nothing_makes_the_ratio_infinite():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Conv2d(1, 1, 1)

        def forward(self, x):
            x = torch.relu(x)
            return (x + self.f(x)).flatten(1)

    data = random_batches(3, channels=1, size=4, classes=16)
    data.data.images[0] = 0  # black: all of it is below the mean
    frame = blocks_of(Constant(), data)
    assert np.isposinf(frame["ratio"][0])
    assert np.isposinf(frame["ratio_q90"][0])
    assert np.isfinite(frame["ratio_q50"][0])


def test_plain_blocks_have_a_response_and_no_ratio():
    model = Architecture("plain8", width=2).build()
    data = random_batches(6)
    blocks, layers = measured(model, data, batch_norm="batch")
    empty = ["ratio", "ratio_se", "ratio_q10", "branch_norm", "shortcut_norm", "cosine"]
    assert blocks.frame[[*empty, "negative_share"]].isna().all(axis=None)
    last = layers.frame[layers.frame["name"].str.endswith("conv2")]
    assert blocks.frame["response_std"].tolist() == last["response_std"].tolist()
    assert (blocks.frame["n"] == 6).all()


@pytest.mark.parametrize("arch", ["plain8", "resnet8", "preresnet8"])
def test_numbers_that_are_not_finite_are_named(arch):
    model = Architecture.parse(f"{arch}:width=2").build()
    chain = unravel(model, torch.zeros(2, 3, 16, 16))
    with torch.no_grad():
        dict(model.named_parameters())["layer2.0.conv1.weight"].fill_(float("inf"))
    with pytest.raises(ResprobeError, match=r"block layer2\.0 gives numbers that are not finite"):
        magnitude(chain, random_batches(4))


def test_images_that_do_not_fit_are_refused_and_labels_are_not_wanted():
    chain = unravel(AkamasterNet(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(InputError, match="head has 10 classes and random has 3"):
        magnitude(chain, random_batches(4, classes=3))


def test_what_is_kept_does_not_grow_with_the_number_of_images():
    chain = unravel(AkamasterNet(), torch.zeros(2, 3, 8, 8))

    def kept(n):
        blocks, layers = BranchSizes(chain), LayerResponses()
        for x, _ in random_batches(n, size=8, batch_size=8):
            blocks.begin(len(x)), layers.begin(len(x))
            with torch.inference_mode(), responses(chain.eval(), layers.see):
                pass_through(chain, x, lambda passed: blocks.see(passed, layers.last))
            blocks.end(), layers.end()
        blocks._ratios = None  # as long as the range of the ratios seen, see LogHistogram
        return len(pickle.dumps((layers, blocks)))

    assert kept(16) == kept(160)


def test_the_plan_measures_nothing_for_keeps(model_state):
    model, data = AkamasterNet(), random_batches(40, batch_size=20)
    before = model_state(model)
    plan = plan_magnitude(unravel(model, data.example()), data)
    assert (plan.study, plan.images, plan.block_evaluations) == ("magnitude", 40, 6)
    assert plan.duration_s > 0
    assert model_state(model) == before


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3])
def test_elements_far_from_zero_keep_their_spread(offset):
    generator = torch.Generator().manual_seed(0)
    value = offset + torch.randn(30, 50, generator=generator)
    elements = Elements(2)
    assert np.isnan(elements.std()).all()
    for part in value.split(7):
        elements.add([Rows.of(part, len(part)).spread, Rows.of(2 * part, len(part)).spread])
    std = value.double().numpy().std()
    assert elements.std().tolist() == pytest.approx([std, 2 * std], rel=1e-5)
    assert elements.n.tolist() == [30, 30]
