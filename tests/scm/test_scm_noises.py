"""Beta noise: the distribution, its independence of blocks, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel.seeding import Stream
from plurel_scm.noises import Beta, beta_quantiles

PARAMETERS = [(0.5, 0.5), (0.5, 5.0), (5.0, 0.5), (1.0, 1.0), (2.0, 3.5), (5.0, 5.0), (0.51, 0.77)]


def noise_of(alpha, beta):
    return Beta(alpha=Choices.constant(alpha), beta=Choices.constant(beta))


@pytest.mark.parametrize(("alpha", "beta"), [*PARAMETERS, (0.2, 0.3), (60.0, 80.0)])
def test_draws_are_beta_distributed(alpha, beta):
    draws = noise_of(alpha, beta).plan(Stream(11) / alpha.hex() / beta.hex()).block(0, (1 << 18,))
    assert stats.kstest(draws.astype(np.float64), stats.beta(alpha, beta).cdf).pvalue > 1e-3
    assert draws.min() >= 0
    assert draws.max() <= 1


@pytest.mark.parametrize(("alpha", "beta"), PARAMETERS)
def test_quantiles_are_those_of_scipy(alpha, beta):
    levels = np.linspace(0, 1, 4097)
    np.testing.assert_allclose(beta_quantiles(alpha, beta), stats.beta(alpha, beta).ppf(levels), atol=5e-4)


@settings(max_examples=50)
@given(alpha=st.floats(0.05, 20), beta=st.floats(0.05, 20))
def test_quantiles_ascend_from_0_to_1(alpha, beta):
    quantiles = beta_quantiles(alpha, beta)
    assert quantiles.shape == (4097,)
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles[0] == pytest.approx(0, abs=1e-12)
    assert quantiles[-1] == pytest.approx(1, abs=1e-12)


def test_a_block_is_a_function_of_its_number_alone():
    plan = Beta().plan(Stream(3))
    later = plan.block(5, (64, 32))
    plan.block(4, (64, 32))
    np.testing.assert_array_equal(plan.block(5, (64, 32)), later)
    assert abs(np.corrcoef(plan.block(4, (4096,)), plan.block(5, (4096,)))[0, 1]) < 0.06


@pytest.mark.parametrize("shape", [(0, 32), (1, 32), (3, 5), (7,)])
def test_noise_has_the_shape_that_was_asked_for(shape):
    draws = Beta().plan(Stream(3)).block(0, shape)
    assert draws.shape == shape
    assert draws.dtype == np.float32


def test_nodes_draw_parameters_of_their_own():
    means = [Beta().plan(Stream(seed)).block(0, (4096,)).mean() for seed in range(20)]
    assert np.ptp(means) > 0.3


def test_a_parameter_that_is_not_above_0_is_refused():
    with pytest.raises(ConfigError, match=r"numbers above 0, got 0\.0 @ \$.alpha"):
        noise_of(0.0, 1.0)
