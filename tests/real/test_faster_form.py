"""The faster form of trained networks answers as they do, on real images."""

import tarfile

import pytest
import torch

from resprobe.chain import for_inference, intact, left_as_found, run, single_deletions, unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("name", "norms"), [("resnet20", 19), ("resnet32", 31)])
def test_every_lesion_gives_the_same_answers(reference, tmp_path, name, norms):
    with tarfile.open(reference / "data" / "cifar10-jpeg.tar.xz") as archive:
        members = [m for m in archive if m.name.startswith("test/")]
        archive.extractall(tmp_path, members[:: len(members) // 400], filter="data")
    checkpoint = load(next((reference / "weights").glob(f"{name}-*.th")))
    data = Batches(
        load_data(f"folder:{tmp_path}", split="test").subset(256), checkpoint.normalisation
    )
    chain = unravel(checkpoint.model, data.example())
    fast = for_inference(chain, data.example())
    assert (fast.folded, fast.note) == (norms, "")
    programs = [intact(chain), *single_deletions(chain).values()]
    with left_as_found(chain, training=False), torch.inference_mode():
        for x, _ in data:
            expected, found = (dict(run(c, programs, x)) for c in (chain, fast.chain))
            for number, logits in expected.items():
                # rounding moves them by up to 1.2e-6 of the largest
                bound = 5e-6 * float(logits.abs().max())
                torch.testing.assert_close(found[number], logits, rtol=0, atol=bound)
                assert torch.equal(found[number].argmax(1), logits.argmax(1))
