import importlib
import os
import random
import sys

import numpy
import pytest
import torch
from torch import nn

import resprobe
from resprobe.errors import InputError, UsageError
from resprobe.sources import build_model, input_channels


def classes(model):
    return model[-1].out_features


def test_a_function_makes_the_model_with_its_options(net):
    model = build_model(f"{net}:make_model:depth=3")
    assert [type(part).__name__ for part in model].count("Block") == 3
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_a_class_is_a_function_too(net):
    model = build_model(f"{net}:Net:depth=1:in_channels=1")
    assert (type(model).__name__, input_channels(model)) == ("Net", 1)


def test_the_model_is_a_chain_after_its_file_is_forgotten(net):
    model = build_model(f"{net}:make_model").eval()
    chain = resprobe.unravel(model, torch.zeros(2, 3, 8, 8))
    assert [block.name for block in chain.blocks] == ["1", "2"]


def test_defaults_go_only_to_functions_that_name_them_and_below_the_users_own(net):
    asked = {"num_classes": 9, "in_channels": 1}
    assert classes(build_model(f"{net}:make_model", **asked)) == 9
    assert classes(build_model(f"{net}:make_model:num_classes=4", **asked)) == 4
    assert classes(build_model(f"{net}:fixed", **asked)) == 7
    assert classes(build_model(f"{net}:takes_all", **asked)) == 5
    assert input_channels(build_model(f"{net}:make_model", **asked)) == 3
    assert input_channels(build_model(f"{net}:Net", **asked)) == 1
    assert input_channels(build_model(f"{net}:grey", **asked)) == 1


def test_the_seed_alone_decides_the_weights(net, write):
    first, again, other = (
        build_model(f"{net}:make_model", seed=seed)[0].weight for seed in (1, 1, 2)
    )
    assert first.equal(again)
    assert not first.equal(other)
    drawn = write("drawn.py", """
        import random, numpy, torch
        from torch import nn
        def make():
            net = nn.Linear(1, 3)
            net.drawn = random.random(), numpy.random.rand(), torch.rand(1).item()
            return net
    """)  # fmt: skip
    values = set()
    for elsewhere in (1, 2):
        random.seed(elsewhere)
        numpy.random.seed(elsewhere)  # noqa: NPY002  # the global state is what is tested
        values.add(build_model(f"{drawn}:make").drawn)
    assert len(values) == 1
    before = torch.get_rng_state()
    assert build_model(f"{drawn}:make", seed=2).drawn != build_model(f"{drawn}:make").drawn
    assert torch.equal(torch.get_rng_state(), before)


def test_neighbours_are_imported_and_forgotten_so_that_two_of_one_name_do_not_mix(write):
    for folder, width in (("a", 2), ("b", 3)):
        write(f"{folder}/sizes/__init__.py", "")
        write(f"{folder}/sizes/wide.py", f"WIDTH = {width}")
        write(f"{folder}/layers.py", "from sizes import wide\n")
        write(f"{folder}/net.py", """
            import layers
            from torch import nn
            def make():
                import sizes.wide  # late, while the model is made
                return nn.Conv2d(3, layers.wide.WIDTH, sizes.wide.WIDTH)
        """)  # fmt: skip
    folder = write("a/net.py", (write("a/net.py", "").parent / "../b/net.py").read_text()).parent
    for name, width in (("a", 2), ("b", 3), ("a", 2)):
        model = build_model(f"{folder.parent / name / 'net.py'}:make")
        assert (model.out_channels, model.kernel_size) == (width, (width, width))


def test_a_neighbour_goes_before_a_module_of_its_name_in_use_which_stays_as_it_was(
    write, monkeypatch
):
    elsewhere = write("elsewhere/widths/__init__.py", "WIDTH = 2").parent.parent
    write("elsewhere/widths/deep.py", "")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(elsewhere)
        patch.setattr(sys, "dont_write_bytecode", True)
        in_use, deep = map(importlib.import_module, ("widths", "widths.deep"))
    write("widths.py", "WIDTH = 3")
    write("numpy.py", "raise RuntimeError")  # an installed package cannot be loaded twice
    path = write(
        "net.py",
        """
        from numpy import zeros
        from widths import WIDTH
        from torch import nn
        def make(): return nn.Linear(WIDTH, 1)
        """,
    )
    assert build_model(f"{path}:make").in_features == 3
    assert sys.modules.pop("widths") is in_use
    assert sys.modules.pop("widths.deep") is deep
    assert in_use.WIDTH == 2


def test_a_change_of_the_file_is_seen_at_once(write):
    for width in (1, 2):
        path = write("net.py", f"from torch import nn\ndef make(): return nn.Linear({width}, 1)")
        assert build_model(f"{path}:make").in_features == width


def test_a_new_neighbour_is_seen_though_the_folders_clock_stood_still(write):
    make = "from torch import nn\ndef make(): return nn.Linear(WIDTH, 1)"
    write("early.py", "WIDTH = 4")
    path = write("net.py", f"from early import WIDTH\n{make}")
    assert build_model(f"{path}:make").in_features == 4
    clock = path.parent.stat()
    write("late.py", "WIDTH = 5")
    write("net.py", f"from late import WIDTH\n{make}")
    os.utime(path.parent, ns=(clock.st_atime_ns, clock.st_mtime_ns))
    assert build_model(f"{path}:make").in_features == 5


def test_dataclasses_and_a_changed_path_are_no_trouble(write, tmp_path):
    path = write("net.py", """
        from __future__ import annotations
        import sys
        from dataclasses import dataclass
        from torch import nn
        sys.path.append("elsewhere")
        @dataclass
        class Config:
            width: int = 3
        def make():
            return nn.Linear(Config().width, 1)
    """)  # fmt: skip
    assert build_model(f"{path}:make").in_features == 3


def test_what_a_file_prints_is_not_taken_for_a_result(write, capsys):
    path = write("net.py", """
        from torch import nn
        print("imported")
        def make():
            print("made")
            return nn.Linear(1, 1)
    """)  # fmt: skip
    build_model(f"{path}:make")
    assert capsys.readouterr() == ("", "imported\nmade\n")


def test_a_file_may_build_another(net, write):
    path = write("other/net.py", f"""
        from resprobe.sources import build_model
        def make():
            return build_model({f"{net}:fixed"!r})
    """)  # fmt: skip
    assert classes(build_model(f"{path}:make")) == 7


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("makemodel", UsageError,
         "unknown function 'makemodel': did you mean 'make_model'.* has Block, Net, make_model"),
        ("WIDTH", UsageError, "WIDTH is a int; wanted a function that makes the model"),
        ("needs", UsageError, "needs wants depth, width; give it as .*:depth=VALUE:width=VALUE"),
        ("needs:depth=2", UsageError, "needs wants width; give it as .*needs:width=VALUE"),
        ("make_model:dept=2", UsageError,
         "unknown option of .*make_model 'dept': did you mean 'depth'.* takes depth, num_classes"),
        ("fixed:depth=2", UsageError, "unknown option .*'depth': it takes none"),
        ("fails", InputError,
         r"net\.py: fails fails \(line 38: RuntimeError: the weights are on\)$"),
        ("leaves", InputError, r"leaves fails \(line 41: SystemExit: 3\)"),
        ("make_model:depth=deep", InputError, r"fails \(line 19: TypeError: 'str' object"),
        ("gives_a_list", InputError, r"returns a list; wanted a torch\.nn\.Module"),
        ("gives_the_class", InputError, "returns the class itself; wanted"),
    ],
)  # fmt: skip
def test_a_function_that_makes_no_model_is_one_sentence_with_the_reason(net, name, error, match):
    with pytest.raises(error, match=match):
        build_model(f"{net}:{name}")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("import nothing_of_this_name", "line 1: ModuleNotFoundError: No module named 'nothing_of"),
        ("\ndef make(:", r"line 2: SyntaxError: "),
        ("import sys\nsys.exit(2)", "line 2: SystemExit: 2"),
        ("x = 1\nraise ValueError", r"line 2: ValueError\)"),
        ("x = '\0'", "SyntaxError|ValueError"),
    ],
)
def test_a_file_that_does_not_import_is_one_sentence_with_the_reason(write, text, match):
    with pytest.raises(InputError, match=rf"net\.py: does not import \(.*({match})"):
        build_model(f"{write('net.py', text)}:make")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"gone\.py: no such file; check the path"):
        build_model(f"{tmp_path}/gone.py:make")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(InputError, match=r"folder\.py: a folder"):
        build_model(f"{tmp_path}/folder.py:make")


def test_a_file_without_functions_says_so(write):
    path = write("net.py", "from torch import nn")
    with pytest.raises(UsageError, match=r"unknown function 'make': .*net\.py defines no function"):
        build_model(f"{path}:make")


def test_ctrl_c_is_not_swallowed(write):
    path = write("net.py", "def make(): raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        build_model(f"{path}:make")


def test_a_callable_that_says_nothing_of_its_arguments_is_called(write):
    path = write("net.py", """
        from torch import nn
        class Maker:
            __signature__ = "unreadable"
            def __call__(self, width=2):
                return nn.Linear(width, 1)
        make = Maker()
    """)  # fmt: skip
    assert isinstance(build_model(f"{path}:make:width=3"), nn.Linear)


def test_a_model_without_values_is_refused(write):
    path = write(
        "empty.py", "def make(): return nn.Linear(2, 2, device='meta')\nfrom torch import nn\n"
    )
    with pytest.raises(InputError, match=r"make: returns a model without values .*on the CPU"):
        build_model(f"{path}:make")
