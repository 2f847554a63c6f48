"""The study on networks whose Jacobians are known on paper, or can be had whole."""

import numpy as np
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

from resprobe.chain import PlainBlock, left_as_found, unravel
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import geometry, plan_geometry
from resprobe.probes.jacobians.measuring import measured
from resprobe.probes.jacobians.setting import Setting

WHOLE = {"k": 6, "oversampling": 20, "iterations": 6}


class Attention(nn.Module):
    """Tokens, attention and a second branch, as in a transformer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, 4)
        self.norm1, self.norm2 = nn.LayerNorm(4), nn.LayerNorm(4)
        self.qkv, self.mlp = nn.Linear(4, 12), nn.Linear(4, 4)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + F.scaled_dot_product_attention(q, k, v)
        x = x + self.mlp(F.gelu(self.norm2(x)))
        return self.head(x.mean(1))


def ours(name):
    return with_lively_statistics(Architecture(name, width=2).build())


NETWORKS = {
    "post-activation": lambda: with_lively_statistics(AkamasterNet(n=2, width=2)),
    "pre-activation": lambda: ours("preresnet14"),
    "bottleneck": lambda: with_lively_statistics(TorchvisionNet(width=2)),
    "plain": lambda: ours("plain14"),
    "attention": Attention,
}


def chain_of(model, data):
    torch.manual_seed(0)
    return unravel(model.eval(), data.example())


@pytest.fixture(scope="module", params=NETWORKS)
def subject(request):
    torch.manual_seed(5)
    data = random_batches(2, size=8)
    return chain_of(NETWORKS[request.param](), data), data


def whole_jacobians(chain, x):
    """The slow twin: every branch's Jacobian as a matrix, and the states."""
    matrices, ways = [], []
    with left_as_found(chain, training=False), torch.no_grad():
        h = chain.stem(x)
        for step in chain.steps:
            if step in chain.blocks:
                function = step.layers if isinstance(step, PlainBlock) else step.branch
                rows = torch.autograd.functional.jacobian(function, h)
                size = h.numel()
                matrices.append(rows.reshape(-1, size).double().numpy())
                ways.append((h.flatten().double().numpy(), None))
            h = step(h)
            if step in chain.blocks:
                ways[-1] = ways[-1][0], h.flatten().double().numpy()
    return matrices, ways


def test_values_and_scores_are_those_of_whole_matrices(subject):
    chain, data = subject
    found = geometry(chain, data, **WHOLE)
    x = torch.cat([x for x, _ in data])
    blocks, k = len(chain.blocks), WHOLE["k"]
    values = np.zeros((data.n, blocks, k))
    figures = {name: np.zeros((data.n, blocks)) for name in ("frobenius", "effective_rank")}
    scores = {}
    for image in range(data.n):
        matrices, _ = whole_jacobians(chain, x[image : image + 1])
        triplets = [np.linalg.svd(m, full_matrices=False) for m in matrices]
        for i, (_, s, _) in enumerate(triplets):
            values[image, i] = s[:k]
            figures["frobenius"][image, i] = np.sqrt((s**2).sum())
            figures["effective_rank"][image, i] = (s**2).sum() ** 2 / (s**4).sum()
        for row in found.alignment.frame.to_dict("records"):
            i, j = row["block"], row["directions"]
            (u, _, v), s = triplets[j], triplets[i][1]
            matrix = u[:, :k].T @ matrices[i] @ v[:k].T
            scores.setdefault((i, j), []).append(
                (np.square(matrix.diagonal()).sum() / np.square(s[:k]).sum(),
                 np.square(matrix).sum() / np.square(s[:k]).sum())
            )  # fmt: skip
    got = found.values.frame.pivot(index="block", columns="index", values="value").to_numpy()
    np.testing.assert_allclose(got, values.mean(0), rtol=1e-5, atol=1e-6)
    frame = found.blocks.frame
    for name, wanted in figures.items():
        np.testing.assert_allclose(frame[name], wanted.mean(0), rtol=0.35)
    np.testing.assert_allclose(frame["sigma_1"], values[:, :, 0].mean(0), rtol=1e-5)
    np.testing.assert_allclose(
        frame["sigma_1_se"], values[:, :, 0].std(0, ddof=1) / 2**0.5, rtol=1e-2, atol=1e-6
    )
    np.testing.assert_array_less(frame["residual"], 1e-3)
    for row in found.alignment.frame.to_dict("records"):
        wanted = np.mean(scores[row["block"], row["directions"]], axis=0)
        assert [row["alignment"], row["captured"]] == pytest.approx(wanted, rel=2e-2, abs=1e-5)


def test_the_path_of_the_states_is_that_of_the_blocks(subject):
    chain, data = subject
    frame = geometry(chain, data, k=1, oversampling=1, iterations=0).stream.frame
    x = torch.cat([x for x, _ in data])
    found = []
    for image in range(data.n):
        _, ways = whole_jacobians(chain, x[image : image + 1])
        for _, rows in frame.groupby("stage", sort=False):
            blocks = rows["block"].tolist()
            h = np.array([*(ways[i][0] for i in blocks), ways[blocks[-1]][1]])
            steps, way = np.diff(h, axis=0), h[-1] - h[0]
            found += [
                float(s @ way) / np.linalg.norm(s) / np.linalg.norm(way) if len(steps) > 1
                else np.nan
                for s in steps
            ]  # fmt: skip
    wanted = np.array(found).reshape(data.n, len(frame)).mean(0)
    np.testing.assert_allclose(frame["cosine"], wanted, rtol=1e-5, atol=1e-6)


def linear(*factors, images=3):
    data = random_batches(images, channels=3, size=2, classes=12)
    return unravel(LinearResNet(*factors).eval(), data.example()), data


def test_a_linear_network_is_known_on_paper():
    """J_i = a_i I: twelve equal singular values, all blocks aligned, states on a line."""
    factors = np.array([0.5, -0.25, 1.0, 0.125])
    chain, data = linear(*factors)
    found = geometry(chain, data, k=12, oversampling=2)
    frame = found.blocks.frame
    for column, wanted in {
        "sigma_1": np.abs(factors), "frobenius": np.sqrt(12) * np.abs(factors),
        "effective_rank": 12, "energy_share": 1, "rank": 12, "left_right": 1, "sigma_1_se": 0,
    }.items():  # fmt: skip
        np.testing.assert_allclose(frame[column], wanted, rtol=1e-5, atol=1e-6, err_msg=column)
    assert not frame["rank_is_bound"].any()
    assert frame["beyond_classes"].isna().all()
    np.testing.assert_allclose(found.alignment.frame[["alignment", "diagonal", "captured"]], 1)
    states = np.cumprod([1, *(1 + factors)])
    steps = np.diff(states)
    stream = found.stream.frame
    np.testing.assert_allclose(stream["cosine"], np.sign(steps) * np.sign(steps.sum()), rtol=1e-6)
    np.testing.assert_allclose(stream["length"], np.abs(steps) / np.abs(steps).mean(), rtol=1e-5)
    (stage,) = found.blocks.meta["networks"][0]["stages"]
    assert stage["variation"] == pytest.approx(np.abs(steps).std() / np.abs(steps).mean())
    assert stage["straightness"] == pytest.approx(abs(steps.sum()) / np.abs(steps).sum())
    assert stage["first_axis"] == pytest.approx(1)
    assert stage["alignment"] == pytest.approx(1)


def test_some_of_equal_values_are_at_least_so_many_and_a_known_share():
    chain, data = linear(0.5, 0.5)
    frame = geometry(chain, data, k=4, oversampling=2).blocks.frame
    assert frame["rank"].tolist() == [4, 4]
    assert frame["rank_is_bound"].all()
    np.testing.assert_allclose(frame["energy_share"], 4 / 12, rtol=0.5)


class Turned(nn.Module):
    """Blocks x + A_i x with random matrices of a low rank."""

    def __init__(self, blocks=4, size=48, rank=4):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        matrices = [torch.randn(2, size, rank, generator=generator) for _ in range(blocks)]
        self.layers = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in matrices)
        for layer, matrix in zip(self.layers, matrices, strict=True):
            layer.weight = nn.Parameter(matrix[0] @ matrix[1].T / size)
        self.head = nn.Linear(size, 10)

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x)


def test_random_blocks_are_aligned_no_more_than_chance_and_have_their_rank():
    data = random_batches(2, channels=3, size=4)
    chain = unravel(Turned().eval(), data.example())
    frame = geometry(chain, data, k=6, oversampling=42).blocks.frame
    assert frame["rank"].tolist() == [4] * 4
    assert not frame["rank_is_bound"].any()
    pairs = geometry(chain, data, k=4, oversampling=44).alignment.frame
    apart = pairs[pairs["block"] != pairs["directions"]]
    assert apart["alignment"].mean() < 8 * apart["chance"].mean() < 0.05
    # an image changes nothing in a linear network
    assert apart["alignment_se"].max() < 1e-4


def test_beyond_the_classes_is_the_value_after_as_many_as_there_are_classes():
    data = random_batches(2, channels=1, size=3, classes=3)

    class Diagonal(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([4.0, 3.0, 2.0, 1.0, 0, 0, 0, 0, 0]))
            self.head = nn.Linear(9, 3)

        def forward(self, x):
            x = x.flatten(1)
            return self.head(x + self.scale * x)

    chain = unravel(Diagonal().eval(), data.example())
    for k, wanted in ((4, 0.25), (3, float("nan"))):
        frame = geometry(chain, data, k=k).blocks.frame
        assert frame["beyond_classes"].tolist() == pytest.approx([wanted], nan_ok=True)


def test_neither_batch_size_nor_company_changes_anything_and_a_seed_repeats():
    model = with_lively_statistics(AkamasterNet(n=2, width=2)).eval()
    pictures = [random_batches(2, size=8, batch_size=size) for size in (1, 2)]
    chain = unravel(model, pictures[0].example())
    first, second = (geometry(chain, some, k=3, iterations=2, seed=4) for some in pictures)
    for one, other in zip(first, second, strict=True):
        numbers = [f.frame.select_dtypes("number").to_numpy(float) for f in (one, other)]
        np.testing.assert_allclose(*numbers, rtol=2e-4, atol=2e-4)
    third = geometry(chain, pictures[1], k=3, iterations=2, seed=5)
    assert not third.blocks.frame["residual"].equals(second.blocks.frame["residual"])


def test_the_model_and_the_random_state_are_left_as_found(model_state):
    model = with_lively_statistics(AkamasterNet(n=1, width=2)).train()
    data = random_batches(2, size=8)
    chain = unravel(model, data.example())
    before = model_state(model)
    geometry(chain, data, k=2, iterations=1)
    assert model_state(model) == before

    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geometry(chain, data, k=2, iterations=1, progress=fail)
    assert model_state(model) == before


def test_what_is_kept_does_not_grow_with_the_images_and_progress_ends_at_its_end():
    model = with_lively_statistics(AkamasterNet(n=1, width=2)).eval()
    setting = Setting(k=2, oversampling=1, iterations=1, tolerance=0.01, seed=0)
    chain = unravel(model, random_batches(2, size=8).example())
    held, told = [], []
    for n in (1, 4):
        data = random_batches(n, size=8)
        sums = measured(chain, data, setting, lambda *p: told.append(p))
        every = [*sums.figures, *sums.values]
        for stage in sums.stages.values():
            every += [stage.cosines, stage.lengths, stage.pairs, stage.matrices, stage.whole]
        held.append(sum(moments.n.size for moments in every))
    assert held[0] == held[1]
    assert told[-1][0] == told[-1][1]


def test_blocks_of_one_stage_alone_are_compared_and_one_block_has_no_path():
    data = random_batches(2, size=8)
    chain = chain_of(ours("resnet14"), data)
    found = geometry(chain, data, k=2, iterations=0)
    kinds = [(b.stage, b.kind) for b in chain.blocks]
    pairs = found.alignment.frame[["block", "directions"]].to_numpy()
    assert all(kinds[i] == kinds[j] and kinds[i][1] == "identity" for i, j in pairs)
    assert len(pairs) == 2 * 2 + 1 + 1
    alone = found.stream.frame[found.stream.frame["steps"] == 1]
    assert len(alone) == 2
    assert alone[["cosine", "chance", "length"]].isna().all(axis=None)
    assert found.matrices.frame["stage"].unique().tolist() == [1]
    assert (found.matrices.frame["pairs"] == 2).all()


def test_a_plan_says_what_runs():
    data = random_batches(3, size=8)
    chain = chain_of(ours("resnet14"), data)
    plan = plan_geometry(chain, data, k=3, oversampling=2, iterations=1)
    told = []
    geometry(chain, data, k=3, oversampling=2, iterations=1, progress=lambda *p: told.append(p))
    assert plan.block_evaluations * data.n == told[-1][1]
    assert plan.duration_s > 0
    assert plan.memory_bytes > data.data.nbytes


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": 0}, UsageError, "k is 0"),
        ({"oversampling": 0}, UsageError, "oversampling is 0"),
        ({"iterations": -1}, UsageError, "iterations is -1"),
        ({"tolerance": 1.0}, UsageError, "tolerance of the rank is 1.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, error, said):
    chain, data = linear(0.5)
    with pytest.raises(error, match=said):
        geometry(chain, data, **options)


def test_images_of_another_shape_and_infinite_weights_are_one_sentence():
    chain, _ = linear(0.5, 0.5)
    with pytest.raises(InputError, match="unravel the model"):
        geometry(chain, random_batches(2, size=4, classes=12))
    model = with_lively_statistics(AkamasterNet(n=1, width=2)).eval()
    data = random_batches(2, size=8)
    chain = unravel(model, data.example())
    with torch.no_grad():
        model.layer2[0].conv1.weight.fill_(float("inf"))
    with pytest.raises(ResprobeError, match=r"layer2\.0: .*not finite"):
        geometry(chain, data)
