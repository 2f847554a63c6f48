import pytest
import torch
import torch.nn.functional as F
from monitor.models import InPlace, Net

from resprobe.errors import ResprobeError
from resprobe.monitor import watch


@pytest.fixture
def compiled():
    """Compile with a backend that needs no other compiler; forget it all afterwards."""
    torch.compiler.reset()
    yield lambda model: torch.compile(model, backend="aot_eager")
    torch.compiler.reset()


def step(model, optimiser, x, y):
    optimiser.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimiser.step()


@pytest.mark.filterwarnings("ignore")  # the compiler's own, about its own
def test_a_model_that_is_compiled_afterwards_is_watched_as_an_eager_one(compiled, batch, one_step):
    torch.manual_seed(0)
    model = Net(InPlace(), InPlace())
    x, y = batch(dtype=torch.float32)
    start = {key: value.clone() for key, value in model.state_dict().items()}
    expected = one_step(model, x, y)
    model.load_state_dict(start)
    fast = compiled(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(fast, x, optimiser=optimiser) as seen:
        step(fast, optimiser, x, y)
    figures = expected.columns[8:]
    found = seen.result().frame[figures].to_numpy()
    assert found == pytest.approx(expected[figures].to_numpy(), rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_runs_compiled_already_is_refused_with_the_reason(compiled, batch):
    torch.manual_seed(0)
    model = Net(InPlace(), InPlace())
    x, y = batch(dtype=torch.float32)
    fast, optimiser = compiled(model), torch.optim.SGD(model.parameters(), lr=0.1)
    step(fast, optimiser, x, y)
    with (
        watch(fast, x, optimiser=optimiser),
        pytest.raises(ResprobeError, match=r"pytorch#117758.*before it is compiled"),
    ):
        step(fast, optimiser, x, y)
