"""The faster form of trained networks answers as they do, on real images."""

import pytest
import torch

from resprobe.chain import for_inference, intact, left_as_found, run, single_deletions

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("name", "norms"),
    [("resnet20", 19), pytest.param("resnet32", 31, marks=pytest.mark.long)],
)
def test_every_lesion_gives_the_same_answers(subject, name, norms):
    chain, data = subject(name, 64)
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
