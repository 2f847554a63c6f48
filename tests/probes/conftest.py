import pytest
import torch


@pytest.fixture
def model_state():
    """Everything that a probe must leave as it was, as one comparable value."""

    def state(model):
        return (
            [
                (name, m.training, len(m._forward_hooks), len(m._backward_hooks))
                for name, m in model.named_modules()
            ],
            [(n, p.requires_grad, p.grad is None) for n, p in model.named_parameters()],
            [(key, value.clone().numpy().tobytes()) for key, value in model.state_dict().items()],
            torch.get_rng_state().numpy().tobytes(),
            torch.is_grad_enabled(),
        )

    return state
