"""What each of several processes knows by itself."""

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import UsageError
from resprobe.training.distributed import World

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}


def test_a_process_that_nobody_launched_is_alone():
    world = World.from_environment("cpu", {"PATH": "/bin"})
    assert world == World(device=torch.device("cpu"))
    assert world.leader
    assert world.smallest_batch == 2


def test_torchrun_says_who_a_process_is():
    world = World.from_environment("cpu", TORCHRUN)
    assert (world.rank, world.size, world.local_rank, world.leader) == (3, 4, 1, False)
    assert world.device == torch.device("cpu")
    assert world.smallest_batch == 8


def test_several_processes_take_a_gpu_each(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("auto", "cuda"):
        assert World.from_environment(name, TORCHRUN).device == torch.device("cuda", 1)
    assert World.from_environment("cpu", TORCHRUN).device == torch.device("cpu")
    crowded = TORCHRUN | {"LOCAL_RANK": "2"}
    with pytest.raises(UsageError, match=r"no GPU of its own, for there are 2; start with --nproc"):
        World.from_environment("auto", crowded)


@pytest.mark.parametrize("name", ["cuda:1", "mps", "gpu"])
def test_a_device_for_one_process_is_refused_for_several(name):
    with pytest.raises(UsageError, match=f"--device {name}: each of several processes takes"):
        World.from_environment(name, TORCHRUN)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"WORLD_SIZE": "four"}, "WORLD_SIZE is 'four'; start them with torchrun"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "٣"}, "RANK is '٣'"),
        ({"RANK": "4"}, "RANK=4 and WORLD_SIZE=4"),
        ({"LOCAL_RANK": None}, "LOCAL_RANK is not set"),
        ({"RANK": None}, "RANK is not set"),
        ({"WORLD_SIZE": None}, "WORLD_SIZE is not set"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "RANK=0 and WORLD_SIZE=0"),
    ],
)
def test_an_environment_that_makes_no_sense_is_one_sentence(changed, match):
    environment = {k: v for k, v in (TORCHRUN | changed).items() if v is not None}
    with pytest.raises(UsageError, match=match):
        World.from_environment("cpu", environment)


def test_a_process_of_several_that_knows_no_meeting_point_says_so(monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(UsageError, match="MASTER_ADDR and MASTER_PORT"), World(size=2).opened():
        pytest.fail("nobody is there")


@given(images=st.integers(0, 60), size=st.integers(1, 9))
def test_the_shares_hold_every_image_once_and_are_as_equal_as_can_be(images, size):
    everything = torch.randperm(images, generator=torch.Generator().manual_seed(0))
    shares = [World(rank=rank, size=size).share(everything) for rank in range(size)]
    assert sorted(torch.cat(shares).tolist()) == list(range(images))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


@given(means=st.lists(st.floats(-9, 9), min_size=1, max_size=7), images=st.integers(7, 99))
def test_weighted_means_average_to_the_mean_of_the_whole(means, images):
    size = len(means)
    worlds = [World(rank=rank, size=size) for rank in range(size)]
    counts = [len(world.share(torch.arange(images))) for world in worlds]
    averaged = sum(
        world.weight(images=count, of=images) * mean
        for world, count, mean in zip(worlds, counts, means, strict=True)
    )
    whole = sum(count * mean for count, mean in zip(counts, means, strict=True)) / images
    assert averaged / size == pytest.approx(whole, abs=1e-12)


def test_equal_shares_weigh_exactly_one():
    assert all(World(size=size).weight(images=37, of=37 * size) == 1.0 for size in range(1, 65))


def test_a_batch_with_fewer_than_two_images_for_a_process_is_refused():
    World(size=3).check_batch(6)
    with pytest.raises(UsageError, match="choose --batch-size 6 or more, or fewer processes"):
        World(size=3).check_batch(5)


def test_alone_nothing_is_exchanged_wrapped_or_copied():
    world, network, x = World(), torch.nn.Linear(2, 2), torch.ones(3)
    with world.opened():
        assert not dist.is_initialized()
        assert world.wrap(network) is network
        assert world.sum_over_ranks(x) is x
        assert world.share(x).data_ptr() == x.data_ptr()
        assert world.from_leader(b"all") == b"all"
        assert (world.any_rank(True), world.any_rank(False)) == (True, False)
        world.agree(network)
        world.broadcast([x])
        world.wait()
