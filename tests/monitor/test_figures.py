import copy

import pytest
import torch
import torch.nn.functional as F
from monitor.models import MODELS, BeginsWithFunction, Convolutions, InPlace, Net
from monitor.twin import figures_by_hand, per_image
from nets import random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import unravel
from resprobe.monitor import watch
from resprobe.networks import Architecture
from resprobe.probes import gradflow


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]().double()


def test_every_figure_is_that_of_autograd_over_the_chain(model, batch, one_step):
    x, y = batch()
    expected = figures_by_hand(model.train(), x, y)
    frame = one_step(model, x, y)
    assert len(frame) == len(expected) > 0
    assert frame["branch_images"].eq(6).all()
    for name in expected[0]:
        found = torch.tensor(frame[name].to_numpy())
        wanted = torch.stack([figures[name] for figures in expected])
        torch.testing.assert_close(found, wanted.double(), rtol=1e-10, atol=1e-14, msg=name)


def test_a_plain_block_has_a_response_and_a_gradient_and_no_split(batch, one_step):
    torch.manual_seed(0)
    model = MODELS["plain"]().double()
    x, y = batch()
    chain = unravel(copy.deepcopy(model), x[:2]).train()
    responses, hidden = [], chain.stem(x)
    for step in chain.steps:
        out = step(hidden)
        norm = [m for m in step.modules() if isinstance(m, nn.BatchNorm2d)][-1]
        handle = norm.register_forward_hook(lambda *_: responses.append(_[2].std(correction=0)))
        hidden = step(hidden)
        handle.remove()
        torch.testing.assert_close(out, hidden)
    frame = one_step(model, x, y)
    assert frame["response_std"].tolist() == pytest.approx([r.item() for r in responses], 1e-10)
    assert (
        frame[["ratio", "branch_norm", "shortcut_norm", "identity", "residual"]]
        .isna()
        .all(axis=None)
    )
    assert frame["input"].gt(0).all()


def test_weight_figures_are_the_norms_before_and_after_the_step(batch, one_step):
    torch.manual_seed(0)
    model = MODELS["torchvision"]().double()
    x, y = batch()
    before = copy.deepcopy(model)
    frame = one_step(model, x, y, lr=0.3).set_index("name")
    for name, row in frame.iterrows():
        old = torch.cat([p.flatten() for p in before.get_submodule(name).parameters()])
        new = torch.cat([p.flatten() for p in model.get_submodule(name).parameters()])
        gradient = torch.cat([p.grad.flatten() for p in model.get_submodule(name).parameters()])
        assert row["weight_norm"] == pytest.approx(old.norm().item(), 1e-12)
        assert row["weight_gradient_norm"] == pytest.approx(gradient.norm().item(), 1e-12)
        assert row["update_norm"] == pytest.approx((new - old).norm().item(), 1e-12)
        ratio = 0.3 * gradient.norm().item() / old.norm().item()
        assert row["update_ratio"] == pytest.approx(ratio, 1e-9)


def test_magnitudes_are_those_of_the_chains_own_paths(batch, one_step):
    model = with_lively_statistics(MODELS["akamaster"]()).double().eval()
    x, y = batch()
    chain = unravel(copy.deepcopy(model), x[:2])
    frame, hidden = one_step(model, x, y), chain.stem(x)
    for row, block in zip(frame.itertuples(), chain.blocks, strict=True):
        branch, shortcut = per_image(block.branch(hidden)), per_image(block.shortcut(hidden))
        assert row.ratio == pytest.approx((branch / shortcut).mean().item(), 1e-10)
        hidden = block(hidden)


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_gradients_of_a_summed_loss_are_those_of_gradflow(statistics, one_step):
    data = random_batches(8, batch_size=8)
    model = with_lively_statistics(MODELS["torchvision"]()).train(statistics == "batch")
    chain = unravel(model, data.example())
    expected = gradflow(chain, data, batch_norm=statistics).blocks.frame
    ((x, y),) = data
    frame = one_step(model, x, y, loss=lambda out, y: F.cross_entropy(out, y, reduction="sum"))
    for name in ("identity", "residual", "input"):
        assert frame[name].tolist() == pytest.approx(expected[name].tolist(), rel=1e-5)
    assert frame["name"].tolist() == expected["name"].tolist()


def test_four_micro_batches_are_one_batch_of_all_their_images(batch, one_step):
    torch.manual_seed(0)
    model = Net(InPlace(), Convolutions()).double()
    x, y = batch(8)
    whole = one_step(copy.deepcopy(model), x, y)
    parts = one_step(copy.deepcopy(model), x, y, parts=4)
    assert parts["images"].tolist() == [8, 8]
    figures = whole.columns[8:]
    assert len(figures) == 11
    torch.testing.assert_close(
        torch.tensor(parts[figures].to_numpy()),
        torch.tensor(whole[figures].to_numpy()),
        rtol=1e-10,
        atol=0,
    )


def test_an_output_that_is_kept_by_reference_would_be_the_sum(batch, one_step):
    torch.manual_seed(0)
    model = MODELS["akamaster"]().double()
    x, y = batch()
    kept = []
    handle = model.layer1[0].bn2.register_forward_hook(lambda *hooked: kept.append(hooked[2]))
    frame = one_step(model, x, y)
    handle.remove()
    by_reference = per_image(kept[-1]).mean().item()
    assert by_reference > 1.1 * frame["branch_norm"][0]


def test_a_batch_norm_at_a_branchs_end_has_the_response_of_its_weights(batch, one_step):
    model = with_lively_statistics(MODELS["akamaster"]()).double().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-14
    x, y = batch(16)
    frame = one_step(copy.deepcopy(model), x, y).set_index("name")
    for name, row in frame.iterrows():
        norm = model.get_submodule(name).bn2
        closed = norm.weight.square().mean() + norm.bias.var(correction=0)
        assert row["response_std"] == pytest.approx(closed.sqrt().item(), 1e-9)


def test_maps_stored_channels_last_give_the_same_figures(batch, one_step):
    torch.manual_seed(0)
    model = Architecture("resnet8", width=4).build()
    x, y = batch(dtype=torch.float32)
    usual = one_step(copy.deepcopy(model), x, y)
    last = one_step(
        copy.deepcopy(model).to(memory_format=torch.channels_last),
        x.contiguous(memory_format=torch.channels_last),
        y,
    )
    figures = [*usual.columns[8:]]
    assert last[figures].to_numpy() == pytest.approx(usual[figures].to_numpy(), rel=1e-4)


def test_a_frozen_stem_leaves_the_gradient_of_the_first_block_unknown(batch, one_step):
    torch.manual_seed(0)
    model = Net(Convolutions(), Convolutions()).double()
    model.stem.requires_grad_(False)
    x, y = batch()
    frame = one_step(model, x, y)
    assert frame["input"].isna().tolist() == [True, False]
    assert frame["ratio"].gt(0).all()


def test_a_watch_sees_the_step_that_an_optimiser_takes(batch):
    model = Net(Convolutions()).double()
    x, y = batch()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    with watch(model, x, optimiser=optimiser) as seen:
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
    weights = sum(p.numel() for p in model.blocks.parameters())
    # the first step of Adam moves every weight by the learning rate
    assert seen.result().frame["update_norm"][0] == pytest.approx(0.01 * weights**0.5, 1e-4)


def test_figures_are_over_the_first_images_of_each_pass(batch, one_step):
    torch.manual_seed(0)
    model = Net(InPlace(), BeginsWithFunction()).double()
    x, y = batch(8)
    few = one_step(copy.deepcopy(model), x, y, per_pass=3)
    summed = one_step(
        copy.deepcopy(model), x[:3], y[:3], loss=lambda out, y: 3 / 8 * F.cross_entropy(out, y)
    )
    assert few["images"].tolist() == [3, 3]
    for name in ("ratio", "response_std", "identity", "residual", "input"):
        assert few[name].tolist() == pytest.approx(summed[name].tolist(), rel=1e-10)
    whole = one_step(copy.deepcopy(model), x, y, per_pass=None)
    assert whole["images"].tolist() == [8, 8]
    assert few["weight_gradient_norm"].tolist() == whole["weight_gradient_norm"].tolist()
