"""What stands before a network's names: wrappers, modules around it, other networks beside it."""

import pytest
import torch
from checkpoints.layouts import akamaster, prefixed, without
from hypothesis import given
from hypothesis import strategies as st

from resprobe.checkpoints import load
from resprobe.checkpoints.prefixes import split_off, without_wrappers
from resprobe.errors import InputError, UsageError

WRAPPED = "took {} out of the names, which wrappers put there"


@pytest.mark.parametrize(
    ("prefix", "removed"),
    [
        ("module.", "'module.'"),
        ("_orig_mod.", "'_orig_mod.'"),
        ("module._orig_mod.", "'module.' and '_orig_mod.'"),
        ("_orig_mod.module.", "'module.' and '_orig_mod.'"),
        ("module.module.", "'module.'"),
    ],
)
def test_wrappers_around_the_network_are_taken_off(weights, same_answers, saved, prefix, removed):
    checkpoint = load(saved(prefixed(prefix, weights)))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (WRAPPED.format(removed),)


def test_parts_that_were_compiled_one_by_one_are_unwrapped(weights, same_answers, saved):
    state = {key.replace("layer1.0.", "layer1.0._orig_mod."): v for key, v in weights.items()}
    checkpoint = load(saved(state))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (WRAPPED.format("'_orig_mod.'"),)


@pytest.mark.parametrize("prefix", ["model.", "net.", "a.b.c.", "encoder_q.", "layer1.", "conv1."])
def test_any_prefix_is_found_and_said(weights, same_answers, saved, prefix):
    checkpoint = load(saved(prefixed(prefix, weights)))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (f"took the prefix '{prefix}' off the names",)


def test_wrappers_within_a_prefix_belong_to_it(weights, same_answers, saved):
    checkpoint = load(saved(prefixed("module.model.module._orig_mod.", weights)))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (
        WRAPPED.format("'module.' and '_orig_mod.'"),
        "took the prefix 'model.module.' off the names",
    )


def test_what_lies_outside_the_prefix_is_left_out_and_said(weights, same_answers, saved):
    outside = {
        "criterion.weight": torch.ones(5),
        "metric.total": torch.tensor(float("nan")),
        "metric.count": torch.tensor(3),
        "projector.0.weight": torch.ones(2, 2),
    }
    checkpoint = load(saved({**outside, **prefixed("model.", weights)}))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (
        "took the prefix 'model.' off the names",
        "left out what is no part of the network: 'criterion', 'metric' and 'projector' "
        "(4 entries)",
    )


def test_what_is_left_out_is_named_from_where_it_parts_from_the_network(weights, saved):
    outside = ["model.ema.fc.bias", "model.net.aux.bias", "model.scale", "loss.weight"]
    state = {**prefixed("model.net.", weights), **{name: torch.ones(1) for name in outside}}
    assert load(saved(state)).notes[-1] == (
        "left out what is no part of the network: 'model.net.aux', 'model.ema', 'model.scale' and "
        "'loss' (4 entries)"
    )


def test_many_parts_outside_are_counted_and_the_first_named(weights, saved):
    outside = {f"extra_{letter}.weight": torch.ones(1) for letter in "abcdefgh"}
    assert load(saved({**weights, **outside})).notes[1:] == (
        "left out what is no part of the network: 'extra_a', 'extra_b', 'extra_c', 'extra_d', "
        "'extra_e', 'extra_f' and 2 more (8 entries)",
    )


def test_of_a_network_and_a_copy_within_it_the_outer_one_is_taken(weights, same_answers, saved):
    copy = {key: torch.zeros_like(value) for key, value in weights.items()}
    checkpoint = load(saved({**prefixed("ema.", copy), **weights}))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (
        f"left out what is no part of the network: 'ema' ({len(copy)} entries)",
    )


@pytest.mark.parametrize("arch", [None, "resnet8"])
def test_two_networks_side_by_side_are_not_chosen_between(weights, same_answers, saved, arch):
    copy = {key: torch.zeros_like(value) for key, value in weights.items()}
    path = saved({**prefixed("module.student.", copy), **prefixed("module.teacher.", weights)})

    with pytest.raises(InputError) as caught:
        load(path, arch=arch)

    assert str(caught.value) == (
        f"{path}: holds 2 networks, under 'student.' and 'teacher.'; say which one to take, as in "
        "--prefix student"
    )
    for prefix in ("teacher", "teacher.", "module.teacher"):
        checkpoint = load(path, arch=arch, prefix=prefix)
        same_answers(checkpoint.model)
        assert checkpoint.notes[2:] == (
            "took the prefix 'teacher.' off the names",
            f"left out what is no part of the network: 'student' ({len(copy)} entries)",
        )


def test_networks_in_two_containers_are_networks_under_two_prefixes(weights, same_answers, saved):
    path = saved({"student": prefixed("backbone.", weights), "teacher": weights, "epoch": 3})
    with pytest.raises(InputError, match=r"under 'student\.backbone\.' and 'teacher\.'"):
        load(path)
    same_answers(load(path, prefix="teacher").model)
    same_answers(load(path, prefix="student.backbone").model)


def test_a_prefix_with_nothing_under_it_names_those_that_there_are(weights, saved):
    path = saved({**prefixed("a.", weights), **prefixed("b.", weights)})
    with pytest.raises(UsageError) as caught:
        load(path, prefix="c")
    assert str(caught.value) == (
        f"{path}: holds nothing under 'c.'; its names begin with 'a.' and 'b.'"
    )
    with pytest.raises(InputError, match=r"no conv1\.weight or features\.0\.conv\.weight"):
        load(path, prefix="a.layer1")


def test_an_empty_prefix_is_the_front(weights, same_answers, saved):
    same_answers(load(saved(weights), prefix="").model)


def test_a_file_of_ours_has_no_prefix(write, tmp_path):
    with pytest.raises(UsageError, match="holds one network, without a prefix; leave out prefix"):
        load(write(tmp_path / "net.pt"), prefix="model")


def test_a_second_network_without_its_first_part_is_no_second_network(weights, saved):
    rest = without(weights, "conv1", "layer1", "layer2", "fc")
    notes = load(saved({**prefixed("a.", weights), **prefixed("b.", rest)})).notes
    assert "took the prefix 'a.' off the names" in notes


PREFIX = st.lists(st.sampled_from(["module", "_orig_mod", "model", "net", "conv1", "x"])).map(
    lambda parts: "".join(f"{part}." for part in parts)
)


@given(prefix=PREFIX, extra=st.sampled_from(["", "loss.", "model."]))
def test_whatever_stands_before_all_names_is_taken_off(prefix, extra):
    names = ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "fc.weight"]
    entries = {without_wrappers(prefix + name): name for name in names}
    entries |= {without_wrappers(f"{extra}other.conv1.weight"): "other"} if extra else {}

    split = split_off(entries, names, None, prefix=None)

    assert {name: split.inside[name] for name in names} == {name: name for name in names}
    assert split.prefix == without_wrappers(f"{prefix}conv1.weight").removesuffix("conv1.weight")


@given(name=st.text("ab."), wrappers=st.lists(st.sampled_from(["module.", "_orig_mod."])))
def test_taking_wrappers_off_twice_changes_nothing_more(name, wrappers):
    once = without_wrappers("".join(wrappers) + name)
    assert without_wrappers(once) == once


def test_akamasters_names_can_lie_behind_a_prefix(weights, same_answers, saved):
    checkpoint = load(saved(prefixed("model.", akamaster(weights))))
    same_answers(checkpoint.model)
    assert "took 'model.module.linear' as the head 'fc'" in checkpoint.notes
