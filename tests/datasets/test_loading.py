import pytest

from resprobe.datasets import catalogue, load
from resprobe.datasets.known import data_root
from resprobe.errors import InputError, UsageError


def test_an_unknown_data_set_gets_a_suggestion():
    with pytest.raises(UsageError, match="unknown data set 'cifar11': did you mean 'cifar10'"):
        load("cifar11")


def test_a_folder_without_its_prefix_gets_a_hint(tmp_path):
    with pytest.raises(UsageError, match=f"write folder:{tmp_path}"):
        load(str(tmp_path))


def test_an_unknown_split_gets_a_suggestion():
    with pytest.raises(UsageError, match="unknown split 'tets': did you mean 'test'"):
        load("embedded", split="tets")


@pytest.mark.parametrize(
    ("name", "places"),
    [
        (
            "cifar10",
            "cifar-10-binary.tar.gz .*cifar-10-batches-bin .*python.tar.gz .*cifar-10-batches-py",
        ),
        (
            "cifar100",
            "cifar-100-binary.tar.gz .*cifar-100-binary .*python.tar.gz .*cifar-100-python",
        ),
        ("fashion-mnist", "fashion-mnist"),
    ],
)
def test_a_data_set_that_is_not_at_hand_names_the_places_and_the_command(tmp_path, name, places):
    with pytest.raises(InputError) as error:
        load(name, root=tmp_path)
    text = str(error.value)
    for place in places.split(" .*"):
        assert f"{tmp_path}" in text
        assert place in text
    assert f"`resprobe data fetch {name}`" in text
    assert "--data-root" in text


def test_the_data_root_is_the_given_one_else_the_environment_else_data(monkeypatch, tmp_path):
    monkeypatch.delenv("RESPROBE_DATA", raising=False)
    assert str(data_root(None)) == "data"
    monkeypatch.setenv("RESPROBE_DATA", str(tmp_path))
    assert data_root(None) == tmp_path
    assert data_root("other").name == "other"


def test_the_catalogue_says_what_is_at_hand(tmp_path):
    rows = {row["name"]: row for row in catalogue(tmp_path)}
    assert [name for name, row in rows.items() if row["at_hand"]] == ["embedded"]
    assert rows["cifar10"]["get"] == "resprobe data fetch cifar10"
    assert rows["cifar10"]["download_bytes"] == 170_052_171
    assert rows["cifar100"]["classes"] == 100
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"")
    rows = {row["name"]: row for row in catalogue(tmp_path)}
    assert rows["cifar10"]["place"] == str(tmp_path / "cifar-10-batches-py")
    assert rows["cifar100"]["place"] == str(tmp_path / "cifar-100-python.tar.gz")
    assert not rows["fashion-mnist"]["at_hand"]
