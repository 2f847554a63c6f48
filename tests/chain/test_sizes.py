"""Sizes that follow the batch, and sizes that stay."""

import pytest
import torch
import torch.nn.functional as F
from chain.custom import IMAGES, SUMS, Custom

from resprobe.chain import unravel
from resprobe.errors import ChainError


@pytest.mark.parametrize("measure", ["size", "shape", "unpacked"])
def test_a_batch_size_taken_at_the_start_and_used_at_the_end_hides_no_block(measure):
    class Early(Custom):
        def forward(self, x):
            if measure == "size":
                n = x.size(0)
            elif measure == "shape":
                n = x.shape[0]
            else:
                n, _, _, _ = x.shape
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.fc(x.mean((2, 3)).view(n, -1))

    model = Early(SUMS["x + f"], blocks=3).eval()
    chain = unravel(model, IMAGES)
    assert len(chain.blocks) == 3
    with torch.no_grad():
        other = torch.randn(5, 3, 32, 32)
        torch.testing.assert_close(chain(other), model(other))


def test_sizes_taken_at_the_start_and_used_in_the_middle_hide_no_block():
    class Resized(Custom):
        def forward(self, x):
            high, wide = x.shape[2:]
            x = F.avg_pool2d(self.stem(x), 2)
            for block in self.blocks:
                x = block(x)
            x = F.interpolate(x, size=(high, wide))
            for block in self.blocks:
                x = block(x)
            return self.fc(x.mean((2, 3)))

    model = Resized(SUMS["x + f"], blocks=2).eval()
    chain = unravel(model, IMAGES)
    assert len(chain.blocks) == 4
    with torch.no_grad():
        other = torch.randn(5, 3, 32, 32)
        torch.testing.assert_close(chain(other), model(other))


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.logits(x) * (x.shape[0] + 1),
        lambda m, x: m.logits(x).repeat(2, 1)[: x.size(0) * 2 : 2],
    ],
    ids=["a factor", "twice the batch"],
)
def test_what_follows_the_batch_size_is_right_for_every_batch(forward):
    class Sized(Custom):
        def logits(self, x):
            return super().forward(x)

        def forward(self, x):
            return forward(self, x)

    model = Sized(SUMS["x + f"], blocks=2).eval()
    chain = unravel(model, IMAGES)
    for n in (1, 2, 7):
        with torch.no_grad():
            other = torch.randn(n, 3, 32, 32)
            torch.testing.assert_close(chain(other), model(other))


def test_a_batch_size_written_down_as_a_number_is_refused():
    class Fixed(Custom):
        def forward(self, x):
            x = self.blocks[0](self.stem(x))
            return self.fc(x.mean((2, 3)).view(3, -1))

    with pytest.raises(ChainError, match="does not run on 4 images like the example"):
        unravel(Fixed(SUMS["x + f"]), IMAGES)


def test_shapes_given_by_keyword_are_read():
    def forward(m, x):
        h = x + m.f(x)
        h = h + m.gain.view(1, -1, 1, 1).expand_as(other=h)
        return h + torch.zeros_like(input=h)

    assert len(unravel(Custom(forward, blocks=2), IMAGES).blocks) == 2


def test_a_number_that_is_counted_up_is_another_number():
    class Counting(Custom):
        def forward(self, x):
            wide = x.shape[-1]
            wider = wide
            wider += 2
            x = F.interpolate(self.blocks[0](self.stem(x)), size=(wider, wider))
            return self.fc(self.blocks[1](x).mean((2, 3)) * wide)

    model = Counting(SUMS["x + f"], blocks=2).eval()
    chain = unravel(model, IMAGES)
    assert [block.out_shape for block in chain.blocks] == [(4, 32, 32), (4, 34, 34)]
    with torch.no_grad():
        torch.testing.assert_close(chain(IMAGES), model(IMAGES))
