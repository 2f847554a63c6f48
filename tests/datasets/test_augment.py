import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2
from torch.nn import functional

from resprobe.datasets import augment
from resprobe.datasets.augment import draws
from resprobe.datasets.splitmix import _mixed, _signed, _splitmix
from resprobe.errors import UsageError

MASK = 2**64 - 1


def splitmix64(state):
    """SplitMix64's next output, as its authors write it, in Python's integers."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def mix(state):
    return splitmix64((state - 0x9E3779B97F4A7C15) & MASK)


def noise(count=6, channels=3, height=8, width=10, seed=0):
    return torch.randn(
        count, channels, height, width, generator=torch.Generator().manual_seed(seed)
    )


def chi_square_is_plausible(counts):
    """Whether the counts could come from equal chances (1 in a million would not)."""
    wanted = counts.sum() / len(counts)
    statistic = ((counts - wanted) ** 2 / wanted).sum().item()
    return statistic < chi2.isf(1e-6, len(counts) - 1)


def test_the_tensor_hash_is_the_published_generator():
    # the first outputs for the state 1234567 that Java's and Vigna's programs print
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    states = [1234567 + step * 0x9E3779B97F4A7C15 for step in (1, 2, 3)]
    out = _splitmix(torch.tensor([_signed(state) for state in states]))
    assert [value % 2**64 for value in out.tolist()] == published
    assert [_mixed(state) for state in states] == published


@given(st.integers(0, MASK))
def test_tensors_wrap_as_integers_modulo_2_to_the_64(state):
    assert _splitmix(torch.tensor([_signed(state)])).item() % 2**64 == mix(state)


@given(
    st.integers(-(2**40), 2**70), st.integers(0, 10_000), st.integers(0, 2**40), st.integers(0, 8)
)
def test_draws_are_those_of_the_definition(seed, epoch, index, pad):
    state = mix((mix((mix(seed & MASK) + epoch) & MASK) + index) & MASK)
    first, second = splitmix64(state), splitmix64((state + 0x9E3779B97F4A7C15) & MASK)
    down, right, mirror = draws(seed=seed, epoch=epoch, indices=torch.tensor([index]), pad=pad)
    span = 2 * pad + 1
    assert down.item() == ((first >> 32) * span) >> 32
    assert right.item() == ((first & 0xFFFFFFFF) * span) >> 32
    assert mirror.item() == (second >= 2**63)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("pad", [0, 1, 4])
def test_every_image_is_exactly_its_crop_of_the_padded_image(pad, flip):
    images, indices = noise(40), torch.arange(100, 140)
    out = augment(images, seed=3, epoch=5, indices=indices, pad=pad, flip=flip)
    down, right, mirror = draws(seed=3, epoch=5, indices=indices, pad=pad)
    for number, image in enumerate(images):
        top, left = down[number], right[number]
        crop = functional.pad(image, (pad,) * 4)[:, top : top + 8, left : left + 10]
        wanted = crop.flip(2) if flip and mirror[number] else crop
        assert torch.equal(out[number], wanted)


def test_the_border_is_the_mean_pixel():
    out = augment(torch.ones(200, 1, 8, 8), seed=0, epoch=0, indices=torch.arange(200))
    assert set(out.unique().tolist()) == {0.0, 1.0}


@given(st.permutations(range(12)), st.integers(1, 12), st.integers(0, 9), st.integers(0, 9))
def test_an_image_is_treated_alike_in_any_batch_and_order(order, cut, seed, epoch):
    images, indices = noise(12), torch.arange(12) * 7
    whole = augment(images, seed=seed, epoch=epoch, indices=indices)
    order = torch.tensor(order)
    parts = [
        augment(images[part], seed=seed, epoch=epoch, indices=indices[part])
        for part in order.split(cut)
    ]
    assert torch.equal(torch.cat(parts), whole[order])


def test_epochs_seeds_and_images_draw_differently():
    indices = torch.arange(1000)
    base = draws(seed=0, epoch=0, indices=indices, pad=4)
    others = [
        draws(seed=0, epoch=1, indices=indices, pad=4),
        draws(seed=1, epoch=0, indices=indices, pad=4),
        draws(seed=0, epoch=0, indices=indices + 1, pad=4),
    ]
    for other in others:
        for first, second, chance in zip(base, other, (1 / 9, 1 / 9, 1 / 2), strict=True):
            same = (first == second).double().mean().item()
            assert same == pytest.approx(chance, abs=5 * (chance * (1 - chance) / 1000) ** 0.5)


def test_neighbouring_epochs_are_not_the_same_draws_moved_by_one_image():
    indices = torch.arange(1000)
    down, _, _ = draws(seed=0, epoch=0, indices=indices, pad=4)
    after, _, _ = draws(seed=0, epoch=1, indices=indices, pad=4)
    for shift in (-2, -1, 1, 2):
        assert (down == after.roll(shift)).double().mean() < 0.2


@pytest.mark.parametrize("pad", [1, 4])
def test_offsets_and_flips_are_uniform_and_independent(pad):
    span = 2 * pad + 1
    down, right, mirror = draws(seed=0, epoch=0, indices=torch.arange(50_000), pad=pad)
    cells = (down * span + right) * 2 + mirror
    counts = torch.bincount(cells, minlength=2 * span * span).double()
    assert len(counts) == 2 * span * span
    assert chi_square_is_plausible(counts)


def test_one_image_over_many_epochs_is_uniform_too():
    index = torch.tensor([17])
    drawn = [draws(seed=0, epoch=epoch, indices=index, pad=4) for epoch in range(5000)]
    places = torch.stack([down * 9 + right for down, right, _ in drawn]).flatten()
    assert chi_square_is_plausible(torch.bincount(places, minlength=81).double())
    assert chi_square_is_plausible(
        torch.bincount(torch.cat([m for *_, m in drawn]).long()).double()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_the_type_is_kept_and_the_images_are_left_as_they_are(dtype):
    images = noise().to(dtype)
    before = images.clone()
    out = augment(images, seed=0, epoch=0, indices=torch.arange(6))
    assert out.dtype == dtype
    assert out.shape == images.shape
    assert torch.equal(images, before)


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    augment(noise(), seed=0, epoch=0, indices=torch.arange(6))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_the_same():
    images, indices = noise(50), torch.arange(50)
    here = augment(images, seed=1, epoch=2, indices=indices)
    there = augment(images.cuda(), seed=1, epoch=2, indices=indices.cuda())
    assert torch.equal(there.cpu(), here)


@pytest.mark.parametrize(
    "change", [{"pad": -1}, {"indices": torch.arange(5)}, {"indices": torch.tensor(0)}]
)
def test_a_negative_pad_or_missing_indices_are_a_usage_error(change):
    with pytest.raises(UsageError, match="pad of at least 0 and one index per image"):
        augment(noise(), **({"seed": 0, "epoch": 0, "indices": torch.arange(6)} | change))
