"""Which network of the whole family a state dict is of."""

import dataclasses

import pytest
import torch
from checkpoints.layouts import akamaster
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import lanes

from resprobe.checkpoints import load
from resprobe.errors import InputError
from resprobe.networks import Architecture, names

PUBLISHED = [
    ("resnet20", 269_722),
    ("resnet32", 464_154),
    ("resnet44", 658_586),
    ("resnet56", 853_018),
    ("resnet56:shortcut=B", 855_770),
    ("resnet110", 1_727_962),
    ("resnet1202", 19_421_274),
    ("resnet18", 11_689_512),
    ("resnet34", 21_797_672),
    ("resnet50", 25_557_032),
]


def deep(spec):
    """Say whether it is of a depth that is told in the same way as one of fewer layers."""
    return Architecture.parse(spec).depth > 60


NAMES = [name for name in names() if not name.startswith("plain")]


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [(s, n) if not deep(s) else pytest.param(s, n, marks=pytest.mark.long) for s, n in PUBLISHED],
)
def test_published_networks_are_recognised_with_their_number_of_parameters(saved, spec, parameters):
    checkpoint = load(saved(Architecture.parse(spec).build().state_dict()))

    assert checkpoint.architecture == Architecture.parse(spec)
    assert f"({parameters:,} parameters)" in checkpoint.notes[0]
    assert f"option {checkpoint.architecture.shortcut}" in checkpoint.notes[0]


@pytest.mark.parametrize(
    "spec",
    [
        *lanes(NAMES, long=deep),
        "resnet11",
        "resnet20:block=bottleneck",
        "resnet20:shortcut=C",
        "resnet18:shortcut=C",
        "resnet50:shortcut=A",
        "resnet20:width=5:shortcut=B",
        "resnet20:shortcut=B:order=bn-after",
        "resnet20:init=fixup",
        "resnet18:init=fixup",
        "resnet20:init=skipinit",
        "resnet20:shortcut=B:init=skipinit",
        "preresnet20:shortcut=B",
        "preresnet29:shortcut=C",
        "preresnet8",
    ],
)
def test_every_network_whose_keys_are_its_own_is_recognised(saved, filled, spec):
    width = "" if "width=" in spec else ":width=4"
    architecture = Architecture.parse(spec + width, num_classes=7, in_channels=2)
    network = filled(architecture.build())

    checkpoint = load(saved(network.state_dict()))

    assert checkpoint.architecture == architecture
    assert len(checkpoint.notes) == 1
    loaded = checkpoint.model.state_dict()
    for key, value in network.state_dict().items():
        assert torch.equal(loaded[key], value), key


@pytest.mark.parametrize(
    ("spec", "taken_for"),
    [
        ("plain20", "resnet20"),
        ("plain18", "resnet18:shortcut=A"),
        ("plain20:order=full-pre", "preresnet20"),
        ("resnet20:shortcut=scaled", "resnet20"),
        ("resnet20:shortcut=dropout", "resnet20"),
        ("resnet20:survival=0.5", "resnet20"),
        ("resnet20:order=relu-only-pre", "resnet20"),
        ("preresnet20:init=skipinit", "resnet20:init=skipinit"),
        ("resnet50:layout=paper", "resnet50"),
    ],
)
def test_a_network_whose_keys_are_those_of_a_usual_one_is_taken_for_it_unless_named(
    saved, spec, taken_for
):
    path = saved(Architecture.parse(f"{spec}:width=2").build().state_dict())
    assert load(path).architecture == Architecture.parse(f"{taken_for}:width=2")
    assert load(path, arch=spec).architecture == Architecture.parse(f"{spec}:width=2")
    assert " as named, " in load(path, arch=spec).notes[0]


def test_a_network_that_is_named_is_not_said_to_be_assumed(saved):
    path = saved(Architecture("resnet8", init="skipinit", width=2).build().state_dict())
    assert (
        load(path, arch="resnet8:init=skipinit")
        .notes[0]
        .endswith("parameters); assumed: the data set's own normalisation")
    )


@pytest.mark.parametrize(
    ("spec", "assumed"),
    [
        ("resnet20", "residual, not plain (the same keys), and the data set's own normalisation"),
        ("resnet20:shortcut=B", "the data set's own normalisation"),
        ("resnet29", "the data set's own normalisation"),
        ("resnet18", "ImageNet normalisation"),
        (
            "resnet50",
            "stride in the 3x3 convolutions (v1.5; the same keys as the paper's), and ImageNet "
            "normalisation",
        ),
        (
            "resnet20:init=skipinit",
            "residual, not plain (the same keys), activations in the original order (the same "
            "keys), and the data set's own normalisation",
        ),
        ("vgg15", "the data set's own normalisation"),
    ],
)
def test_what_keys_cannot_tell_is_said_to_be_assumed(saved, spec, assumed):
    path = saved(Architecture.parse(f"{spec}:width=2").build().state_dict())
    (note,) = load(path).notes
    assert note.endswith(f" parameters); assumed: {assumed}")


def test_a_layout_that_is_named_is_not_said_to_be_assumed(saved):
    path = saved(Architecture("resnet50", width=2).build().state_dict())
    for layout in ("paper", "v1.5"):
        checkpoint = load(path, arch=f"resnet50:layout={layout}")
        assert checkpoint.architecture.layout == layout
        assert checkpoint.notes[0].endswith("assumed: ImageNet normalisation")


def test_weights_for_imagenet_know_images_normalised_as_those(saved):
    assert load(saved(Architecture("resnet18", width=2).build().state_dict())).normalisation
    grey = Architecture("resnet18", width=2, in_channels=1).build().state_dict()
    assert load(saved(grey)).normalisation is None


def test_two_kinds_of_gate_are_not_guessed_at(saved):
    gated = Architecture("resnet8", shortcut="exclusive-gate", width=2)
    path = saved(gated.build().state_dict())
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: fits resnet8:width=2:shortcut=exclusive-gate and "
        "resnet8:width=2:shortcut=shortcut-gate, whose weights look the same; name one with --arch"
    )
    assert load(path, arch="resnet8:shortcut=exclusive-gate").architecture == gated


@settings(max_examples=25, deadline=None)
@given(
    line=st.sampled_from(["resnet", "preresnet"]),
    blocks=st.integers(1, 2),
    kind=st.sampled_from(["basic", "bottleneck"]),
    shortcut=st.sampled_from("ABC"),
    sizes=st.tuples(*[st.integers(1, 5)] * 3),
    layout=st.sampled_from([dict, akamaster]),
)
def test_any_size_of_network_is_recognised(
    tmp_path_factory, line, blocks, kind, shortcut, sizes, layout
):
    depth = 3 * blocks * (2 if kind == "basic" else 3) + 2
    width, classes, channels = sizes
    architecture = Architecture(
        f"{line}{depth}",
        block=kind,
        shortcut=shortcut,
        width=width,
        num_classes=classes,
        in_channels=channels,
    )
    path = tmp_path_factory.mktemp("any") / "net.pt"
    torch.save(layout(architecture.build().state_dict()), path)
    if kind == "bottleneck" and blocks == 1 and shortcut == "C":
        shortcut = "B"  # every block is a transition there, so that the two are one network
    assert load(path).architecture == dataclasses.replace(architecture, shortcut=shortcut)
