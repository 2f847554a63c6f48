"""What holds for every network that there is."""

import pytest
import torch
from lanes import lanes
from torch import fx, nn

from resprobe.networks import Architecture, Order, names
from resprobe.networks.blocks import PlainBlock, ResidualBlock
from resprobe.networks.vgg import Layer

SAMPLE = [
    "resnet8",
    "preresnet8",
    "plain8",
    "resnet11",
    "preresnet11:shortcut=C",
    "plain11:order=full-pre",
    "resnet18",
    "resnet50",
    "resnet50:layout=paper:shortcut=A",
    "preresnet50",
    "plain34",
    "resnet20:block=bottleneck",
    *(f"resnet8:order={order.value}:shortcut=B" for order in Order),
    *(f"plain8:order={order.value}" for order in Order),
    "resnet8:shortcut=scaled:branch_scale=0.5",
    "resnet8:shortcut=exclusive-gate",
    "preresnet11:shortcut=shortcut-gate",
    "resnet8:shortcut=dropout",
    "resnet20:survival=0.5",
    "resnet20:survival=0.5:survival_scaling=training",
    "resnet8:init=zero-bn",
    "preresnet8:init=skipinit",
    "resnet11:init=fixup",
    "resnet18:init=fixup",
    "vgg15",
    "vgg16:dropout=0.5",
    "vgg19_bn",
]

LAYERS = {f"torch.nn.modules.{m}" for m in ("conv", "batchnorm", "activation", "linear")}
LAYERS |= {f"torch.nn.modules.{m}" for m in ("pooling", "dropout")}


NAMES = lanes(names(), long=lambda name: Architecture.parse(name).depth > 200)


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_network_is_built_and_traced(name):
    network = Architecture(name).build(device="meta").eval()
    graph = fx.Tracer().trace(network)
    called = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    layers = {p for p, part in network.named_modules() if type(part).__module__ in LAYERS}
    assert called == layers  # each is in the graph, and none is left over


@pytest.mark.parametrize("text", SAMPLE)
def test_a_narrow_network_runs_forward_and_backward(text):
    network = Architecture.parse(text, width=2, num_classes=5, in_channels=1).build(seed=1)
    x = torch.randn(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)  # a draw in which something survives
        loss = nn.functional.cross_entropy(network(x), torch.arange(6) % 5)
    loss.backward()
    gradients = [value.grad for value in network.parameters() if value.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)
    assert "survival" in text or len(gradients) == len(list(network.parameters()))


@pytest.mark.parametrize("text", SAMPLE)
def test_a_traced_network_computes_the_same(text):
    network = Architecture.parse(text, width=2, num_classes=5).build(seed=1).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    traced = fx.symbolic_trace(network)
    assert torch.equal(traced(x), network(x))


@pytest.mark.parametrize("name", ["resnet8", "preresnet8", "plain8"])
def test_cifar_stages_halve_the_map_and_double_the_width(name):
    assert shapes_of(name, 16) == [(4, 16, 16), (8, 8, 8), (16, 4, 4)]


@pytest.mark.parametrize("name", ["resnet50", "preresnet50", "plain50"])
def test_imagenet_stages_begin_at_a_quarter_of_the_image(name):
    assert shapes_of(name, 64) == [(16, 16, 16), (32, 8, 8), (64, 4, 4), (128, 2, 2)]


def shapes_of(name, size):
    network = Architecture(name, width=4, in_channels=1, num_classes=7).build()
    shapes = []
    for stage in [part for path, part in network.named_children() if path.startswith("layer")]:
        stage.register_forward_hook(lambda *call: shapes.append(tuple(call[2].shape[1:])))
    assert network(torch.zeros(2, 1, size, size)).shape == (2, 7)
    return shapes


@pytest.mark.parametrize(
    ("order", "stem", "tail"),
    [
        ("original", ["conv1", "bn1", "relu"], []),
        ("bn-after", ["conv1", "bn1", "relu"], []),
        ("relu-before", ["conv1", "bn1", "relu"], []),
        ("relu-only-pre", ["conv1", "bn1"], ["relu"]),
        ("full-pre", ["conv1"], ["bn", "relu"]),
    ],
)
@pytest.mark.parametrize("name", ["resnet8", "resnet18", "plain8"])
def test_stem_and_tail_are_what_the_blocks_lack(name, order, stem, tail):
    network = Architecture(name, order=order).build(device="meta").eval()
    calls = [
        str(node.target).split(".")[0]
        for node in fx.Tracer().trace(network).nodes
        if node.op == "call_module"
    ]
    outside = [call for call in calls if not call.startswith("layer")]
    pool = ["maxpool"] if name == "resnet18" else []
    assert outside == [*stem, *pool, *tail, "avgpool", "fc"]


@pytest.mark.parametrize("name", NAMES)
def test_the_modules_of_blocks_are_of_one_class_and_call_their_shortcut_downsample(name):
    network = Architecture(name).build(device="meta")
    parts = [part for part in network.modules() if isinstance(part, PlainBlock | Layer)]
    if Architecture(name).is_plain:
        assert not any(isinstance(part, ResidualBlock) for part in parts)
        assert not any("downsample" in path for path, _ in network.named_modules())
    else:
        assert {type(part) for part in parts} == {ResidualBlock}
        assert all(isinstance(part.downsample, nn.Module) for part in parts)


def test_plain_and_residual_networks_of_a_seed_begin_with_the_same_weights():
    for text in ("{}8", "{}11", "{}18"):
        residual = text.format("resnet") + ":shortcut=A"
        states = [
            Architecture.parse(each, width=2).build(seed=3).state_dict()
            for each in (residual, text.format("plain"))
        ]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
