"""The sweep: exactly the calls of the tree, going on, memory, processes, classes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from nets import AkamasterNet, random_batches, with_lively_statistics
from probes.lesions.twin import by_hand, logits_of, tampered

from resprobe.chain import call_step, evaluations, intact, unravel
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import lesion
from resprobe.probes.kept import forget
from resprobe.probes.lesions.studies import Greedy, Pairs, Random, Single
from resprobe.training.distributed.world import World


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet()).eval()


@pytest.fixture(scope="module")
def data():
    return random_batches(100, size=8, batch_size=16)


@pytest.fixture(scope="module")
def chain(model, data):
    return unravel(model, data.example())


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_as_many_blocks_are_evaluated_as_the_tree_has_nodes(chain, data, monkeypatch):
    made = []

    def counted(step, call, x):
        if len(x) > 2:  # two images show that the folded network is the same
            made.append(len(x))
        return call_step(step, call, x)

    monkeypatch.setattr("resprobe.chain.walking.call_step", counted)
    for study in (Single(), Pairs(), Random(most=4, draws=4)):
        made.clear()
        lesion(chain, data, study=study)
        (round_,) = study.rounds(chain, np.random.default_rng(0))
        programs = [intact(chain), *(one.program for one in round_.lesions)]
        assert sum(made) == evaluations(programs) * data.n


class Cut(Exception):
    pass


def cut_after(batches):
    def progress(_done, _total):
        progress.seen += 1
        if progress.seen == batches:
            raise Cut

    progress.seen = 0
    return progress


@pytest.mark.parametrize("study", [Single(), Greedy(most=2)], ids=lambda s: s.name)
@pytest.mark.parametrize("tolerance", [None, 0.1])
def test_a_study_that_was_cut_off_goes_on_to_the_same_bits(
    chain, data, study, tolerance, tmp_path, monkeypatch
):
    monkeypatch.setattr("resprobe.probes.kept.EVERY_S", 0)
    monkeypatch.setattr("resprobe.probes.lesions.looks.FIRST", 32)
    whole = lesion(chain, data, study=study, tolerance=tolerance).frame
    kept, said, shown = tmp_path / "lesion.part", [], []
    settings = {"study": study, "tolerance": tolerance, "resume": kept, "say": said.append}
    for batches in (1, 1, 1):
        with pytest.raises(Cut):
            lesion(chain, data, progress=cut_after(batches), **settings)
    again = lesion(chain, data, progress=lambda *at: shown.append(at), **settings).frame
    same(again, whole)
    assert said == [f"going on from lesion.part, after {n} images" for n in (16, 32, 48)]
    # done already, and still there for a crash before the result is saved
    same(lesion(chain, data, progress=cut_after(1), **settings).frame, whole)
    forget(kept, World())
    assert list(tmp_path.iterdir()) == []


def test_another_study_does_not_go_on_from_what_is_there(chain, data, tmp_path):
    kept, said = tmp_path / "lesion.part", []
    lesion(chain, data, resume=kept)
    frame = lesion(chain, data, study=Pairs(), resume=kept, say=said.append).frame
    assert said == ["lesion.part is of another study; beginning anew"]
    same(frame, lesion(chain, data, study=Pairs()).frame)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more", b"x" * 1000])
def test_a_damaged_file_is_no_obstacle(chain, data, tmp_path, damage):
    kept, said = tmp_path / "lesion.part", []
    kept.write_bytes(damage)
    same(lesion(chain, data, resume=kept, say=said.append).frame, lesion(chain, data).frame)
    assert said == ["lesion.part is of another study; beginning anew"]


def test_other_weights_are_another_study(model, data, tmp_path):
    kept, said = tmp_path / "lesion.part", []
    lesion(unravel(model, data.example()), data, resume=kept)
    other = with_lively_statistics(AkamasterNet(), seed=1).eval()
    lesion(unravel(other, data.example()), data, resume=kept, say=said.append)
    assert said == ["lesion.part is of another study; beginning anew"]


def test_out_of_memory_halves_the_batch_and_goes_on(chain, data, monkeypatch):
    from resprobe.probes.lesions import measuring

    plain, sizes, said = lesion(chain, data).frame, [], []
    real = measuring.walk

    def narrow(fast, tree, x):
        sizes.append(len(x))
        if len(x) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(fast, tree, x)

    monkeypatch.setattr(measuring, "walk", narrow)
    found = lesion(chain, data, say=said.append).frame
    assert found["correct"].tolist() == plain["correct"].tolist()
    np.testing.assert_allclose(found["kl"], plain["kl"], rtol=1e-4, atol=1e-7)
    assert sizes[:4] == [16, 8, 4, 4]
    assert max(sizes[2:]) == 4  # what did not fit once is not tried again
    assert said == [
        "out of memory with 16 images at a time; going on with 8",
        "out of memory with 8 images at a time; going on with 4",
    ]


def test_memory_for_not_even_one_image_is_an_error(chain, data, monkeypatch):
    def never(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("resprobe.probes.lesions.measuring.walk", never)
    with pytest.raises(RuntimeError, match="allocate"):
        lesion(chain, data)


@pytest.mark.parametrize(
    ("size", "tolerance"),
    [
        (2, None),
        (3, 0.2),
        *(pytest.param(*case, marks=pytest.mark.long) for case in [(2, 0.2), (3, None)]),
        *(pytest.param(7, tolerance, marks=pytest.mark.long) for tolerance in (None, 0.2)),
    ],
)
def test_processes_that_share_the_images_find_what_one_finds(
    chain, data, size, tolerance, monkeypatch
):
    monkeypatch.setattr("resprobe.probes.lesions.looks.FIRST", 32)
    settings = {"study": Pairs(), "tolerance": tolerance, "per_class": True}
    alone = lesion(chain, data, **settings).frame
    # the processes in turn: each hears what the ones before it gave, and the last one all
    given = {}

    class Turn(World):
        def sum_over_ranks(self, values):
            call = counts[self.rank] = counts[self.rank] + 1
            given.setdefault(call, {})[self.rank] = values
            assert len(given[call]) == self.rank + 1
            return sum(given[call].values()) if self.rank == size - 1 else totals[call]

    # all stop at the same looks, which the whole decides: so first find the sums of the whole
    counts, totals = [0] * size, {}

    class Alone(World):
        def sum_over_ranks(self, values):
            totals[len(totals) + 1] = values
            return values

    lesion(chain, data, world=Alone(), **settings)
    for rank in range(size):
        found = lesion(chain, data, world=Turn(rank=rank, size=size), **settings).frame
    exact = ["lesion", "class_name", "n", "correct", "error_rise", "error_rise_low", "agreement"]
    same(found[exact], alone[exact])
    np.testing.assert_allclose(found["loss"], alone["loss"], rtol=1e-6)


def test_rows_for_each_class_are_those_of_its_images(model, chain, data):
    frame = lesion(chain, data, per_class=True).frame
    whole, labels = logits_of(model, data), data.data.labels.numpy()
    assert len(frame) == 7 * 11
    for number, name in enumerate(data.data.classes):
        row = frame[(frame["lesion"] == "delete:4") & (frame["class_name"] == name)].iloc[0]
        mine = labels == number
        twin = by_hand(
            whole[mine], logits_of(tampered(model, "delete:4"), data)[mine], labels[mine]
        )
        assert {k: row[k] for k in twin} == pytest.approx(twin, rel=2e-4, abs=2e-6)
    apart = frame[frame["class_name"] != ""].groupby("lesion")["correct"].sum()
    together = frame[frame["class_name"] == ""].set_index("lesion")["correct"]
    assert apart.to_dict() == together.to_dict()


def test_a_class_without_images_has_a_row_without_figures(chain):
    data = random_batches(20, size=8)
    data.data.labels[:] = 3
    frame = lesion(chain, data, per_class=True).frame
    empty = frame[frame["class_name"] == "class 0"]
    assert (empty["n"] == 0).all()
    assert empty["accuracy"].isna().all()
    assert (frame.loc[frame["class_name"] == "class 3", "n"] == 20).all()


def test_the_model_is_left_as_found_by_every_kind_of_measurement(model, data, model_state):
    chain = unravel(model.train(), data.example())
    before = model_state(model)
    lesion(chain, data, recalibrate=data, per_class=True, tolerance=0.3)
    assert model_state(model) == before
    with pytest.raises(Cut):
        lesion(chain, data, recalibrate=data, progress=cut_after(9))
    assert model_state(model) == before
    model.eval()
    torch.set_grad_enabled(True)


def test_level_by_level_gives_what_the_walk_in_depth_gives(chain, data, monkeypatch):
    from resprobe.probes.lesions import measuring

    plain = lesion(chain, data, study=Pairs()).frame
    monkeypatch.setattr(
        measuring.Measuring,
        "_runner",
        lambda self, p: lambda x: measuring._by_level(self.fast, p, x),
    )
    monkeypatch.setattr(measuring, "STACKED", 50)
    found = lesion(chain, data, study=Pairs()).frame
    assert found["correct"].tolist() == plain["correct"].tolist()
    np.testing.assert_allclose(found["loss"], plain["loss"], rtol=1e-5)


def test_images_without_labels_are_compared_with_the_intact_network(model, chain, data):
    bare = replace(
        data, data=replace(data.data, labels=torch.full((100,), -1), classes=(), name="bare")
    )
    frame = lesion(chain, bare, study=Pairs()).frame
    labelled = lesion(chain, data, study=Pairs()).frame
    assert (frame["correct"] == -1).all()
    assert frame[["accuracy", "error", "error_rise", "loss", "loss_rise"]].isna().all().all()
    for figure in ("agreement", "agreement_low", "kl", "kl_high"):
        assert frame[figure].tolist() == labelled[figure].tolist()
    # the intact network's answers as labels: what disagrees is what is wrong
    answers = torch.from_numpy(logits_of(model, data).argmax(1))
    told = lesion(
        chain, replace(data, data=replace(data.data, labels=answers)), study=Pairs()
    ).frame
    np.testing.assert_allclose(frame["interaction"], told["interaction"], atol=1e-12)
    assert (1 - frame["agreement"]).tolist() == pytest.approx(told["error_rise"].tolist())
    greedy = lesion(chain, bare, study=Greedy(most=2)).frame
    first = greedy[greedy["selection"] & (greedy["k"] == 1)]
    assert (
        greedy.loc[~greedy["selection"], "lesion"].iloc[1]
        == (first.loc[first["kl"].idxmin(), "lesion"])
    )


def test_the_same_weights_in_another_network_are_another_study(data, tmp_path):
    kept, said = tmp_path / "lesion.part", []
    weights = Architecture("resnet8", width=4, num_classes=10).build().state_dict()
    for survival in (1.0, 0.5):
        network = Architecture("resnet8", width=4, num_classes=10, survival=survival).build()
        network.load_state_dict(weights)
        lesion(unravel(network, data.example()), data, resume=kept, say=said.append)
    assert said == ["lesion.part is of another study; beginning anew"]


def test_what_other_numbers_of_processes_kept_is_forgotten_too(tmp_path):
    for name in ("lesion.part", "lesion.part-0of2", "lesion.part-1of2", "lesion.part-notes"):
        (tmp_path / name).touch()
    forget(tmp_path / "lesion.part", World(rank=1, size=2))
    assert len(list(tmp_path.iterdir())) == 4  # the leader's work
    forget(tmp_path / "lesion.part", World())
    assert [path.name for path in tmp_path.iterdir()] == ["lesion.part-notes"]


def test_images_that_do_not_fit_are_refused_before_any_is_seen(chain, data):
    def never(*_):
        raise AssertionError

    other, bare = random_batches(9, size=9), random_batches(9, size=8)
    with pytest.raises(InputError, match="the chain was made with images of shape"):
        lesion(chain, data, study=Greedy(), selection=other, progress=never)
    with pytest.raises(InputError, match="the chain was made with images of shape"):
        lesion(chain, data, recalibrate=other, progress=never)
    bare = replace(bare, data=replace(bare.data, labels=torch.full((9,), -1), classes=()))
    with pytest.raises(InputError, match="either all have labels or none do"):
        lesion(chain, data, study=Greedy(), selection=bare, progress=never)
    with pytest.raises(UsageError, match="go by labels"):
        lesion(chain, bare, per_class=True, progress=never)


def test_only_a_study_that_chooses_says_what_it_chose_by(chain, data):
    assert lesion(chain, data, selection=data).meta["selected_on"] is None
    assert lesion(chain, data, study=Greedy(1)).meta["selected_on"]["n"] == 100


def test_answers_that_are_not_finite_are_counted_and_nothing_is_certain(model, chain, data):
    said = []
    with torch.no_grad():
        weight = model.linear.weight.clone()
        model.linear.weight[0, 0] = float("inf")
        try:
            frame = lesion(chain, data, say=said.append).frame
            with pytest.raises(InputError, match="no finite loss to go by"):
                lesion(chain, data, study=Greedy())
        finally:
            model.linear.weight.copy_(weight)
    assert (
        f"the intact network's answers to {100 - round(100 * frame.loc[0, 'agreement'])} "
        in (said[-1])
    )
    assert frame.loc[0, "agreement_low"] < 1


def test_one_image_has_no_interval(chain):
    row = lesion(chain, random_batches(1, size=8)).frame.iloc[1]
    assert np.isnan(row["kl_low"])
    assert np.isnan(row["kl_high"])
