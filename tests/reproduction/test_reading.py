"""What a script's docstring and code say of it, without running anything."""

import pytest

from resprobe.errors import InputError
from resprobe.reproduction import find_scripts, read_script


def test_the_fields_of_a_docstring_are_read_whole(write):
    found = read_script(write("so", 3, options=" --images 5 \\\\\n              --label 'a  b'"))
    assert (found.name, found.number, found.title) == ("so", 3, "It is so.")
    assert found.question == "Is it so, or not?"
    assert found.commands == ("python analyses/so.py --images 5 --label 'a b'",)
    assert (found.full, found.setting, found.cost) == ((), "", "Nothing.")


def test_a_continued_command_is_one_line_whether_or_not_python_has_joined_it(write):
    for backslash in ("\\", "\\\\"):
        path = write("so", 3, options=f" --a 1 {backslash}\n              --b 2")
        assert read_script(path).commands == ("python analyses/so.py --a 1 --b 2",)


def test_several_lines_of_a_field_are_several_commands(write):
    path = write(
        "so", 3, options="\nFull      resprobe train --arch resnet8\n          python so.py"
    )
    assert read_script(path).full == ("resprobe train --arch resnet8", "python so.py")


def test_scripts_are_found_in_the_order_of_their_numbers_and_other_files_are_none(write):
    folder = write("b", 10).parent
    write("a", 9)
    (folder / "helper.py").write_text('"""No script."""\n')
    assert [script.name for script in find_scripts(folder)] == ["a", "b"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Cost      Nothing.\n", "", "it lacks Cost"),
        ("Cost      ", "Costs     ", "it lacks Cost and has also Costs"),
        ("Number    3", "Number    three", "a whole Number"),
        ('"""', '"', "no Python file that can be read"),
    ],
)
def test_a_docstring_that_lacks_something_is_refused_in_one_sentence(write, old, new, said):
    path = write("so", 3)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        read_script(path)


def test_two_scripts_of_one_number_and_a_folder_of_none_are_refused(write, tmp_path):
    folder = write("a", 3).parent
    write("b", 3)
    with pytest.raises(InputError, match=r"a\.py and b\.py both have number 3"):
        find_scripts(folder)
    with pytest.raises(InputError, match="no scripts of published claims"):
        find_scripts(tmp_path)


@pytest.mark.parametrize(
    ("given", "networks", "any_networks"),
    [("", False, False), ("own=(1,)", True, False), ("any_networks=True", True, True),
     ("own=(1,), any_networks=True", True, True)],
)  # fmt: skip
def test_what_a_script_takes_is_known_without_running_it(looking, given, networks, any_networks):
    found = read_script(looking("so", 3, given))
    assert (found.networks, found.any_networks) == (networks, any_networks)
    assert ("--ckpt" in found.options) == networks
    assert {"--images", "--draws", "--smoke", "--device"} <= found.options
    assert "--unused" not in found.options
