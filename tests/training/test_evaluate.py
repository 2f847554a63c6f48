import pytest
import torch
import torch.nn.functional as F

from resprobe.datasets import Batches
from resprobe.training import evaluate


def test_figures_are_those_of_all_images_at_once_whatever_the_batches(two_kinds, tiny, half):
    data, model = two_kinds(21), tiny.build(seed=2).eval()
    with torch.no_grad():
        logits = model((data.images / 255 - 0.5) / 0.25)
    wrong = int((logits.argmax(1) != data.labels).sum())
    loss = float(F.cross_entropy(logits, data.labels))
    for size in (1, 4, 21, 100):
        seen = evaluate(model, Batches(data, half, size))
        assert seen.loss == pytest.approx(loss, rel=1e-5)
        assert (seen.wrong, seen.n, seen.error) == (wrong, 21, wrong / 21)


def test_the_model_is_left_as_it_was(two_kinds, tiny, half):
    model = tiny.build(seed=2).train()
    model.layer2.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]

    evaluate(model, Batches(two_kinds(8), half))

    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()


def test_the_mode_comes_back_after_an_error(two_kinds, tiny, half):
    model = tiny.build().train()
    data = two_kinds(8, size=8)
    model.fc = torch.nn.Linear(3, 2)
    with pytest.raises(RuntimeError):
        evaluate(model, Batches(data, half))
    assert all(module.training for module in model.modules())
