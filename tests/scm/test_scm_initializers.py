"""Moments, bounds and zeros of the six initialisers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import truncnorm

from plurel.seeding import Stream
from plurel_scm.initializers import RULES, initializer

SHAPES = [(1, 32), (32, 32), (32, 1), (10, 32)]
DEVIATIONS = {
    "kaiming_normal": lambda i, o: math.sqrt(2 / o),
    "kaiming_uniform": lambda i, o: math.sqrt(2 / o),
    "xavier_normal": lambda i, o: math.sqrt(2 / (i + o)),
    "xavier_uniform": lambda i, o: math.sqrt(2 / (i + o)),
    "truncated_normal": lambda i, o: truncnorm(-2, 2).std(),
}


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_have_the_published_deviation_and_no_mean(name, shape):
    count = 200_000 // math.prod(shape)
    weights = initializer(name).draw((count, *shape), Stream(0) / name)
    expected = DEVIATIONS[name](*shape)
    assert weights.shape == (count, *shape)
    assert weights.dtype == np.float32
    assert abs(weights.mean()) < 0.01 * expected + 4 * expected / math.sqrt(weights.size)
    assert weights.std() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["kaiming_uniform", "xavier_uniform"])
def test_uniform_weights_fill_their_bounds(name):
    weights = initializer(name).draw((300, 32, 32), Stream(0))
    bound = math.sqrt(3) * DEVIATIONS[name](32, 32)
    assert np.abs(weights).max() <= bound * (1 + 1e-6)
    assert np.abs(weights).max() > 0.999 * bound


def test_truncated_weights_lie_within_two():
    assert np.abs(initializer("truncated_normal").draw((500, 32, 32), Stream(0))).max() <= 2


@pytest.mark.parametrize("shape", SHAPES)
def test_half_of_every_sparse_column_is_zero(shape):
    weights = initializer("sparse").draw((500, *shape), Stream(0))
    zeros = math.ceil(shape[0] / 2)
    assert ((weights == 0).sum(axis=1) == zeros).all()
    if zeros < shape[0]:
        assert weights[weights != 0].std() == pytest.approx(0.01, rel=0.04)
        assert ((weights == 0).mean(axis=(0, 2)) > 0.3).all()


def test_a_sparse_layer_of_one_input_is_all_zero():
    assert not initializer("sparse").draw((1, 32), Stream(5)).any()


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_same_stream_gives_the_same_weights(name):
    draws = [initializer(name).draw((32, 32), Stream(seed) / "w") for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
