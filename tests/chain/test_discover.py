import pytest
import torch
import torch.nn.functional as F
from chain.custom import IMAGES, SUMS, Custom, f
from nets import AkamasterNet, LinearResNet, TorchvisionNet, with_lively_statistics
from torch import nn

from resprobe.chain import Link, unravel
from resprobe.networks import Architecture

MODELS = {
    "resnet20": lambda: Architecture("resnet20", width=4).build(),
    "plain20": lambda: Architecture("plain20", width=4).build(),
    "akamaster": AkamasterNet,
    "torchvision": TorchvisionNet,
}


@pytest.fixture(params=MODELS)
def model(request):
    return with_lively_statistics(MODELS[request.param]()).eval()


def test_the_chain_computes_exactly_what_the_model_computes(model):
    chain = unravel(model, IMAGES[:2])
    with torch.no_grad():
        assert torch.equal(chain(IMAGES), model(IMAGES.clone()))


@pytest.mark.parametrize("name", ["resnet20", "akamaster", "torchvision"])
def test_a_block_is_the_sum_of_its_parts(name):
    chain = unravel(with_lively_statistics(MODELS[name]()).eval(), IMAGES[:2])
    with torch.no_grad():
        x = chain.stem(IMAGES)
        for block in chain.steps:
            assert torch.equal(block(x), block.after(block.shortcut(x) + block.branch(x)))
            assert torch.equal(block.deleted(x), block.after(block.shortcut(x)))
            x = block(x)


@pytest.mark.parametrize(
    ("name", "blocks", "transitions"),
    [
        ("resnet20", 9, [3, 6]),
        ("plain20", 9, [3, 6]),
        ("akamaster", 6, [2, 4]),
        ("torchvision", 4, [0, 2]),
    ],
)
def test_blocks_transitions_and_names_are_the_models_own(name, blocks, transitions):
    model = MODELS[name]()
    chain = unravel(model, IMAGES)
    assert len(chain.blocks) == len(chain.steps) == blocks
    assert [i for i, b in enumerate(chain.blocks) if b.kind == "transition"] == transitions
    assert all(model.get_submodule(block.name) is not None for block in chain.blocks)
    assert len({block.name for block in chain.blocks}) == blocks


def test_stages_are_counted_from_one_between_changes_of_shape():
    chain = unravel(Architecture("resnet20", width=4).build(), IMAGES)
    assert [block.stage for block in chain.blocks] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [block.stage for block in unravel(TorchvisionNet(), IMAGES).blocks] == [1, 1, 2, 2]


def test_shortcuts_are_what_the_model_wrote():
    chain = unravel(AkamasterNet(), IMAGES)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(chain.blocks[0].shortcut(x), x)
    padded = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
    assert torch.equal(chain.blocks[2].shortcut(x), padded)
    model = with_lively_statistics(TorchvisionNet()).eval()
    projection = unravel(model, IMAGES).blocks[0].shortcut
    assert torch.equal(projection(x), model.layer1[0].downsample(x))


def test_parameters_are_shared_and_none_is_lost(model):
    chain = unravel(model, IMAGES)
    assert {id(p) for p in chain.parameters()} == {id(p) for p in model.parameters()}
    assert [name for name, _ in chain.model_parameters] == [n for n, _ in model.named_parameters()]
    with torch.no_grad():
        next(iter(model.parameters())).mul_(2)
        assert torch.equal(chain(IMAGES), model(IMAGES.clone()))


def test_an_activation_survives_the_block_that_reads_it(model):
    # an in-place ReLU or sum in the chain would change what other lesions start from
    chain = unravel(model, IMAGES)
    with torch.no_grad():
        x = chain.stem(IMAGES)
        for step in [*chain.steps, chain.head]:
            before = x.clone()
            y = step(x)
            assert torch.equal(x, before), step.name
            x = y


def test_unravelling_leaves_the_model_as_found(model):
    model.train()
    model.bn1.eval()
    model.conv1.weight.requires_grad_(False)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    flags = [(m.training, len(m._forward_hooks)) for m in model.modules()]
    grads = [(p.requires_grad, p.grad) for p in model.parameters()]
    random_state = torch.get_rng_state()
    images = IMAGES.clone()
    unravel(model, images)
    assert [(m.training, len(m._forward_hooks)) for m in model.modules()] == flags
    assert [(p.requires_grad, p.grad) for p in model.parameters()] == grads
    assert all(torch.equal(model.state_dict()[key], value) for key, value in state.items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(images, IMAGES)


def test_wrapped_models_are_looked_through():
    model = with_lively_statistics(AkamasterNet()).eval()
    chain = unravel(nn.DataParallel(model), IMAGES)
    assert chain.blocks[0].name == "layer1.0"


def test_a_very_deep_network_at_initialisation_can_be_unravelled():
    # its eval-mode output overflows, so that it is compared under batch statistics
    assert len(unravel(Architecture("resnet602", width=2).build(), IMAGES).blocks) == 300


def test_on_the_meta_device_shapes_are_found_without_values():
    model = Architecture("resnet56").build(device="meta")
    chain = unravel(model, torch.empty(1, 3, 32, 32, device="meta"))
    assert chain.blocks[9].out_shape == (32, 16, 16)


@pytest.mark.parametrize("style", SUMS)
def test_every_way_to_write_a_sum_is_the_same_block(style):
    model = with_lively_statistics(Custom(SUMS[style], blocks=2)).eval()
    chain = unravel(model, IMAGES)
    assert [block.name for block in chain.blocks] == ["blocks.0", "blocks.1"]
    x = model.stem(IMAGES)
    block = model.blocks[0]
    with torch.no_grad():
        assert torch.equal(chain.blocks[0].shortcut(x), x)
        torch.testing.assert_close(chain.blocks[0].branch(x), block(x.clone()) - x)
        torch.testing.assert_close(chain(IMAGES), model(IMAGES.clone()))


def test_an_inline_padding_shortcut_is_found():
    model = Custom(
        lambda m, x: f(m, x)[:, :, ::2, ::2] + F.pad(x[:, :2, ::2, ::2], (0, 0, 0, 0, 1, 1))
    )
    block = unravel(model, IMAGES).blocks[0]
    assert block.kind == "transition"
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block.shortcut(x), F.pad(x[:, :2, ::2, ::2], (0, 0, 0, 0, 1, 1)))


def test_a_preactivation_projection_takes_the_norm_and_the_norm_is_a_link():
    def forward(m, x):
        h = torch.relu(m.norm(x))
        return m.g(h) + m.g(torch.relu(m.f(h)))

    chain = unravel(with_lively_statistics(Custom(forward, blocks=2)).eval(), IMAGES)
    _, link, block = chain.steps
    assert isinstance(link, Link)
    assert type(block.after) is nn.Identity
    assert isinstance(block.shortcut, nn.Conv2d)
    assert block.shortcut.kernel_size == (1, 1)


def test_the_activation_after_the_sum_belongs_to_the_block_and_a_norm_does_not():
    chain = unravel(Custom(lambda m, x: m.relu(x + f(m, x))), IMAGES)
    assert isinstance(chain.blocks[0].after, nn.ReLU)
    assert not chain.blocks[0].after.inplace
    chain = unravel(Custom(lambda m, x: m.relu(m.norm(x + m.f(x))), blocks=2), IMAGES)
    assert type(chain.blocks[0].after) is nn.Identity
    assert [type(step).__name__ for step in chain.steps] == [
        "ResidualBlock",
        "Link",
        "ResidualBlock",
    ]


def test_two_blocks_of_one_module_get_names_of_their_own():
    def forward(m, x):
        x = x + m.f(x)
        return x + m.g(x)

    names = [block.name for block in unravel(Custom(forward), IMAGES).blocks]
    assert names == ["blocks.0.f", "blocks.0.g"]


def test_blocks_that_share_their_layers_are_numbered():
    def forward(m, x):
        x = x + m.f(x)
        return x + m.f(x)

    names = [block.name for block in unravel(Custom(forward), IMAGES).blocks]
    assert names == ["blocks.0#1", "blocks.0#2"]


def test_a_later_use_of_a_tensor_changed_in_place_means_the_changed_one():
    def forward(m, x):
        h = m.f(x)
        m.relu(h)  # changes h
        return x + m.g(h)

    model = Custom(forward).eval()
    with torch.no_grad():
        torch.testing.assert_close(unravel(model, IMAGES)(IMAGES), model(IMAGES.clone()))


def test_an_in_place_statement_whose_result_nobody_takes_is_kept():
    def forward(m, x):
        h = m.f(x)
        F.relu(h, inplace=True)
        torch.sigmoid_(h)
        return x + m.g(h)

    model = Custom(forward).eval()
    with torch.no_grad():
        torch.testing.assert_close(unravel(model, IMAGES)(IMAGES), model(IMAGES))


def test_what_is_computed_from_parameters_alone_hides_no_block():
    class Gain(Custom):
        def __init__(self):
            super().__init__(SUMS["x + f"], blocks=3)
            self.gain = nn.Parameter(torch.zeros(4))

        def forward(self, x):
            gain = self.gain.exp().view(1, -1, 1, 1)  # made first, used last
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.fc((gain * x).mean((2, 3)))

    assert len(unravel(Gain(), IMAGES).blocks) == 3


def test_one_block_without_stem_or_head_is_a_chain():
    chain = unravel(LinearResNet(0.5), torch.ones(1, 4, 1, 1))
    assert len(chain.blocks) == 1
    assert chain(torch.ones(1, 4, 1, 1)).tolist() == [[1.5] * 4]


@pytest.mark.parametrize(
    "activation", [F.gelu, F.silu, torch.tanh, nn.GELU(), nn.PReLU(), nn.Hardswish(inplace=True)]
)
def test_any_elementwise_activation_after_the_sum_belongs_to_the_block(activation):
    class Activated(Custom):
        def __init__(self):
            super().__init__(SUMS["x + f"])
            self.act = activation if isinstance(activation, nn.Module) else None

        def forward(self, x):
            x = self.blocks[0](self.stem(x))
            x = self.act(x) if self.act is not None else activation(x)
            return self.fc(x.mean((2, 3)))

    model = Activated().eval()
    block = unravel(model, IMAGES).blocks[0]
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block.after(x), activation(x.clone()))
    with torch.no_grad():
        assert torch.equal(block.deleted(x), activation(x.clone()))


def test_a_number_added_to_the_input_stays_with_the_shortcut():
    block = unravel(Custom(lambda m, x: (x + 1) + m.f(x)), IMAGES).blocks[0]
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block.shortcut(x), x + 1)


def test_arguments_with_defaults_are_left_at_them():
    class Optional(Custom):
        def forward(self, x, features=False, scale=None):
            if features:
                return self.stem(x)
            if scale is not None:
                x = x * scale
            return super().forward(x)

    model = Optional(SUMS["x + f"]).eval()
    with torch.no_grad():
        assert torch.equal(unravel(model, IMAGES)(IMAGES), model(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, on first use
def test_a_compiled_model_is_looked_through():
    model = with_lively_statistics(AkamasterNet()).eval()
    assert unravel(torch.compile(model), IMAGES).blocks[0].name == "layer1.0"


def test_a_model_in_training_mode_is_traced_as_it_evaluates():
    model = Custom(lambda m, x: x + m.f(x) * (0.0 if m.training else 1.0)).train()
    chain = unravel(model, IMAGES)
    assert model.training
    with torch.no_grad():
        assert torch.equal(chain.eval()(IMAGES), model.eval()(IMAGES))


def test_a_model_that_changes_its_input_leaves_the_users_images_alone():
    class Rude(Custom):
        def forward(self, x):
            return super().forward(x.relu_())

    images = IMAGES.clone()
    unravel(Rude(SUMS["x + f"]), images)
    assert torch.equal(images, IMAGES)


def test_a_parameter_in_a_link_is_no_second_path():
    class Scaled(Custom):
        def forward(self, x):
            x = self.blocks[0](self.stem(x))
            x = x * self.blocks[0].gain.view(1, -1, 1, 1)
            return self.fc(self.blocks[1](x).mean((2, 3)))

    link = unravel(Scaled(SUMS["x + f"], blocks=2), IMAGES).steps[1]
    assert isinstance(link, Link)
    assert link.merge == ""


def test_maps_laid_out_as_a_row_of_positions_begin_no_stage():
    def forward(m, x):
        x = x + f(m, x)
        rows = x.flatten(2)
        rows = rows + m.g(rows.unflatten(2, x.shape[2:])).flatten(2)
        return F.avg_pool2d(rows.unflatten(2, x.shape[2:]), 2)

    blocks = unravel(Custom(forward, blocks=2), IMAGES).blocks
    assert [len(block.out_shape) for block in blocks] == [3, 2, 3, 2]
    assert [block.stage for block in blocks] == [1, 1, 2, 2]


def test_an_identity_module_is_no_layer():
    def forward(m, x):  # a branch without weights of two axes, beside a module that does nothing
        return m.passing(x) + m.norm(F.avg_pool2d(x, 3, 1, 1))

    model = Custom(forward)
    model.blocks[0].passing = nn.Identity()
    block = unravel(model, IMAGES).blocks[0]
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block.shortcut(x), x)


def test_a_layer_whose_output_nobody_takes_hides_no_block():
    class Watched(Custom):
        def forward(self, x):
            x = self.blocks[0](self.stem(x))
            y = self.blocks[1](x)
            self.fc(x.mean((2, 3)))
            return self.fc(y.mean((2, 3)))

    chain = unravel(Watched(SUMS["x + f"], blocks=2), IMAGES)
    assert [block.name for block in chain.blocks] == ["blocks.0", "blocks.1"]


def test_a_block_whose_weight_is_parametrised_is_looked_into():
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2 * weight

    model = Custom(lambda m, x: x + m.gain.view(1, -1, 1, 1) * m.f(x))
    torch.nn.utils.parametrize.register_parametrization(model.blocks[0], "gain", Doubled())
    torch.nn.utils.parametrize.register_parametrization(model.blocks[0].f, "weight", Doubled())
    (block,) = unravel(model, IMAGES).blocks
    assert block.name == "blocks.0"


def test_branches_side_by_side_are_a_link():
    class Averaged(Custom):
        def __init__(self, *given):
            super().__init__(*given)
            self.other = nn.Linear(4, 10)

        def forward(self, x):
            x = self.blocks[0](self.stem(x)).mean((2, 3))
            return (self.fc(x) + self.other(x)) / 2

    chain = unravel(Averaged(SUMS["x + f"]), IMAGES)
    assert len(chain.blocks) == 1
    assert chain.head.merge == "add"
