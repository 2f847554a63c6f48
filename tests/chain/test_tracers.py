"""Both tracers give the same chain; the second goes where the first cannot."""

import copy

import pytest
import torch
import torch.nn.functional as F
from nets import AkamasterNet, TorchvisionNet, with_lively_statistics
from torch import nn

from resprobe.chain import left_as_found, unravel, use_batch_statistics
from resprobe.chain.discover import _unravel
from resprobe.chain.tracers import trace_by_export, trace_by_fx
from resprobe.errors import ChainError

IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


class Block(nn.Module):
    """A residual block of four channels whose forward a test writes."""

    def __init__(self, forward):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.norm, self.relu = nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.body = forward

    def forward(self, x):
        return self.body(self, x)


class Net(nn.Module):
    def __init__(self, forward, blocks=3):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.blocks = nn.ModuleList(Block(forward) for _ in range(blocks))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))


def branch(m, x):
    return m.conv2(m.relu(m.norm(m.conv1(x))))


def by_each_tracer(model):
    with left_as_found(model, training=False):
        return [chain_by(tracer, model) for tracer in (trace_by_fx, trace_by_export)]


def chain_by(tracer, model):
    with torch.no_grad():
        expected = model(IMAGES)
    return _unravel(tracer, model, IMAGES, expected)


SUMS = {
    "x + f": lambda m, x: x + branch(m, x),
    "in place": lambda m, x: branch(m, x).add_(x),
    "sum of a list": lambda m, x: sum([x, branch(m, x)]),
    "stacked": lambda m, x: torch.stack([x, branch(m, x)]).sum(0),
    "minus minus": lambda m, x: x - (-branch(m, x)),
    "subtracted from": lambda m, x: torch.rsub(-branch(m, x), x),
    "subtracted from, scaled": lambda m, x: torch.rsub(branch(m, x), x, alpha=0.5),
    "scaled": lambda m, x: torch.add(x, branch(m, x), alpha=0.1),
    "interpolated": lambda m, x: torch.lerp(x, branch(m, x), 0.25),
    "padded inline": lambda m, x: branch(m, x) + F.pad(x[:, :2], (0, 0, 0, 0, 1, 1)),
    "multiplied and added": lambda m, x: torch.addcmul(
        x, m.norm.weight.view(-1, 1, 1), branch(m, x)
    ),
    "activated after": lambda m, x: m.relu(x + branch(m, x)),
}


@pytest.mark.parametrize("style", SUMS)
def test_both_tracers_find_the_same_blocks_with_the_same_parts(style):
    model = with_lively_statistics(Net(SUMS[style])).eval()
    first, second = by_each_tracer(model)
    assert [b.name for b in first.blocks] == [b.name for b in second.blocks]
    assert [b.name for b in first.blocks] == ["blocks.0", "blocks.1", "blocks.2"]
    x = torch.randn(5, 4, 8, 8)
    with torch.no_grad():
        for one, other in zip(first.blocks, second.blocks, strict=True):
            torch.testing.assert_close(one.shortcut(x), other.shortcut(x))
            torch.testing.assert_close(one.branch(x), other.branch(x))
            assert type(one.after) is type(other.after)


@pytest.mark.parametrize("make", [AkamasterNet, TorchvisionNet])
def test_both_tracers_share_the_parameters_and_keep_batch_norm_a_module(make):
    model = with_lively_statistics(make()).eval()
    for chain in by_each_tracer(model):
        norms = {id(m) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
        kept = {id(m) for m in chain.modules() if isinstance(m, nn.BatchNorm2d)}
        assert kept == norms
        assert {id(p) for p in chain.parameters()} == {id(p) for p in model.parameters()}


def test_an_interpolation_is_a_sum_of_scaled_paths():
    block = unravel(Net(SUMS["interpolated"]), IMAGES).blocks[0]
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(block.shortcut(x), 0.75 * x)


BY_EXPORT_ONLY = {
    "a branch on a shape": lambda m, x: (
        x + branch(m, x) if x.shape[2] > 4 else x[:, :1] * branch(m, x)
    ),
    "a loop over a length": lambda m, x: x + torch.cat([branch(m, x[:, :4]) for _ in x[0, :1]], 1),
    "a write into a view": lambda m, x: x + zeroed_in_part(branch(m, x)),
    "a clamp through a view": lambda m, x: x + clamped_through_a_view(branch(m, x)),
    "an argument that is unpacked": lambda m, x: x + branch(m, *[x]) * max(x.shape[2:]) / 16,
}


def zeroed_in_part(h):
    h[:, 0] = 0
    return h


def clamped_through_a_view(h):
    h.flatten(1).clamp_(max=0.1)
    return h


@pytest.mark.parametrize("style", BY_EXPORT_ONLY)
def test_what_torch_fx_cannot_trace_is_exported(style):
    model = with_lively_statistics(Net(BY_EXPORT_ONLY[style])).eval()
    with pytest.raises(ChainError), left_as_found(model, training=False):
        chain_by(trace_by_fx, model)
    chain = unravel(model, IMAGES)
    assert [block.name for block in chain.blocks] == ["blocks.0", "blocks.1", "blocks.2"]
    x, many = model.stem(IMAGES), torch.randn(7, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(chain.blocks[0].shortcut(x), x)
        torch.testing.assert_close(chain(many), model(many))


def test_where_both_tracers_fail_both_reasons_are_said_and_nothing_else(capfd):
    model = Net(lambda m, x: x + branch(m, x) if x.sum() > 0 else x)
    reasons = (
        r"Net cannot be traced \(symbolically traced .*; its forward must not branch on values; "
        r"by torch.export: Net cannot be exported \(.*data-dependent"
    )
    with pytest.raises(ChainError, match=reasons):
        unravel(model, IMAGES)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrap", [nn.DataParallel, nn.Sequential])
def test_a_wrapped_module_inside_a_model_is_looked_into(wrap):
    model = AkamasterNet().eval()
    model.layer1[1] = wrap(model.layer1[1])
    assert len(unravel(model, IMAGES).blocks) == 6


def test_torchs_own_transformer_layers_are_two_blocks_each():
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 8, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.fc = nn.Linear(8, 5)

        def forward(self, x):
            return self.fc(self.encoder(self.patches(x).flatten(2).mT).mean(1))

    model = Small().eval().requires_grad_(False)
    chain = unravel(model, IMAGES)
    assert [b.name for b in chain.blocks[:2]] == [
        "encoder.layers.0.self_attn",
        "encoder.layers.0.linear1",
    ]
    assert len(chain.blocks) == 4
    assert not any(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(chain(IMAGES), model(IMAGES))


def test_a_sum_through_a_view_is_found_also_where_the_answer_does_not_show_it():
    def forward(m, x):
        view = x.flatten(2)
        view += m.conv1(x).flatten(2)
        return x

    model = Net(forward).eval()
    with torch.no_grad():
        model.fc.weight.zero_()  # as some libraries begin
    assert len(unravel(model, IMAGES).blocks) == 3
    with pytest.raises(ChainError, match="changes in place what 'stem' shares its memory with"):
        chain_by(trace_by_fx, model)


def test_an_exported_view_does_not_depend_on_how_a_tensor_is_laid_out():
    class ChannelsLast(Net):
        def forward(self, x):
            x = self.stem(x).contiguous(memory_format=torch.channels_last)
            return self.fc(self.blocks[0](x).mean((2, 3)))

    def forward(m, x):
        if x.shape[2] < 4:
            return x
        rows = x.permute(0, 2, 3, 1).view(x.shape[0], -1).unflatten(1, (-1, 4))
        return x + m.conv1(rows.mT.reshape(x.shape))

    (block,) = unravel(ChannelsLast(forward).eval(), IMAGES).blocks
    x = torch.randn(2, 4, 16, 16)
    with torch.no_grad():
        other = x.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(block(x), block(other))


def test_windows_that_multiply_the_batch_hide_no_block():
    def attend(m, x):
        n, c, h, w = x.shape
        windows = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 1, 3, 5)
        windows = branch(m, windows.reshape(-1, c, 4, 4))
        windows = windows.view(n, windows.shape[0] // n, c, 16).view(n, h // 4, w // 4, c, 4, 4)
        return x + windows.permute(0, 3, 1, 4, 2, 5).reshape(n, c, h, w)

    model = with_lively_statistics(Net(attend)).eval()
    for chain in by_each_tracer(model):
        assert len(chain.blocks) == 3
        many = torch.randn(9, 3, 16, 16)
        with torch.no_grad():
            torch.testing.assert_close(chain(many), model(many))


def test_a_device_is_asked_of_the_tensor_at_hand():
    class Positioned(Net):
        def forward(self, x):
            device, wide = x.device, x.shape[-1]
            x = self.stem(x)
            for block in self.blocks:
                x = block(x) + torch.arange(wide, device=device) / wide
            return self.fc(x.mean((2, 3)))

    model = Positioned(SUMS["x + f"]).eval()
    chain = unravel(model, IMAGES)
    assert len(chain.blocks) == 3
    with torch.no_grad():
        torch.testing.assert_close(chain(IMAGES), model(IMAGES))
    assert chain.to("meta")(IMAGES.to("meta")).device.type == "meta"


def test_blocks_may_run_on_more_tensors_than_images():
    class Halves(Net):
        def forward(self, x):
            n, _, high, wide = x.shape
            x = self.stem(x).unflatten(2, (2, high // 2)).transpose(1, 2).flatten(0, 1)
            for block in self.blocks:
                x = block(x)
            x = x.view(n, 2, -1, high // 2, wide) / (n + 3)
            return self.fc(x.mean((1, 3, 4)))

    model = Halves(SUMS["x + f"]).eval()
    for chain in by_each_tracer(model):
        assert len(chain.blocks) == 3
        for n in (1, 5):
            images = torch.randn(n, 3, 16, 16)
            with torch.no_grad():
                torch.testing.assert_close(chain(images), model(images))


def test_a_number_of_images_that_no_tensor_at_hand_tells_is_refused():
    class Longer(Net):
        def forward(self, x):
            n = x.shape[0]
            x = torch.cat([x, x[:1]])  # one row more than images
            return super().forward(x)[:n]

    with pytest.raises(ChainError, match="follows the batch size, which cannot be read off"):
        unravel(Longer(SUMS["x + f"]), IMAGES)


LAYERS_OF_ANOTHER_KIND = {
    "two inputs": (nn.Bilinear(4, 4, 4), lambda m, x: m.layer(x.mT, x.mT).mT),
    "a state beside the output": (
        nn.GRU(4, 4, batch_first=True),
        lambda m, x: m.layer(x.mT)[0].mT,
    ),
    "attention": (
        nn.MultiheadAttention(4, 2, batch_first=True),
        lambda m, x: m.layer(x.mT, x.mT, x.mT)[0].mT,
    ),
}


LONG = "a state beside the output"  # torch.export writes 256 steps of it out: a minute


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=pytest.mark.long if k == LONG else ()) for k in LAYERS_OF_ANOTHER_KIND],
)
def test_layers_that_are_no_function_of_one_tensor_are_branches_too(kind):
    layer, call = LAYERS_OF_ANOTHER_KIND[kind]
    model = Net(lambda m, x: x + call(m, x.flatten(2)).unflatten(2, x.shape[2:]))
    for block in model.blocks:
        block.layer = copy.deepcopy(layer)
    model.eval()
    for chain in by_each_tracer(model):
        assert [block.name for block in chain.blocks] == ["blocks.0", "blocks.1", "blocks.2"]
        with torch.no_grad():
            torch.testing.assert_close(chain(IMAGES), model(IMAGES))


def test_what_torch_logs_of_its_own_is_not_shown(capfd):
    def forward(m, x):
        if x.shape[1] == 4 and torch.compiler.is_exporting():
            return x.mean((2, 3)) @ torch.ones(3, 3)  # torch logs a page about this
        return x + m.conv1(x)

    with pytest.raises(ChainError, match=r"cannot be traced .*; by torch.export: Net cannot be"):
        unravel(Net(forward), IMAGES)
    assert capfd.readouterr() == ("", "")


BY_THE_NUMBER_OF_IMAGES = {
    "squared": lambda x: x * (x.shape[0] * x.shape[0]),
    "more than so many": lambda x: x * 2 if x.shape[0] > 16 else x,
    "one alone": lambda x: x * 2 if len(x) == 1 else x,
    "in steps of eight": lambda x: x * (1 + x.shape[0] // 8),
    "at most four": lambda x: x - x.view(min(x.shape[0], 4), -1).mean(),
    "in parts of eight": lambda x: torch.cat([part * 2 for part in x.split(8)]),
}


@pytest.mark.parametrize("what", BY_THE_NUMBER_OF_IMAGES)
def test_what_a_model_does_with_few_images_alone_is_refused_or_right(what):
    class Counting(Net):
        def forward(self, x):
            return super().forward(BY_THE_NUMBER_OF_IMAGES[what](x))

    model = Counting(SUMS["x + f"]).eval()
    reason = "in no straight line|one thing for few images and another for many|cannot be exported"
    with pytest.raises(ChainError, match=reason):
        unravel(model, IMAGES)


def test_nothing_of_a_tracers_is_left_on_the_model():
    class Constant(Net):
        def forward(self, x):
            return super().forward(x * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1))

    model = Constant(SUMS["x + f"]).eval()
    before, keys = set(vars(model)), list(model.state_dict())
    chain = unravel(model, IMAGES)
    assert set(vars(model)) == before
    assert list(model.state_dict()) == keys
    with torch.no_grad():
        assert torch.equal(chain(IMAGES), model(IMAGES))
    model = Constant(lambda m, x: x + m.conv1(x) if x.sum() > 0 else x)
    before = set(vars(model))
    with pytest.raises(ChainError):
        unravel(model, IMAGES)
    assert set(vars(model)) == before


def test_a_batch_norm_with_its_activation_inside_keeps_its_two_modes():
    class NormAct(nn.BatchNorm2d):
        def forward(self, x):
            return F.relu(super().forward(x))

    model = with_lively_statistics(Net(lambda m, x: x + m.conv2(m.act(m.conv1(x)))))
    for block in model.blocks:
        block.act = NormAct(4)
    model.eval()
    twin = copy.deepcopy(model).train()
    chain = unravel(model, IMAGES)
    with left_as_found(chain, training=False), torch.no_grad():
        use_batch_statistics(chain)
        torch.testing.assert_close(chain(IMAGES), twin(IMAGES))
    assert not torch.allclose(chain(IMAGES), twin(IMAGES))


class SquashingNorm(nn.BatchNorm2d):
    """BatchNorm with an activation module of its own, as some libraries have it."""

    def __init__(self, channels):
        super().__init__(channels)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(super().forward(x))


class SummingNorm(nn.BatchNorm2d):
    def forward(self, x, z):
        return F.relu(super().forward(x) + z)


@pytest.mark.parametrize(
    ("layer", "forward"),
    [
        (SquashingNorm(4), lambda m, x: x + m.conv2(m.layer(m.conv1(x)))),
        (SummingNorm(4), lambda m, x: m.layer(m.conv1(x), x)),
    ],
)
def test_batch_norms_of_other_classes_are_one_layer_or_looked_into(layer, forward):
    model = Net(forward)
    for block in model.blocks:
        block.layer = copy.deepcopy(layer)
    model = with_lively_statistics(model).eval()
    with torch.no_grad():
        expected = model(IMAGES)
    # a norm of two inputs looks at their sizes, which torch.fx cannot follow
    tracers = (trace_by_fx, trace_by_export) if isinstance(layer, SquashingNorm) else ()
    for tracer in tracers:
        _unravel(tracer, model, IMAGES, expected)
    chain = unravel(model, IMAGES)
    assert [b.name for b in chain.blocks] == ["blocks.0", "blocks.1", "blocks.2"]
    with torch.no_grad():
        torch.testing.assert_close(chain(IMAGES), expected)


def test_a_batch_norm_called_as_a_function_has_no_second_mode():
    def forward(m, x):
        norm = m.norm
        h = F.batch_norm(m.conv1(x), norm.running_mean, norm.running_var, training=m.training)
        return x + m.conv2(F.relu(h))

    for chain in by_each_tracer(Net(forward).eval()):
        with pytest.raises(ChainError, match="is called as a function, whose statistics"):
            use_batch_statistics(chain)


def ignoring(self, x, **_):
    return Net.forward(self, x)


def unpacking(self, *tensors):
    return Net.forward(self, tensors[0])


def masking(self, x, mask=torch.ones(1), *, scale=2.0, wanted=None):  # noqa: B008
    return Net.forward(self, x * mask * scale)


def choosing(self, x, scales=(1, 2)):
    return Net.forward(self, x * scales[1])


def test_standardised_weights_are_no_batch_norm():
    def forward(m, x):
        rows = m.conv1.weight.flatten(1)[None]
        weight = F.batch_norm(rows, None, None, training=True).view_as(m.conv1.weight)
        return x + F.conv2d(x, weight, padding=1)

    model = Net(forward).eval()
    for chain in by_each_tracer(model):
        use_batch_statistics(chain)
        with torch.no_grad():
            torch.testing.assert_close(chain(IMAGES), model(IMAGES))


@pytest.mark.parametrize("forward", [ignoring, unpacking, masking, choosing])
def test_other_arguments_than_the_images_keep_their_defaults(forward):
    model = Net(SUMS["x + f"]).eval()
    model.__class__ = type("Other", (Net,), {"forward": forward})
    chain = unravel(model, IMAGES)
    assert len(chain.blocks) == 3
    with torch.no_grad():
        torch.testing.assert_close(chain(IMAGES), model(IMAGES))


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda self, x, y: x + y, "missing 1 required .*; its forward must take one tensor"),
        (lambda self: torch.zeros(1), "takes 1 .* but 2 were given.*must take one tensor"),
        (lambda self, x: {"logits": self.stem(x)}, "returns more than one value"),
        (lambda self, x: 1 / 0, r"does not run on .* \(division by zero\)"),
    ],
    ids=["two tensors", "none", "a dictionary", "an error of its own"],
)
def test_a_forward_of_another_kind_is_refused_in_a_sentence(forward, reason):
    model = Net(SUMS["x + f"])
    model.__class__ = type("Odd", (Net,), {"forward": forward})
    with pytest.raises(ChainError, match=reason):
        unravel(model, IMAGES)
