import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from archives import unpack
from PIL import Image

from resprobe.datasets import Augmentation, Crop, Normalisation, load
from resprobe.datasets.lighting import COMPONENTS, lighting
from resprobe.datasets.splitmix import ImageDraws
from resprobe.datasets.views import random_view
from resprobe.errors import InputError, ResprobeError, UsageError

pytest.importorskip("torchvision")
IMAGENET = Normalisation.parse("imagenet")
ANY = pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(crop=Crop.SCALE, crop_size=28, short_side=(32, 60), colour=True),
        Augmentation(crop=Crop.RESIZED, crop_size=32),
    ],
    ids=["scale", "resized"],
)
RESIZED = Augmentation(crop=Crop.RESIZED, crop_size=32)
ALL = torch.arange(15)

# since Python 3.12 a process that has ever had threads is warned when it forks
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


@pytest.fixture
def train(photographs):
    return load(f"imagenet:{photographs}", split="train")


def shown(data, augmentation, chosen, *, workers=0, seed=3, epoch=1):
    feed = data.feed(IMAGENET, augmentation, workers=workers)
    return list(feed.batches(chosen, seed=seed, epoch=epoch))


def no_workers_left():
    end = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.01)
    return not multiprocessing.active_children()


@ANY
def test_a_batch_is_the_views_of_its_images_normalised_and_lit(train, augmentation):
    chosen = torch.tensor([4, 11, 0])
    ((x, y),) = shown(train, augmentation, [chosen])
    for found, index in zip(x, chosen.tolist(), strict=True):
        draws = ImageDraws(seed=3, epoch=1, index=index)
        image = Image.open(train.files.at(index))
        view = random_view(image.height, image.width, augmentation, draws)
        pixels = torch.from_numpy(view.of(image.convert("RGB")).copy()).permute(2, 0, 1)
        light = lighting(draws) if augmentation.colour else (0.0, 0.0, 0.0)
        light = torch.tensor(light)[:, None, None]
        mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET.mean, IMAGENET.std))
        torch.testing.assert_close(found, (pixels / 255 + light - mean) / std)
    assert y.tolist() == [0, 2, 0]
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert x.is_contiguous(memory_format=torch.channels_last)


@ANY
def test_workers_batches_and_a_later_start_change_no_bit_of_any_image(train, augmentation):
    whole = shown(train, augmentation, [ALL])[0][0]
    order = torch.randperm(15, generator=torch.Generator().manual_seed(0))
    for workers, chosen in (
        (0, order.split(4)),
        (1, order.split(4)),
        (3, order.split(4)),
        (3, order.split(1)),
        (2, order.split(4)[2:]),  # an epoch taken up in its middle
    ):
        found = shown(train, augmentation, chosen, workers=workers)
        assert [len(x) for x, _ in found] == [len(indices) for indices in chosen]
        assert torch.equal(torch.cat([x for x, _ in found]), whole[torch.cat(chosen)])
        assert torch.equal(torch.cat([y for _, y in found]), train.labels[torch.cat(chosen)])
    assert no_workers_left()


@pytest.mark.parametrize("change", [{"epoch": 2}, {"seed": 4}])
def test_another_epoch_or_seed_shows_other_views(train, change):
    first = shown(train, RESIZED, [ALL])[0][0]
    assert not torch.equal(shown(train, RESIZED, [ALL], **change)[0][0], first)


def test_light_is_added_along_the_components_with_their_variances():
    drawn = torch.tensor(
        [lighting(ImageDraws(seed=0, epoch=1, index=index)) for index in range(20_000)],
        dtype=torch.float64,
    )
    values = torch.tensor([value for value, _ in COMPONENTS], dtype=torch.float64)
    vectors = torch.tensor([vector for _, vector in COMPONENTS], dtype=torch.float64).T
    along = drawn @ vectors
    assert torch.allclose(vectors.T @ vectors, torch.eye(3, dtype=torch.float64), atol=2e-4)
    # of 20,000: a standard deviation is known to 0.5 %, a correlation to 0.7 %; 4.5 of each
    torch.testing.assert_close(along.std(0), 0.1 * values, rtol=0.0225, atol=0)
    others = torch.corrcoef(along.T) - torch.eye(3, dtype=torch.float64)
    assert others.abs().max() < 0.032
    assert (along.mean(0) / (0.1 * values)).abs().max() < 0.032
    within = (along.abs() < 1.96 * 0.1 * values).double().mean(0)
    assert within.sub(0.95).abs().max() < 0.007  # of the normal distribution; 4.5 of 0.00154


def test_colours_do_not_change_which_part_is_seen(train):
    plain = Augmentation(crop=Crop.SCALE, crop_size=28, short_side=(32, 60))
    lit = Augmentation(crop=Crop.SCALE, crop_size=28, short_side=(32, 60), colour=True)
    difference = shown(train, lit, [ALL])[0][0] - shown(train, plain, [ALL])[0][0]
    spread = difference.flatten(2).std(2)
    assert spread.max() < 1e-5  # one number per image and channel
    assert difference.flatten(2).mean(2).abs().min() > 0


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_does_not_decode_ends_the_epoch_in_one_sentence(
    photographs, tmp_path, workers, content
):
    data = load(f"imagenet:{photographs}", split="train")
    bad = tmp_path / "bad.JPEG"
    bad.write_bytes(content)
    names = data.files.names.copy().astype("S300")
    names[7] = os.fsencode(os.path.relpath(bad, data.files.root))
    data = type(data)(**{**vars(data), "files": type(data.files)(data.files.root, names)})
    batches = data.feed(IMAGENET, RESIZED, workers=workers).batches(ALL.split(3), seed=0, epoch=1)
    assert len([next(batches), next(batches)]) == 2
    with pytest.raises(InputError, match=r"bad\.JPEG: does not decode as an image") as error:
        next(batches)
    assert "\n" not in str(error.value)
    assert "Traceback" not in str(error.value)
    assert no_workers_left()


def test_16_bits_are_refused_within_a_worker_too(photographs, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        pixels = np.full((40, 50), 3000, dtype=np.uint16)
        Image.fromarray(pixels).save(tmp_path / "train" / name / "0.png")
    data = load(f"imagenet:{tmp_path}", split="train")
    with pytest.raises(InputError, match=r"a/0.png: pixels of mode I;16"):
        shown(data, RESIZED, [torch.arange(2)], workers=1)


def test_workers_end_when_the_iterator_is_closed(train):
    feed = train.feed(IMAGENET, RESIZED, workers=2)
    batches = feed.batches(ALL.split(1), seed=0, epoch=1)
    next(batches)
    assert len(multiprocessing.active_children()) == 2
    batches.close()
    assert no_workers_left()


def test_workers_end_when_an_exception_passes(train):
    def fail():
        for _ in train.feed(IMAGENET, RESIZED, workers=2).batches(ALL.split(1), seed=0, epoch=1):
            assert multiprocessing.active_children()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert no_workers_left()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signals here")
def test_a_worker_that_is_killed_ends_the_epoch_with_advice(train):
    feed = train.feed(IMAGENET, RESIZED, workers=2)
    batches = feed.batches(ALL.repeat(40).split(1), seed=0, epoch=1)
    next(batches)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ResprobeError, match=r"a worker process .* use fewer with --workers"):
        list(batches)
    assert no_workers_left()


def test_a_feed_moves_no_global_state_and_keeps_the_signal_handlers(train, monkeypatch):
    once = "torch.utils.data._utils.signal_handling._SIGCHLD_handler_set"
    monkeypatch.setattr(once, False)  # as in a process that has had no workers yet
    state, handler = torch.get_rng_state(), signal.getsignal(signal.SIGCHLD)
    for workers in (0, 1):
        shown(train, RESIZED, ALL.split(5), workers=workers)
        assert torch.equal(torch.get_rng_state(), state)
        assert signal.getsignal(signal.SIGCHLD) == handler


def test_a_feed_works_in_a_thread_that_may_set_no_signals(train):
    found = []
    thread = threading.Thread(
        target=lambda: found.extend(shown(train, RESIZED, ALL.split(5), workers=1))
    )
    thread.start()
    thread.join()
    assert len(found) == 3


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"augmentation": Augmentation()}, UsageError, "crop=pad is for images of one size"),
        ({"workers": -1}, UsageError, "-1 workers were asked for"),
        ({"normalisation": Normalisation((0.5,), (0.5,))}, InputError, r"3 channel\(s\)"),
    ],
)
def test_what_cannot_be_fed_is_refused_before_any_batch(train, given, error, message):
    wanted = {"normalisation": IMAGENET, "augmentation": RESIZED, "workers": 0, **given}
    with pytest.raises(error, match=message):
        train.feed(wanted.pop("normalisation"), wanted.pop("augmentation"), **wanted)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu_are_those_of_the_cpu(train):
    lit = Augmentation(crop=Crop.SCALE, crop_size=28, short_side=(32, 60), colour=True)
    here = shown(train, lit, ALL.split(4), workers=1)
    there = shown(train.to("cuda"), lit, ALL.split(4), workers=1)
    for (x, y), (on_gpu, labels) in zip(here, there, strict=True):
        assert on_gpu.device.type == "cuda"
        torch.testing.assert_close(on_gpu.cpu(), x)
        assert torch.equal(labels.cpu(), y)


@pytest.fixture(scope="module")
def cifar(reference, tmp_path_factory):
    """The first 20 test images of each class of the CIFAR-10 JPEG copies, unpacked."""
    return unpack(
        reference / "data" / "cifar10-jpeg.tar.xz",
        tmp_path_factory.mktemp("cifar10-jpeg"),
        lambda name: "/00" in name and int(name[-8:-4]) < 20,
    )


@pytest.mark.real
def test_real_photographs_are_those_that_are_read_into_memory(cifar):
    in_memory, on_disk = load(f"folder:{cifar}"), load(f"imagenet:{cifar}")
    assert len(in_memory) == len(on_disk) == 200
    assert torch.equal(in_memory.labels, on_disk.labels)
    # 28 of 32 pixels is 224 of 256: nothing is resized
    assert torch.equal(on_disk.sized(28).pixels(slice(200)), in_memory.images[:, :, 2:30, 2:30])
    whole = Augmentation(crop=Crop.SCALE, crop_size=32, short_side=(32, 32))
    ((x, y),) = shown(on_disk, whole, [torch.arange(200)], workers=2)
    plain = IMAGENET.apply(in_memory.images)
    mirrored = torch.tensor([not torch.equal(a, b) for a, b in zip(x, plain, strict=True)])
    assert torch.equal(x[mirrored], plain[mirrored].flip(3))
    assert torch.equal(y, in_memory.labels)
    assert 68 < int(mirrored.sum()) < 132  # 4.5 standard deviations of 7.07 around 100
