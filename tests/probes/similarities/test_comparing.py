import math
import tracemalloc
from dataclasses import replace

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

from resprobe.chain import pass_through, unravel
from resprobe.datasets import Batches, ImageSet
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import Compared, plan_similarity, similarity
from resprobe.probes.similarities import comparing
from resprobe.probes.similarities.summary import identified


def chain_of(model, data):
    return unravel(model, data.example())


def lively(n=2, seed=0):
    return with_lively_statistics(AkamasterNet(n=n), seed=seed)


def compared(model, data, network):
    return Compared(chain=chain_of(model, data), data=data, network=network)


def table(result, network="network", other=None):
    frame = result.layers.frame
    chosen = (frame["network"] == network) & (frame["other_network"] == (other or network))
    return frame[chosen].pivot(index="layer", columns="other_layer", values="cka").to_numpy()


def by_hand(layers, order, size):
    """The slow twin: all features of all layers, HSIC_1 by its formula, batch by batch."""
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    if len(parts[-1]) < size and len(parts) > 1:
        parts[-2:] = [np.concatenate(parts[-2:])]
    total = 0.0
    for part in parts:
        total = total + np.array([[formula(x[part], y[part]) for y in layers] for x in layers])
    own = np.sqrt(np.diag(total))
    return total / np.outer(own, own)


def formula(x, y):
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    n = len(k)
    total = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3))


def outputs_of(chain, data):
    seen = []
    x, _ = next(iter(Batches(data.data, data.normalisation, data.n)))
    chain.eval()
    with torch.no_grad():
        pass_through(chain, x, lambda p: seen.append(p.end) if p.number is not None else None)
    return [end.flatten(1).double().numpy() for end in seen]


@pytest.mark.parametrize(("n", "size"), [(24, 8), (29, 8), (20, 64)])
def test_cka_is_that_of_all_features_kept_batch_by_batch(n, size):
    data = random_batches(n, batch_size=size)
    chain = chain_of(lively(), data)
    found = table(similarity(chain, data, seed=3))
    order = np.random.default_rng(3).permutation(n)
    np.testing.assert_allclose(found, by_hand(outputs_of(chain, data), order, size), atol=1e-5)
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-12)


def test_layers_of_a_linear_network_are_all_alike():
    data = random_batches(24, channels=4, size=1, classes=4, batch_size=8)
    frame = similarity(chain_of(LinearResNet(0.5, -0.3, 2.0), data), data).layers.frame
    np.testing.assert_allclose(frame["cka"], 1, rtol=1e-6)
    np.testing.assert_allclose(frame["cka_se"], 0, atol=1e-6)


def test_images_sorted_by_class_are_put_in_a_random_order_first():
    data = random_batches(200, size=8, batch_size=10)
    means = torch.arange(10)[:, None, None, None] * 25
    pixels = (data.data.images / 8 + means[data.data.labels]).to(torch.uint8)
    mixed = replace(data.data, images=pixels)
    ordered = mixed.take(torch.argsort(mixed.labels))
    chain = chain_of(lively(), data)
    tables = [
        table(similarity(chain, Batches(images, data.normalisation, 10)))
        for images in (mixed, ordered)
    ]
    assert np.abs(tables[0] - tables[1]).max() < 0.1
    sorted_ = by_hand(outputs_of(chain, Batches(ordered, data.normalisation)), np.arange(200), 10)
    assert np.abs(tables[0] - sorted_).max() > 0.3  # what batches of one class would say


def test_between_networks_each_is_shown_the_same_images_in_its_own_way():
    data = random_batches(40, batch_size=10)
    other = Batches(data.data, type(data.normalisation)((0.4,) * 3, (0.2,) * 3), 7)
    small, wide = lively(), with_lively_statistics(Architecture("resnet20", width=6).build(), 1)
    one, two = chain_of(small, data), chain_of(wide, other)
    found = similarity(
        one, data, network="a", others=[Compared(chain=two, data=other, network="b")]
    )
    layers = outputs_of(one, data) + outputs_of(two, other)
    wanted = by_hand(layers, np.random.default_rng(0).permutation(40), 10)
    k = len(one.blocks)
    np.testing.assert_allclose(table(found, "a"), wanted[:k, :k], atol=1e-5)
    np.testing.assert_allclose(table(found, "a", "b"), wanted[:k, k:], atol=1e-5)
    np.testing.assert_allclose(table(found, "b"), wanted[k:, k:], atol=1e-5)
    assert {n["network"] for n in found.layers.meta["networks"]} == {"a", "b"}
    assert not (found.summary.frame["measure"] == "identified").any()  # other names, other layers


def test_interiors_are_the_responses_inside_branches_but_not_what_they_add():
    data = random_batches(16, batch_size=8)
    model = lively()
    chain = chain_of(model, data)
    frame = similarity(chain, data, interiors=True).layers.frame
    own = frame[frame["layer"] == frame["other_layer"]]
    assert own["name"].tolist()[:4] == ["layer1.0.conv1", "layer1.0", "layer1.1.conv1", "layer1.1"]
    assert own["place"].tolist() == ["interior", "output"] * 6
    assert own["block"].tolist() == np.repeat(range(6), 2).tolist()
    seen = []
    model.layer2[0].bn1.register_forward_hook(lambda *a: seen.append(a[2].flatten(1).double()))
    x, _ = next(iter(Batches(data.data, data.normalisation, 16)))
    with torch.no_grad():
        model.eval()(x)
    order = np.random.default_rng(0).permutation(16)
    layers = [seen[0].numpy(), outputs_of(chain, data)[0]]
    pair = frame[(frame["name"] == "layer2.0.conv1") & (frame["other_name"] == "layer1.0")]
    assert pair["cka"].item() == pytest.approx(by_hand(layers, order, 8)[0, 1], abs=1e-5)


@pytest.mark.parametrize(
    ("build", "inside"),
    [
        (lambda: with_lively_statistics(TorchvisionNet()), 8),
        (lambda: with_lively_statistics(Architecture("plain14", width=3).build()), 6),
        (lambda: with_lively_statistics(
            Architecture("resnet14", width=3, order="full-pre").build()), 6),
    ],
)  # fmt: skip
def test_every_kind_of_network_has_interiors(build, inside):
    data = random_batches(8, size=32, batch_size=8)
    chain = chain_of(build(), data)
    frame = similarity(chain, data, interiors=True).layers.frame
    own = frame[frame["layer"] == frame["other_layer"]]
    assert (own["place"] == "interior").sum() == inside
    assert (own["place"] == "output").sum() == len(chain.blocks)
    assert frame["cka"].notna().all()


def test_the_summary_is_the_mean_of_the_table():
    data = random_batches(40, batch_size=8)
    found = similarity(chain_of(lively(), data), data, interiors=True)
    frame = found.layers.frame
    once = frame[frame["layer"] < frame["other_layer"]]
    same = once["stage"] == once["other_stage"]
    summary = found.summary.frame.set_index(["measure", "places", "stages"])
    for place in ("output", "interior"):
        both = (once["place"] == place) & (once["other_place"] == place)
        for stages, which in (("all", both), ("same", both & same), ("different", both & ~same)):
            row = summary.loc["mean", f"{place}, {place}", stages]
            assert row["value"] == pytest.approx(once[which]["cka"].mean())
            assert row["n"] == which.sum()
            assert row["low"] < row["value"] < row["high"]
        row = summary.loc["difference", f"{place}, {place}", "same - different"]
        wanted = once[both & same]["cka"].mean() - once[both & ~same]["cka"].mean()
        assert row["value"] == pytest.approx(wanted)
    mixed = summary.loc["mean", "output, interior", "all"]
    assert mixed["n"] == (once["place"] != once["other_place"]).sum()
    gap = summary.loc["difference", "output, output - interior, interior", "all"]
    means = [summary.loc["mean", f"{p}, {p}", "all"]["value"] for p in ("output", "interior")]
    assert gap["value"] == pytest.approx(means[0] - means[1])


def test_a_network_finds_its_own_layers_and_a_reversed_one_does_not():
    data = random_batches(60, batch_size=20)
    model = lively(n=3)
    found = similarity(
        chain_of(model, data), data, network="a", others=[compared(model, data, "b")]
    )
    rows = found.summary.frame.query("measure == 'identified' and places == 'all'")
    assert rows[["network", "other_network"]].to_numpy().tolist() == [["a", "b"], ["b", "a"]]
    assert rows["value"].tolist() == [1.0, 1.0]
    assert rows["n"].tolist() == [9, 9]
    cka = table(found, "a", "b")
    assert identified(cka[::-1]).sum() == 1  # the middle one
    assert not identified(np.full((2, 2), math.nan)).any()


def test_the_batch_size_is_the_estimators_and_the_rest_joins_the_last():
    data = random_batches(21, batch_size=8)
    found = similarity(chain_of(lively(), data), data)
    assert (found.layers.frame["batches"] == 2).all()
    assert (found.layers.frame["n"] == 21).all()
    assert found.layers.meta["settings"] == {"interiors": False, "n": 21, "batches": 2}


def test_labels_are_not_needed():
    images = random_batches(8).data
    bare = ImageSet(images.images, torch.full((8,), -1), (), "bare", "test")
    data = Batches(bare, random_batches(8).normalisation)
    assert similarity(chain_of(lively(), data), data).layers.frame["cka"].notna().all()


def test_memory_does_not_grow_with_the_images():
    def peak(n):
        data = random_batches(n, channels=4, size=1, classes=4, batch_size=8)
        chain = chain_of(LinearResNet(0.1, 0.2), data)
        similarity(chain, data)
        tracemalloc.start()
        similarity(chain, data)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(1_600) < peak(160) + 30_000  # the order takes 8 bytes an image; rows would take 200


def test_models_are_left_as_found_also_when_interrupted(model_state):
    data = random_batches(12, batch_size=4)
    first, second = lively().train(), lively(seed=1).train()
    other = compared(second, data, "b")
    chain = chain_of(first, data)
    before = model_state(first), model_state(second)
    seen = []
    similarity(chain, data, others=[other], progress=lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert (model_state(first), model_state(second)) == before

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        similarity(chain, data, others=[other], interiors=True, progress=interrupt)
    assert (model_state(first), model_state(second)) == before


def test_what_cannot_be_compared_is_refused(monkeypatch):
    data = random_batches(12, batch_size=4)
    chain = chain_of(lively(), data)
    with pytest.raises(UsageError, match="4 images or more in a batch; got a batch size of 3"):
        similarity(chain, replace(data, batch_size=3))
    with pytest.raises(InputError, match="4 images or more; got 3"):
        similarity(chain, random_batches(3))
    with pytest.raises(UsageError, match="a name each; got network, network"):
        similarity(chain, data, others=[compared(lively(), data, "network")])
    for more in (random_batches(13), random_batches(12, seed=1)):
        with pytest.raises(InputError, match="b is shown other images than network"):
            similarity(chain, data, others=[compared(lively(), more, "b")])
    swapped = replace(data.data, images=data.data.images.flip(0))
    with pytest.raises(InputError, match="other images"):
        similarity(chain, data, others=[compared(lively(), replace(data, data=swapped), "b")])
    monkeypatch.setattr(comparing, "grams", lambda *a, **k: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(ResprobeError, match="4 images at a time; take smaller batches"):
        similarity(chain, data)


def test_values_that_are_not_finite_are_one_sentence():
    data, model = random_batches(8), lively()
    chain = chain_of(model, data)
    with torch.no_grad():
        model.layer2[0].bn2.weight.fill_(math.nan)
    with pytest.raises(ResprobeError, match=r"values at layer2\.0 are not finite"):
        similarity(chain, data)


def test_a_dead_layer_resembles_nothing():
    data, model = random_batches(16, batch_size=8), lively()
    with torch.no_grad():
        model.layer3[0].bn1.weight.zero_()
        model.layer3[0].bn1.bias.fill_(1.0)
    frame = similarity(chain_of(model, data), data, interiors=True).layers.frame
    dead = (frame["name"] == "layer3.0.conv1") | (frame["other_name"] == "layer3.0.conv1")
    assert frame[dead]["cka"].isna().all()
    assert frame[~dead]["cka"].notna().all()


def test_the_plan_counts_layers_and_pairs():
    data = random_batches(20, batch_size=8)
    plan = plan_similarity(chain_of(lively(), data), data, interiors=True)
    assert plan.study == "similarity: 12 layers, 144 pairs"
    assert (plan.images, plan.programs, plan.block_evaluations) == (20, 1, 6)
    assert plan.memory_bytes > plan_similarity(chain_of(lively(), data), data).memory_bytes
