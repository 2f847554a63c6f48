import pytest
import torch

from resprobe.datasets import Augmentation, Crop, ImageSet, Normalisation, augment
from resprobe.errors import InputError, UsageError

NORM = Normalisation((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def colourful(n=12):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, 8, 6), generator=generator).to(torch.uint8)
    return ImageSet(images, torch.arange(n) % 3, ("a", "b", "c"), "colourful", "train")


@pytest.mark.parametrize(("pad", "flip"), [(4, True), (0, True), (2, False), (0, False)])
def test_a_feed_gives_the_chosen_images_normalised_and_augmented_by_index(pad, flip):
    data = colourful()
    feed = data.feed(NORM, Augmentation(pad=pad, flip=flip))
    chosen = [torch.tensor([3, 1, 7]), torch.tensor([0]), torch.tensor([11, 3])]
    found = list(feed.batches(chosen, seed=5, epoch=2))
    assert len(feed) == 12
    assert len(found) == 3
    for (x, y), indices in zip(found, chosen, strict=True):
        plain = NORM.apply(data.images[indices])
        wanted = augment(plain, seed=5, epoch=2, indices=indices, pad=pad, flip=flip)
        assert torch.equal(x, wanted)
        assert torch.equal(y, data.labels[indices])
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_an_image_looks_the_same_in_every_batch_and_another_epoch_shows_another_crop():
    feed = colourful().feed(NORM, Augmentation())
    everything = torch.arange(12)

    def shown(chosen, epoch):
        return torch.cat([x for x, _ in feed.batches(chosen, seed=1, epoch=epoch)])

    together = shown([everything], 3)
    assert torch.equal(shown(everything.split(5), 3), together)
    assert torch.equal(shown([everything.flip(0)], 3).flip(0), together)
    assert not torch.equal(shown([everything], 4), together)


def test_a_feed_leaves_the_images_and_the_global_state_alone():
    data = colourful()
    before, state = data.images.clone(), torch.get_rng_state()
    list(data.feed(NORM, Augmentation()).batches([torch.arange(12)], seed=0, epoch=1))
    assert torch.equal(data.images, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": Crop.SCALE}, "crop=scale and colour are for photographs"),
        ({"crop": Crop.RESIZED}, "colourful has 8x6 images in memory, so choose crop=pad"),
        ({"colour": True}, "and colour=false"),
    ],
)
def test_what_is_done_to_photographs_is_refused_for_images_in_memory(changes, message):
    with pytest.raises(UsageError, match=message):
        colourful().feed(NORM, Augmentation(**changes))


def test_a_normalisation_for_other_channels_is_refused_before_any_batch():
    with pytest.raises(InputError, match=r"3 channel\(s\)"):
        colourful().feed(Normalisation((0.5,), (0.5,)), Augmentation())
