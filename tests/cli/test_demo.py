from functools import partial
from pathlib import Path

import pytest

import resprobe.demo


@pytest.fixture
def tiny(monkeypatch):
    """Let the demo do little: it is its command that is tested here."""
    scale = partial(
        resprobe.demo.Scale, trained=("plain8", "resnet8"), untrained=("plain8",), epochs=2,
        width=2, train_images=300, test_images=20, gradient_images=8,
    )  # fmt: skip
    monkeypatch.setattr(resprobe.demo, "Scale", scale)


def test_the_demo_says_what_it_does_and_prints_the_page(ok, tiny):
    ran = ok("demo", "--out", "new/demo", "--device", "cpu", "--seed", "1")
    assert ran.out == "new/demo/index.html\n"
    assert "<svg" in Path(ran.out.strip()).read_text()
    assert ran.notes[0] == "resprobe: training plain8 on 300 images, epochs: 2"
    assert ran.notes[-1].startswith("resprobe: done in ")


def test_a_demo_that_fails_at_once_leaves_no_empty_folder(call, tiny, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "new/demo/trained/plain8.pt")

    monkeypatch.setattr(resprobe.demo, "train", full)
    ran = call("demo", "--out", "new/demo", "--quiet")
    assert ran.code == 1
    assert ran.err == "resprobe: new/demo/trained/plain8.pt: No space left on device\n"
    assert list(tmp_path.iterdir()) == []
