import dataclasses
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture, Order, Shortcut, names
from resprobe.networks.shapes import keeps_shape


def test_what_is_left_open_is_filled_in_from_the_name():
    cifar, imagenet = Architecture("resnet56"), Architecture("resnet50")
    assert (cifar.num_classes, cifar.width, cifar.image_size, cifar.family) == (10, 16, 32, "cifar")
    assert (cifar.block, cifar.shortcut, cifar.order, cifar.layout) == (
        "basic",
        "A",
        "original",
        None,
    )
    assert (imagenet.num_classes, imagenet.width, imagenet.image_size) == (1000, 64, 224)
    assert (imagenet.block, imagenet.shortcut, imagenet.layout) == ("bottleneck", "B", "v1.5")
    assert Architecture("resnet164").layout == "paper"
    assert Architecture("resnet18").shortcut == Architecture("preresnet164").shortcut == "B"
    assert Architecture("preresnet110").order == "full-pre"
    vgg = Architecture("vgg15")
    assert (vgg.num_classes, vgg.width, vgg.block, vgg.order) == (10, 64, None, None)
    assert [Architecture(name).is_plain for name in ("plain18", "vgg16", "preresnet18")] == [
        True,
        True,
        False,
    ]


def test_a_number_of_an_ablation_is_filled_in_only_where_it_means_something():
    numbers = ("scale", "branch_scale", "gate_bias", "dropout")
    filled = {
        "A": (None, None, None, None),
        "scaled": (0.5, 1.0, None, None),
        "exclusive-gate": (None, None, -6.0, None),
        "shortcut-gate": (None, None, -6.0, None),
        "dropout": (None, None, None, 0.5),
    }
    for shortcut, expected in filled.items():
        network = Architecture("resnet110", shortcut=shortcut)
        assert tuple(getattr(network, number) for number in numbers) == expected
    assert Architecture("vgg16").dropout == 0


def test_enums_are_taken_as_text_as_well():
    assert Architecture("resnet20", shortcut="B", order="bn-after") == Architecture(
        "resnet20", shortcut=Shortcut.B, order=Order.BN_AFTER
    )
    assert Architecture("resnet20", shortcut="B").shortcut is Shortcut.B


def test_a_field_can_be_replaced():
    network = dataclasses.replace(Architecture("resnet50"), num_classes=7, layout="paper")
    assert network == Architecture("resnet50", num_classes=7, layout="paper")


@pytest.mark.parametrize("value", [0, -3, 1.5, "8", True])
@pytest.mark.parametrize("field", ["num_classes", "in_channels", "width"])
def test_sizes_below_one_are_refused(field, value):
    message = f"{field} of resnet20 must be a whole number >= 1; got {value!r}"
    with pytest.raises(UsageError, match=message):
        Architecture("resnet20", **{field: value})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("plain20", {"shortcut": "B"}, "plain20 has no shortcuts; got shortcut=B"),
        ("vgg15", {"shortcut": "exclusive-gate"}, "vgg15 has no shortcuts"),
        ("resnet20", {"shortcut": "none"}, "resnet20 without shortcuts is plain20; name that"),
        ("preresnet20", {"order": "original"}, "so name resnet20:order=original"),
        ("vgg16", {"order": "full-pre"}, "order is for networks of blocks"),
        ("vgg16", {"block": "basic"}, "block is for networks of blocks"),
        ("resnet18", {"layout": "paper"}, "layout is for bottleneck blocks; resnet18"),
        ("resnet56", {"layout": "paper"}, "layout is for bottleneck blocks; resnet56"),
        ("plain20", {"init": "zero-bn"}, "init=zero-bn is for residual branches; plain20 has none"),
        ("vgg15", {"init": "fixup"}, "init=fixup is for residual branches; vgg15 has none"),
        ("preresnet20", {"init": "zero-bn"}, "needs a BN that ends the branch: order=original or"),
        ("resnet20", {"init": "zero-bn", "order": "relu-before"}, "got order=relu-before"),
        ("resnet20", {"init": "skipinit", "order": "bn-after"}, "has no BN to put after the sum"),
        ("preresnet20", {"init": "fixup"}, "init=fixup is defined for one order: order=original"),
        ("plain56", {"survival": 0.5}, "survival is for residual branches; plain56 has none"),
        ("resnet20", {"survival_scaling": "training"}, "needs survival below 1"),
        ("resnet20", {"survival": 0}, "survival of resnet20 must be a number, above 0 and at"),
        ("resnet20", {"survival": 1.1}, "at most 1; got 1.1"),
        ("resnet20", {"survival": float("nan")}, "got nan"),
        ("resnet20", {"survival": True}, "got True"),
        ("resnet20", {"scale": 0.5}, "scale is for shortcut=scaled; resnet20"),
        ("resnet20", {"shortcut": "A", "branch_scale": 1.0}, "branch_scale is for shortcut=scaled"),
        ("resnet20", {"shortcut": "scaled", "scale": float("inf")}, "finite; got inf"),
        ("resnet20", {"gate_bias": -3}, "gate_bias is for shortcut=exclusive-gate and"),
        ("resnet20", {"dropout": 0.1}, "dropout is for shortcut=dropout and VGG"),
        ("vgg16", {"dropout": 1}, "dropout of vgg16 must be a number, at least 0 and below 1"),
        ("resnet20", {"shortcut": "D"}, "unknown shortcut 'D'.*A, B, C"),
        ("resnet20", {"order": "ful-pre"}, "unknown order 'ful-pre': did you mean 'full-pre'"),
        ("resnet50", {"layout": "v15"}, "unknown layout 'v15': did you mean 'v1.5'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(name, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        Architecture(name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet50:layot=paper", "unknown option of resnet50 'layot': did you mean 'layout'"),
        ("resnet50:paper", "unknown option of resnet50 'paper'"),
        ("resnet50:layout", "option 'layout' of resnet50 has no value; write layout=VALUE"),
        ("resnet50:layout=", "option 'layout=' of resnet50 has no value"),
        ("resnet50:num_classes=5", "unknown option of resnet50 'num_classes'"),
        ("resnet20:width=8:width=8", "option width of resnet20 is given twice"),
        ("resnet20:width=wide", "width of resnet20 must be a whole number >= 1; got 'wide'"),
        ("resnet20:width=0", "width of resnet20 must be a whole number >= 1; got 0"),
        ("resnet20:survival=half", "must be a number, above 0 and at most 1; got 'half'"),
        ("resnet20:shortcut=b", "unknown shortcut 'b'.*none, A, B, C"),
        ("resnet20:", "unknown option of resnet20 ''"),
        ("plane56:width=8", "did you mean 'plain56'"),
    ],
)
def test_a_text_that_cannot_be_read_says_what_is_wrong_with_it(text, message):
    with pytest.raises(UsageError, match=message):
        Architecture.parse(text)


def test_a_width_beside_the_text_counts_unless_the_text_says_another():
    assert Architecture.parse("resnet20", width=8) == Architecture("resnet20", width=8)
    assert Architecture.parse("resnet20:width=8", width=8).width == 8
    with pytest.raises(UsageError, match="'resnet20:width=8' and a width of 4 contradict"):
        Architecture.parse("resnet20:width=8", width=4)


def test_a_spec_names_what_is_not_usual_in_one_order():
    assert Architecture("resnet50").spec == "resnet50"
    assert Architecture("resnet50", shortcut="B", width=64, num_classes=5).spec == "resnet50"
    text = "resnet110:survival=0.5:shortcut=B:width=32"
    assert Architecture.parse(text).spec == "resnet110:width=32:shortcut=B:survival=0.5"


@st.composite
def architectures(draw):
    """Return networks with options that can be meant together."""
    name = draw(st.sampled_from(names()))
    usual = Architecture(name)
    options = {"width": draw(st.integers(1, 300))}
    if usual.block == "bottleneck":
        options["layout"] = draw(st.sampled_from(["v1.5", "paper"]))
    if name.startswith("vgg"):
        options["dropout"] = draw(st.floats(0, 0.99))
    elif usual.is_plain:
        options["order"] = draw(st.sampled_from(list(Order)))
    else:
        options |= draw(residual_options(name))
    sizes = {"num_classes": draw(st.integers(1, 1000)), "in_channels": draw(st.integers(1, 4))}
    whole = Architecture(name, **sizes, **options)
    kept = keeps_shape(whole)
    blocks = [block for block, keeps in enumerate(kept) if keeps or not usual.is_plain]
    drop = draw(st.lists(st.sampled_from(blocks), unique=True, max_size=5)) if blocks else []
    return dataclasses.replace(whole, drop=drop)


@st.composite
def residual_options(draw, name):
    shortcut = draw(st.sampled_from([s for s in Shortcut if s is not Shortcut.NONE]))
    numbers = st.floats(-10, 10)
    inits = ["he", "skipinit"] + ([] if name.startswith("pre") else ["zero-bn", "fixup"])
    options = {
        "shortcut": shortcut,
        "init": draw(st.sampled_from(inits)),
        "survival": draw(st.floats(0.01, 1)),
    }
    if options["survival"] < 1:
        options["survival_scaling"] = draw(st.sampled_from(["test", "training"]))
    if shortcut is Shortcut.SCALED:
        options |= {"scale": draw(numbers), "branch_scale": draw(numbers)}
    if shortcut.is_gated:
        options["gate_bias"] = draw(numbers)
    if shortcut is Shortcut.DROPOUT:
        options["dropout"] = draw(st.floats(0, 0.99))
    return options


@given(architectures())
def test_reading_a_spec_gives_the_network_back(network):
    sizes = {"num_classes": network.num_classes, "in_channels": network.in_channels}
    again = Architecture.parse(network.spec, **sizes)
    assert again == network
    assert again.spec == network.spec


@given(architectures())
def test_a_description_survives_the_way_to_a_file_and_back(network):
    fields = json.loads(json.dumps(network.to_dict()))
    assert Architecture.from_dict(fields) == network
    assert {type(value) for value in network.to_dict().values()} <= {
        str,
        int,
        float,
        list,
        type(None),
    }


def test_a_description_of_name_and_sizes_alone_is_read_as_it_was_meant():
    sizes = {"num_classes": 10, "in_channels": 3, "width": 16}
    assert Architecture.from_dict({"name": "resnet56", **sizes}) == Architecture("resnet56")
    basic = Architecture.from_dict({"name": "plain164", **sizes})
    assert basic == Architecture("plain164", block="basic")


@pytest.mark.parametrize("fields", [{"name": "resnet20", "colour": "red"}, {}, {"num_classes": 10}])
def test_what_describes_no_network_is_refused(fields):
    with pytest.raises(InputError, match="not the description of an architecture"):
        Architecture.from_dict(fields)


def test_the_seed_decides_the_weights_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (Architecture("resnet8").build(seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
