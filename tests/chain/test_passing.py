"""A pass that is looked at is the chain's own."""

import torch
from nets import AkamasterNet, ScaleBlock, random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import Link, PlainBlock, ResidualBlock, pass_through, unravel
from resprobe.networks import Architecture


class Linked(nn.Module):
    """Two blocks with a convolution between them that belongs to none."""

    def __init__(self):
        super().__init__()
        self.first, self.second = ScaleBlock(0.5), ScaleBlock(-0.5)
        self.between, self.fc = nn.Conv2d(3, 4, 3, 2), nn.Linear(4, 10)

    def forward(self, x):
        return self.fc(self.second(self.between(self.first(x))).mean((2, 3)))


def seen_in(model):
    x = next(iter(random_batches(3)))[0]
    chain, seen = unravel(model.eval(), x), []
    logits = pass_through(chain, x, seen.append)
    assert torch.equal(logits, chain(x))
    return chain, x, seen


def test_every_step_is_shown_once_with_its_place_among_the_blocks():
    chain, _, seen = seen_in(Linked())
    assert [passed.step for passed in seen] == list(chain.steps)
    blocks = [passed for passed in seen if not isinstance(passed.step, Link)]
    assert [passed.number for passed in blocks] == list(range(len(chain.blocks)))
    links = [passed for passed in seen if isinstance(passed.step, Link)]
    assert [step.name for step in chain.steps] == ["first", "between", "second"]
    assert len(links) == 1
    assert all(passed.number is None and passed.total is None for passed in links)


def test_what_is_shown_hangs_together():
    chain, x, seen = seen_in(with_lively_statistics(AkamasterNet()))
    assert torch.equal(seen[0].start, chain.stem(x))
    for before, passed in zip([None, *seen], seen, strict=False):
        assert before is None or passed.start is before.end
        assert isinstance(passed.step, ResidualBlock)
        assert torch.equal(passed.branch, passed.step.branch(passed.start))
        assert torch.equal(passed.shortcut, passed.step.shortcut(passed.start))
        assert torch.equal(passed.total, passed.branch + passed.shortcut)
        assert torch.equal(passed.end, passed.step.after(passed.total))


def test_plain_blocks_have_an_input_and_an_output_alone():
    _, _, seen = seen_in(Architecture("plain8", width=4).build())
    assert all(isinstance(passed.step, PlainBlock) for passed in seen)
    assert all(passed.shortcut is passed.branch is passed.total is None for passed in seen)
