"""Layer responses and the identity path of trained weights on real images."""

import numpy as np
import pytest

from resprobe.probes import gradflow, magnitude, stored_responses

pytestmark = pytest.mark.real


def test_batch_norms_parameters_say_the_responses_to_real_images(subject):
    chain, data = subject("resnet20", 96)
    told = stored_responses(chain).frame["from_batch_norm"].to_numpy()
    seen = magnitude(chain, data, batch_norm="batch").responses.frame["response_std"].to_numpy()
    # but for eps, 1e-5 beside variances of a tenth and more
    np.testing.assert_allclose(seen[:-1], told[:-1], rtol=1e-4)
    assert np.isnan(told[-1])


def test_what_comes_by_shortcuts_alone_is_a_small_part_of_the_gradient(subject):
    frame = gradflow(*subject("resnet20", 64)).blocks.frame
    gain = frame["identity_gain"].to_numpy()
    # every ReLU and every padding on the way lets a part go
    assert (np.diff(gain) > 0).all()
    assert gain[-1] < 1
    assert frame["identity_path"].iloc[-1] == pytest.approx(frame["identity"].iloc[-1], rel=1e-5)
    assert (frame["identity_path"] < 0.1 * frame["input"])[:8].all()
