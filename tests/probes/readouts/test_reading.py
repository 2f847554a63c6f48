import functools
import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from nets import (
    AkamasterNet,
    LinearResNet,
    TorchvisionNet,
    random_batches,
    with_lively_statistics,
)
from torch import nn

from resprobe.chain import pass_through, run, unravel, without
from resprobe.datasets import Batches
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import lesion, plan_readout, readout
from resprobe.probes.readouts import looking, reading
from resprobe.probes.readouts.exits import exits_of


def chain_of(model, data):
    return unravel(model, data.example())


def ours(name, **options):
    return with_lively_statistics(Architecture(name, width=4, **options).build())


class Tokens(nn.Module):
    """A transformer's shape of things: tokens, and a norm between the last block and the head."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 6, 4, 4)
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))
            for _ in range(3)
        )
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 10)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        for mlp in self.mlps:
            x = x + mlp(x)
        return self.head(self.norm(x).mean(1))


class Linked(nn.Module):
    """Two blocks with a layer between them that no shortcut passes, and may end a stage."""

    def __init__(self, width=4, stride=1):
        super().__init__()
        self.stem, self.between = nn.Conv2d(3, 4, 3), nn.Conv2d(4, width, 1, stride)
        self.one = nn.Conv2d(4, 4, 3, padding=1)
        self.other = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.one(x).relu()
        x = self.between(x)
        x = x + self.other(x).relu()
        return self.head(x.mean((2, 3)))


NETWORKS = {
    "post-activation": lambda: with_lively_statistics(AkamasterNet(n=3)),
    "pre-activation": lambda: ours("resnet20", order="full-pre"),
    "bottleneck": lambda: with_lively_statistics(TorchvisionNet()),
    "plain": lambda: ours("plain20"),
    "tokens": Tokens,
    "linked": Linked,
    "linked stages": lambda: Linked(width=6, stride=2),
    "one block": lambda: LinearResNet(0.5),
}


@functools.cache
def chain_named(name):
    data = random_batches(2, channels=4, size=1, classes=4) if name == "one block" else None
    return chain_of(NETWORKS[name](), data or random_batches(2))


def of(name, n=20, **options):
    """A network, the same for all tests, and images: no test here changes its weights."""
    small = {"channels": 4, "size": 1, "classes": 4} if name == "one block" else {}
    return chain_named(name), random_batches(n, **small, **options)


def whole(data):
    return next(iter(Batches(data.data, data.normalisation, data.n)))


def fit_of(data, n=40):
    channels, size, _ = data.shape
    return random_batches(n, channels, size, classes=len(data.data.classes), seed=7, batch_size=16)


def outputs_of(chain, x):
    """Every block's input, branch and output, by the chain's own forward pass."""
    seen = []
    pass_through(chain, x, lambda passed: seen.append(passed))
    return [passed for passed in seen if passed.number is not None]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_reads_what_a_network_without_the_later_blocks_says(name):
    chain, data = of(name, batch_size=8)
    frame = readout(chain, data).blocks.frame
    x, y = whole(data)
    chain.eval()
    readable = 0
    for number in range(len(chain.blocks)):
        row = frame.loc[number]
        if math.isnan(row["head_accuracy"]):
            assert number < exits_of(chain).first
            continue
        readable += 1
        kept = chain.blocks[: number + 1]
        steps = [s for s in chain.steps if s in kept or s not in chain.blocks]
        with torch.no_grad():
            logits = nn.Sequential(chain.stem, *steps, chain.head)(x)
            final = chain(x).argmax(1)
        losses = F.cross_entropy(logits.double(), y, reduction="none")
        assert row["head_accuracy"] == float((logits.argmax(1) == y).double().mean())
        assert row["head_agreement"] == float((logits.argmax(1) == final).double().mean())
        assert row["head_loss"] == pytest.approx(float(losses.mean()), rel=1e-5)
        assert row["head_loss_se"] == pytest.approx(float(losses.std()) / len(x) ** 0.5, rel=1e-4)
    wanted = {"post-activation": 3, "pre-activation": 3, "bottleneck": 2, "plain": 3, "tokens": 3,
              "linked": 2}  # fmt: skip
    assert readable == wanted.get(name, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_read_out_is_the_network_bit_for_bit(name):
    chain, data = of(name)
    x, _ = whole(data)
    chain.eval()
    with torch.no_grad():
        read = exits_of(chain).read([passed.end for passed in outputs_of(chain, x)])
        assert torch.equal(read[-1], chain(x))
    row = readout(chain, data).blocks.frame.iloc[-1]
    assert row["head_agreement"] == 1.0


def test_after_an_activation_to_leave_blocks_out_is_to_delete_them():
    chain, data = of("post-activation")
    frame = readout(chain, data).blocks.frame
    deleted = lesion(chain, data).frame.set_index("lesion")
    assert frame.loc[7, "head_accuracy"] == deleted.loc["delete:8", "accuracy"]
    assert frame.loc[7, "head_loss"] == pytest.approx(deleted.loc["delete:8", "loss"], rel=1e-5)
    x, y = whole(data)
    with torch.no_grad():
        ((_, logits),) = run(chain, [without(chain, (7, 8))], x)
    assert frame.loc[6, "head_accuracy"] == float((logits.argmax(1) == y).double().mean())


@pytest.mark.parametrize("name", NETWORKS)
def test_probes_are_fitted_on_one_set_and_read_on_the_other(name):
    chain, data = of(name, n=30)
    fit = fit_of(data)
    found = readout(chain, data, fit=fit)
    frame = found.blocks.frame
    (x, y), (more, labels) = whole(data), whole(fit)
    chain.eval()
    with torch.no_grad():
        shown, learnt = outputs_of(chain, x), outputs_of(chain, more)
        final = chain(x).argmax(1).numpy()
    predictions = []
    for k, (one, other) in enumerate(zip(shown, learnt, strict=True)):
        scores = by_numpy(pooled(other.end), labels.numpy(), pooled(one.end), chain.classes)
        predictions.append(scores.argmax(1))
        assert frame.loc[k, "probe_accuracy"] == (predictions[-1] == y.numpy()).mean()
        assert frame.loc[k, "probe_agreement"] == (predictions[-1] == final).mean()
    assert (frame["probe_n"] == 40).all()
    rows = found.decisions.frame.query("method == 'probe'")
    depths = [first_settled([p[i] for p in predictions], final[i]) for i in range(len(final))]
    counted = np.bincount(depths, minlength=len(chain.blocks) + 1)
    assert rows["images"].tolist() == counted.tolist()


def pooled(end):
    values = end.double().numpy()
    return values.mean(1) if end.dim() == 3 else values.reshape(*values.shape[:2], -1).mean(2)


def by_numpy(x, y, new, classes):
    mean, std = x.mean(0), x.std(0)
    std[std <= 1e-7 * abs(mean)] = np.inf
    z, targets = (x - mean) / std, np.eye(classes)[y]
    weight = np.linalg.solve(
        z.T @ z / len(z) + 1e-3 * np.eye(z.shape[1]), z.T @ (targets - targets.mean(0)) / len(z)
    )
    return (new - mean) / std @ weight + targets.mean(0)


def first_settled(predictions, final):
    k = len(predictions)
    while k and predictions[k - 1] == final:
        k -= 1
    return k


@pytest.mark.parametrize("name", ["post-activation", "pre-activation", "bottleneck", "tokens"])
def test_the_cosine_is_that_of_plain_autograd_image_by_image(name):
    chain, data = of(name, n=12, batch_size=5)
    frame = readout(chain, data).blocks.frame
    x, y = whole(data)
    chain.eval()
    for number, block in enumerate(chain.blocks):
        if block.kind == "transition":
            assert math.isnan(frame.loc[number, "cosine"])
            assert frame.loc[number, "cosine_n"] == 0
            continue
        cosines = []
        for image in range(len(x)):
            with torch.no_grad():
                start = outputs_of(chain, x[image : image + 1])[number].start
            leaf = start.clone().requires_grad_()
            branch, hidden, past = block.branch(leaf), block(leaf), False
            for step in chain.steps:
                hidden = step(hidden) if past else hidden
                past = past or step is block
            loss = F.cross_entropy(chain.head(hidden), y[image : image + 1])
            (gradient,) = torch.autograd.grad(loss, leaf)
            cosine = F.cosine_similarity(branch.detach().flatten(1), gradient.flatten(1))
            cosines.append(float(cosine))
        assert frame.loc[number, "cosine"] == pytest.approx(np.mean(cosines), rel=1e-3, abs=1e-5)
        wanted = np.std(cosines, ddof=1) / 12**0.5
        assert frame.loc[number, "cosine_se"] == pytest.approx(wanted, rel=1e-3)
        assert frame.loc[number, "cosine_n"] == 12


def test_in_a_linear_network_cosine_and_errors_are_known_on_paper():
    factors, data = (0.5, -0.25, 1.0), random_batches(30, channels=4, size=1, classes=4)
    frame = readout(chain_of(LinearResNet(*factors), data), data).blocks.frame
    x, y = whole(data)
    x = x.flatten(1).double()
    products = np.cumprod([1 + a for a in factors])
    gradient = (products[-1] * x).softmax(1) - F.one_hot(y, 4)
    towards = F.cosine_similarity(x, gradient)
    for number, a in enumerate(factors):
        row = frame.loc[number]
        assert row["cosine"] == pytest.approx(np.sign(a) * float(towards.mean()), rel=1e-4)
        off = products[number] - products[-1]
        assert row["error_mean"] == pytest.approx(off * float(x.mean()), rel=1e-4, abs=1e-9)
        assert row["error_std"] == pytest.approx(abs(off) * float(x.std(correction=0)), rel=1e-5)
        assert row["error_std_relative"] == pytest.approx(abs(off) / products[-1], rel=1e-5)


def test_a_branch_that_goes_down_the_loss_has_cosine_minus_one():
    class Descent(nn.Module):
        """x -> x - c (softmax(x) - onehot(0)): for images of class 0 the loss's own gradient."""

        def __init__(self):
            super().__init__()
            self.rate = nn.Parameter(torch.tensor(1e-3))
            self.register_buffer("target", torch.eye(4)[:1])

        def forward(self, x):
            x = x.flatten(1)
            return x + self.rate * (self.target - x.softmax(1))

    data = random_batches(40, channels=4, size=1, classes=4)
    first = data.data.take(torch.nonzero(data.data.labels == 0).flatten())
    data = Batches(first, data.normalisation)
    frame = readout(chain_of(Descent(), data), data).blocks.frame
    # the gradient goes on through the small branch, which turns it by about the rate
    assert frame.loc[0, "cosine"] == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("name", ["post-activation", "pre-activation", "plain"])
def test_errors_are_those_of_all_outputs_against_their_stages_last(name):
    chain, data = of(name, batch_size=7)
    frame = readout(chain, data).blocks.frame
    x, _ = whole(data)
    chain.eval()
    with torch.no_grad():
        outputs = [passed.end for passed in outputs_of(chain, x)]
    for number, block in enumerate(chain.blocks):
        last = max(i for i, b in enumerate(chain.blocks) if b.stage == block.stage)
        e = (outputs[number] - outputs[last]).double().numpy()
        row = frame.loc[number]
        assert row["error_mean"] == pytest.approx(e.mean(), rel=1e-5, abs=1e-7)
        assert row["error_std"] == pytest.approx(e.std(), rel=1e-5)
        assert row["stage_std"] == pytest.approx(outputs[last].double().numpy().std(), rel=1e-5)
        assert (row["error_std"] == 0) == (number == last)


def test_plain_blocks_have_no_branch_to_compare_with_the_gradient():
    frame = readout(*of("plain")).blocks.frame
    assert frame["cosine"].isna().all()
    assert (frame["cosine_n"] == 0).all()
    assert frame["head_accuracy"].notna().sum() == 3


def test_without_images_to_fit_on_there_are_no_probes():
    found = readout(*of("post-activation"))
    frame = found.blocks.frame
    assert frame[["probe_accuracy", "probe_agreement"]].isna().all(axis=None)
    assert (frame["probe_n"] == 0).all()
    assert set(found.decisions.frame["method"]) == {"head"}
    assert "probes_fitted_on" not in found.blocks.meta["networks"][0]


def test_the_figures_do_not_depend_on_the_batches():
    tables = []
    for size in (3, 20):
        chain, data = of("post-activation", batch_size=size)
        tables.append(readout(chain, data, fit=fit_of(data)))
    for one, many in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one.frame, many.frame, rtol=1e-4, atol=1e-6)


def test_images_that_do_not_fit_memory_go_through_in_halves(monkeypatch):
    chain, data = of("post-activation")
    expected = readout(chain, data, fit=fit_of(data))
    sizes = []

    def scarce(function):
        def call(chain, x, *rest, **named):
            sizes.append(len(x))
            if len(x) > 5:
                raise MemoryError
            return function(chain, x, *rest, **named)

        return call

    for name in ("look", "features"):
        monkeypatch.setattr(reading, name, scarce(getattr(looking, name)))
    found = readout(chain, data, fit=fit_of(data))
    assert max(sizes) == 16
    assert set(sizes[-5:]) <= {4, 2}
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-4, atol=1e-6)


def test_memory_does_not_grow_with_the_images():
    def peak(n):
        data = random_batches(n, channels=4, size=1, classes=4)
        chain, fit = chain_of(LinearResNet(0.1, 0.2), data), fit_of(data, n // 4)
        readout(chain, data, fit=fit)
        tracemalloc.start()
        readout(chain, data, fit=fit)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # a batch of 64 is a slice of some 100 bytes; a float per image and block would be 92,160
    assert peak(6_400) < peak(640) + 46_000


def test_the_model_is_left_as_found_also_when_interrupted(model_state):
    model, data = with_lively_statistics(AkamasterNet()).train(), random_batches(6, batch_size=3)
    model.linear.bias.requires_grad_(False)
    chain = unravel(model, data.example())
    before = model_state(model)
    seen = []
    readout(chain, data, fit=fit_of(data), progress=lambda done, all_: seen.append((done, all_)))
    assert model_state(model) == before
    assert seen == [(k, 5) for k in range(1, 6)]

    def interrupt(done, all_):
        raise KeyboardInterrupt

    for fit in (None, fit_of(data)):
        with pytest.raises(KeyboardInterrupt):
            readout(chain, data, fit=fit, progress=interrupt)
        assert model_state(model) == before


def test_the_result_says_what_was_asked():
    chain, data = of("post-activation")
    found = readout(chain, data, network="net", fit=fit_of(data), stable=3, seed=5)
    assert [result.name for result in found] == [
        "readout", "readout-decisions", "readout-borderline",
    ]  # fmt: skip
    for result in found:
        assert result.meta["settings"] == {"gap": 0.1, "last": 5, "stable": 3, "penalty": 1e-3}
        assert result.meta["seed"] == 5
        assert result.meta["networks"][0]["probes_fitted_on"]["n"] == 40
        assert (result.frame["network"] == "net").all()
    decided = found.decisions.frame
    assert decided.groupby("method")["images"].sum().eq(20).all()
    heads = decided[decided["method"] == "head"].set_index("block")["images"]
    assert heads[heads > 0].index.isin([6, 7, 8]).all()  # the last stage, where the head reads
    assert (decided["stage"] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3] * 3).all()


def test_what_cannot_be_meant_is_refused():
    chain, data = of("post-activation")
    with pytest.raises(UsageError, match=r"penalty is a number above 0; got 0\.0"):
        readout(chain, data, penalty=0.0)
    with pytest.raises(UsageError, match="repeated by 1 block or more; got 0"):
        readout(chain, data, stable=0)
    with pytest.raises(InputError, match="fitted on the images that are read"):
        readout(chain, data, fit=Batches(data.data, data.normalisation))
    with pytest.raises(InputError, match="shape"):
        readout(chain, data, fit=random_batches(10, size=8))


@pytest.mark.parametrize("where", ["weight", "fitted"])
def test_values_that_are_not_finite_are_one_sentence(where):
    model, data = with_lively_statistics(AkamasterNet()), random_batches(8)
    chain = chain_of(model, data)
    with torch.no_grad():
        model.layer2[0].bn2.weight.fill_(math.nan)
    with pytest.raises(ResprobeError, match=r"at \S+ is not finite"):
        readout(chain, data, fit=fit_of(data) if where == "fitted" else None)


def test_the_plan_counts_heads_and_fitted_images():
    chain, data = of("post-activation")
    alone, fitted = plan_readout(chain, data), plan_readout(chain, data, fit=fit_of(data))
    assert (alone.images, alone.programs, fitted.programs) == (20, 4, 5)
    assert alone.block_evaluations == 9
    assert "probes fitted on 40 images" in fitted.study
    assert fitted.memory_bytes > alone.memory_bytes
    assert fitted.duration_s > 0
