"""Which batch fits when one did not: said by the error, and true."""

import dataclasses
import subprocess
import sys
import textwrap

import pytest
from torch import nn

from resprobe.errors import ResprobeError
from resprobe.networks import Architecture
from resprobe.training import Recipe, train

RECIPE = Recipe(name="quick", batch_size=16, pad=1)


@pytest.fixture
def narrow(monkeypatch):
    """Let every network run out of memory above so many images, as torch's CPU allocator does."""

    def limit(images):
        def refuse(module, inputs):
            if module.training and len(inputs[0]) > images:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

        build = Architecture.build

        def built(self, **where):
            model = build(self, **where)
            model.register_forward_pre_hook(refuse)
            return model

        monkeypatch.setattr(Architecture, "build", built)

    return limit


@pytest.mark.parametrize(("room", "fits"), [(15, 8), (3, 2)])
def test_the_largest_half_that_fits_is_named(two_kinds, tiny, tmp_path, narrow, room, fits):
    narrow(room)
    wanted = rf"out of memory with batches of 16 images; {fits} fit, .* --batch-size {fits}$"
    with pytest.raises(ResprobeError, match=wanted):
        train(tiny, two_kinds(100), recipe=RECIPE, epochs=1, out=tmp_path / "net.pt")
    recipe = dataclasses.replace(RECIPE, batch_size=fits)
    train(tiny, two_kinds(100), recipe=recipe, epochs=1, out=tmp_path / "net.pt")


def test_where_nothing_fits_that_is_said(two_kinds, tiny, tmp_path, narrow):
    narrow(1)
    with pytest.raises(ResprobeError, match="with batches of 16 images, and with any smaller one"):
        train(tiny, two_kinds(100), recipe=RECIPE, epochs=1, out=tmp_path / "net.pt")


def test_another_error_is_no_lack_of_memory(two_kinds, tiny, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(nn.functional, "cross_entropy", fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(tiny, two_kinds(100), recipe=RECIPE, epochs=1, out=tmp_path / "net.pt")


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space as Linux does")
@pytest.mark.long
def test_a_real_lack_of_memory_names_a_batch_that_fits(tmp_path):
    """The address space is limited to what is taken already and 700 MB more."""
    program = textwrap.dedent(
        """
        import resource, torch
        from resprobe.datasets import ImageSet
        from resprobe.networks import Architecture
        from resprobe.training import Recipe, train

        torch.set_num_threads(1)
        images = torch.randint(0, 256, (4096, 3, 32, 32)).to(torch.uint8)
        data = ImageSet(images, torch.arange(4096) % 2, ("a", "b"), "noise", "train")
        network = Architecture("resnet8", num_classes=2)
        torch.nn.Conv2d(3, 4, 3)(torch.zeros(2, 3, 8, 8)).sum().backward()
        taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 700_000_000,) * 2)
        recipe = Recipe(batch_size=2048, validation_fraction=0.0)
        train(network, data, recipe=recipe, epochs=1, out="net.pt")
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "out of memory with batches of 2048 images; " in ran.stderr, ran.stderr
    fits = int(ran.stderr.split("--batch-size ")[-1])
    assert fits in (512, 256, 128, 64)
