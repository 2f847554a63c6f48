import itertools
import math
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, random_images, with_lively_statistics
from path_twin import chain_of, eight_blocks
from torch import nn

from resprobe.chain import unravel
from resprobe.datasets import Batches, Normalisation
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import gradflow, paths, plan_paths
from resprobe.probes.path_lengths.tape import Place

measuring = import_module("resprobe.probes.path_lengths.measuring")


def linear(*factors):
    data = random_batches(4, channels=1, size=2, classes=4)
    return unravel(LinearResNet(*factors), data.example()), data


def assert_within_errors(found, error, expected):
    gap = np.abs(found.to_numpy() - expected)
    assert (gap <= 3.5 * error.to_numpy() + 1e-5 * expected).all()


def symmetric(factors, k):
    factors = tuple(factors)
    return sum(math.prod(some) for some in itertools.combinations(factors, k))


def test_a_linear_network_has_the_elementary_symmetric_polynomials():
    """(1 + a_1) ... (1 + a_L) x: paths of length k together carry e_k(a) of the gradient at x."""
    factors = (0.5, 2.0, -0.25, 1.0)
    chain, data = linear(*factors)
    whole = gradflow(chain, data).blocks.frame["output"].iloc[-1]
    frame = paths(chain, data, method="all", draws=150).frame
    exact, rms, sampled = (frame[frame["method"] == m] for m in ("exact", "rms", "sampled"))
    together = [abs(symmetric(factors, k)) for k in range(5)]
    np.testing.assert_allclose(exact["together"], np.array(together) * whole, rtol=1e-5)
    product = math.prod(1 + a for a in factors)
    shares = [symmetric(factors, k) / product for k in range(5)]
    np.testing.assert_allclose(exact["projection"], shares, rtol=1e-5)
    mean = [symmetric(map(abs, factors), k) / math.comb(4, k) for k in range(5)]
    assert_within_errors(sampled["norm"], sampled["norm_se"], np.array(mean) * whole)
    counts = np.array([math.comb(4, k) for k in range(5)])
    squares = np.array([symmetric([a * a for a in factors], k) for k in range(5)]) / counts
    root = np.sqrt(squares) * rms["rms"].iloc[0]  # of images too: not that of their mean norm
    assert_within_errors(rms["rms"], rms["rms_se"], root)


def test_paths_through_a_dead_branch_carry_nothing():
    chain, data = linear(0.5, 0.0, 2.0)
    frame = paths(chain, data, method="all", draws=20).frame.set_index(["method", "length"])
    assert frame.loc[("exact", 3), "together"] == 0
    assert frame.loc[("rms", 3), "rms"] == 0
    assert frame.loc[("sampled", 3), "norm"] == 0
    assert frame.loc[("exact", 3), "weight"] == 0
    assert frame.loc[("exact", 2), "together"] > 0


def test_a_network_without_any_gradient_has_no_weights():
    dead = with_lively_statistics(AkamasterNet())
    nn.init.zeros_(dead.linear.weight)
    result = paths(unravel(dead, torch.zeros(2, 3, 16, 16)), random_batches(4))
    assert result.frame["weight"].isna().all()
    assert not result.frame["effective"].any()
    assert result.meta["networks"][0]["paths"][0]["effective"] is None


def test_the_columns_and_the_summary_say_what_was_measured():
    data = random_batches(6, size=8)
    result = paths(chain_of(eight_blocks(), data), data, method="all", transitions="both",
                   draws=3, seed=5, lengths=(1, 2), network="eight")  # fmt: skip
    frame = result.frame
    assert len(frame) == 3 * (9 + 7)
    assert set(frame["network"]) == {"eight"}
    assert (frame["n"] == 6).all()
    assert dict(frame.groupby("method")["draws"].first()) == {"exact": 0, "rms": 3, "sampled": 3}
    for (_, kind), rows in frame.groupby(["method", "transitions"]):
        blocks = {"counted": 8, "apart": 6}[kind]
        assert rows["length"].tolist() == list(range(blocks + 1))
        np.testing.assert_allclose(
            2 ** rows["paths_log2"], [math.comb(blocks, k) for k in rows["length"]]
        )
        assert rows["paths_share"].sum() == pytest.approx(1)
        assert rows["weight"].sum() == pytest.approx(1)
    summaries = result.meta["networks"][0]["paths"]
    assert [(s["method"], s["transitions"]) for s in summaries] == [
        (m, t) for t in ("counted", "apart") for m in ("exact", "rms", "sampled")
    ]
    for found in summaries:
        rows = frame[(frame["method"] == found["method"])
                     & (frame["transitions"] == found["transitions"])]  # fmt: skip
        inside = rows[rows["effective"]]
        low, high = found["effective"]["low"], found["effective"]["high"]
        assert inside["length"].tolist() == list(range(low, high + 1))
        assert found["effective"]["weight"] == pytest.approx(inside["weight"].sum())
        assert found["effective"]["paths_share"] == pytest.approx(inside["paths_share"].sum())
        assert (found["effective"]["projection"] is None) == (found["method"] != "exact")
        assert (found["asked"]["low"], found["asked"]["high"]) == (1, 2)
    assert result.meta["networks"][0]["left_out"] is None


def test_figures_do_not_depend_on_the_batches(monkeypatch):
    model = eight_blocks()
    whole, parts = random_batches(4, size=8), random_batches(4, size=8, batch_size=3)
    chain = chain_of(model, whole)
    expected = paths(chain, whole, method="all", draws=2).frame
    pd.testing.assert_frame_equal(paths(chain, parts, method="all", draws=2).frame, expected,
                                  rtol=1e-4)  # fmt: skip
    monkeypatch.setattr(measuring, "ROOM", 1)  # one image at a time
    pd.testing.assert_frame_equal(paths(chain, whole, method="all", draws=2).frame, expected,
                                  rtol=1e-4)  # fmt: skip


def test_the_seed_decides_what_is_drawn():
    data = random_batches(4, size=8)
    chain = chain_of(eight_blocks(), data)
    one, again, other = (
        paths(chain, data, method="sampled", draws=3, seed=seed).frame["norm"] for seed in (1, 1, 2)
    )
    assert one.equals(again)
    assert not one.equals(other)


def test_out_of_memory_halves_the_images_and_goes_on(monkeypatch):
    data = random_batches(8, size=8)
    chain = chain_of(eight_blocks(), data)
    expected = paths(chain, data).frame
    record, seen = measuring.record, []

    def scarce(chain, x, *rest, **more):
        seen.append(len(x))
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return record(chain, x, *rest, **more)

    monkeypatch.setattr(measuring, "record", scarce)
    found = paths(chain, data).frame
    assert seen == [8, 4, 2, 2, 2, 2]
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)

    monkeypatch.setattr(measuring, "record", lambda *a, **k: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError):
        paths(chain, data)


@pytest.mark.parametrize("method", ["exact", "rms", "sampled"])
def test_the_model_is_left_as_found_also_when_interrupted(model_state, method):
    model, data = with_lively_statistics(AkamasterNet()).train(), random_batches(6)
    model.linear.bias.requires_grad_(False)
    chain = unravel(model, data.example())
    before = model_state(model)
    global_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    paths(chain, data, method=method, draws=2)
    assert model_state(model) == before

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paths(chain, data, method=method, draws=2, progress=stop)
    assert model_state(model) == before
    assert np.random.get_state()[1].tolist() == global_state  # noqa: NPY002


def test_it_works_where_gradients_are_switched_off():
    with torch.no_grad():
        frame = paths(*linear(0.5, 0.5)).frame
    assert (frame["together"] > 0).all()


def test_progress_ends_where_it_said(monkeypatch):
    told = []
    data = random_batches(6, size=8, batch_size=4)
    chain = chain_of(eight_blocks(), data)
    for method in ("exact", "rms", "sampled"):
        paths(chain, data, method=method, draws=2, progress=lambda *step: told.append(step))
        done, total = zip(*told, strict=True)
        assert list(done) == sorted(done)
        assert set(total) == {total[0]}
        assert done[-1] == total[0]
        told.clear()


def test_a_network_whose_long_paths_leave_float32_is_measured():
    """Gains of 1e-4 in 30 blocks: the longest path's gradient is 1e-120 of the shortest one's."""
    factors = (1e-4,) * 30
    chain, data = linear(*factors)
    frame = paths(chain, data, method="all", draws=2).frame
    for method, column in (("exact", "average"), ("rms", "rms"), ("sampled", "norm")):
        norms = frame.loc[frame["method"] == method, column].to_numpy()
        gap = np.log10(norms / norms[0]) + 4 * np.arange(31)
        assert np.abs(gap).max() < (0.5 if method == "rms" else 1e-4)


def test_the_plan_counts_what_is_pulled_back(monkeypatch):
    data = random_batches(4, size=8)
    chain = chain_of(eight_blocks(), data)
    pulled = []
    for name in ("by_branch", "by_shortcut", "by_all"):
        original = getattr(Place, name)
        monkeypatch.setattr(
            Place,
            name,
            lambda self, c, n=name, o=original: (pulled.append((self.name, n)), o(self, c))[1],
        )
    for method, transitions in itertools.product(("exact", "rms", "sampled"), ("counted", "apart")):
        options = {"method": method, "transitions": transitions, "draws": 3}
        plan = plan_paths(chain, data, **options)
        pulled.clear()
        paths(chain, data, **options)
        names = {block.name for block in chain.blocks}
        at_blocks = [(where, how) for where, how in pulled if where in names]
        if method == "sampled":
            assert plan.block_evaluations == 8 + len(at_blocks)
            assert plan.block_evaluations_apart == 8 + 3 * len(names) * (
                9 if transitions == "counted" else 7
            )
        else:
            assert plan.block_evaluations == 8 + sum(how != "by_shortcut" for _, how in at_blocks)
        assert plan.images == 4
        assert plan.duration_s > 0
        assert plan.memory_bytes > 0


def test_a_plain_network_has_one_path():
    data = random_batches(4)
    chain = unravel(Architecture("plain8", width=4).build(), data.example())
    with pytest.raises(InputError, match=r"plain blocks only \(3\): .* give a residual network"):
        paths(chain, data)


def test_fewer_than_two_blocks_are_refused():
    chain, data = linear(0.5)
    with pytest.raises(InputError, match=r"has 1 residual block\(s\); .* at least 2"):
        paths(chain, data)
    data = random_batches(4)
    small = unravel(Architecture("resnet8", width=4).build(), data.example())
    with pytest.raises(InputError, match=r"with transitions apart the network has 1 block\(s\)"):
        paths(small, data, transitions="apart")
    both = paths(small, data, transitions="both")
    assert set(both.frame["transitions"]) == {"counted"}
    assert "1 of 3 blocks" in both.meta["networks"][0]["left_out"]
    without = paths(*linear(0.5, 0.5), transitions="both")
    assert without.meta["networks"][0]["left_out"].startswith("no block is a transition")


def test_images_without_labels_are_refused():
    images = random_images(4, channels=1, size=2, classes=4)
    object.__setattr__(images, "classes", ())
    chain, _ = linear(0.5, 0.5)
    with pytest.raises(InputError, match="random has no labels"):
        paths(chain, Batches(images, Normalisation((0.5,), (0.25,))))


def test_batch_statistics_are_refused():
    with pytest.raises(InputError, match="every image's gradient by itself"):
        paths(*linear(0.5, 0.5), batch_norm="batch")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "exat"}, "unknown method 'exat': did you mean 'exact'"),
        ({"transitions": "none"}, "unknown choice for transitions 'none'"),
        ({"at": "stem"}, "unknown end of the paths 'stem'"),
        ({"draws": 0}, "0 draws were asked for; give 1 to 100,000"),
        ({"draws": 100_001}, "give 1 to 100,000"),
        ({"share": 0.0}, "a share of 0 was asked for"),
        ({"share": 1.5}, "a share of 1.5 was asked for"),
        ({"lengths": (1, 3)}, "lengths from 1 to 3 .* from 0 to 2"),
        ({"lengths": (2, 1)}, "lengths from 2 to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, match):
    with pytest.raises(UsageError, match=match):
        paths(*linear(0.5, 0.5), **options)


@pytest.mark.parametrize("method", ["exact", "rms", "sampled"])
def test_gradients_that_are_not_finite_are_named(method):
    model = with_lively_statistics(AkamasterNet())
    chain = unravel(model, torch.zeros(2, 3, 16, 16))
    with torch.no_grad():
        model.linear.weight.fill_(float("inf"))
    with pytest.raises(ResprobeError, match="the gradient at head is not finite"):
        paths(chain, random_batches(4), method=method)


def test_path_gradients_that_do_not_add_up_are_an_error():
    """1 - 0.999 per block, 8 blocks: the paths cancel to 1e-24 of what they carry."""
    with pytest.raises(ResprobeError, match=r"add up to the whole gradient only to .* relative"):
        paths(*linear(*(-0.999,) * 8))


def test_no_more_images_go_through_at_once_than_there_is_room_for(monkeypatch):
    data = random_batches(40, size=8, batch_size=32)
    chain = chain_of(eight_blocks(), data)
    places = measuring.Places.of(chain, apart=False)
    assert measuring.images_at_once(chain, data, places) == 32
    room = 5 * measuring.bytes_per_image(chain, places) + 1
    monkeypatch.setattr(measuring, "ROOM", room)
    assert measuring.images_at_once(chain, data, places) == 5
    held = sum(p.numel() * 4 for p in chain.parameters()) + data.data.nbytes
    assert 0.8 * room < plan_paths(chain, data).memory_bytes - held <= room
