"""Each activation is the function it is named after, in single precision, NaN to NaN."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import special

from plurel.config import Choices
from plurel.seeding import Stream
from plurel_scm import plugin
from plurel_scm.activations import FIXED, RandomSines

SLOPE = (1 / 8 + 1 / 3) / 2

PLAIN = {
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "silu": lambda x: x * special.expit(x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "gelu": lambda x: x * special.ndtr(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "tanhshrink": lambda x: x - np.tanh(x),
    "rrelu": lambda x: np.where(x > 0, x, SLOPE * x),
    "logsigmoid": lambda x: -np.logaddexp(0, -x),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "identity": lambda x: x,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "sign": np.sign,
    "clamp": lambda x: np.clip(x, -1, 1),
    "signed_log1p": lambda x: np.sign(x) * np.log1p(np.abs(x)),
    "bent_identity": lambda x: (np.sqrt(x * x + 1) - 1) / 2 + x,
}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_an_activation_follows_its_formula(name):
    x = np.concatenate([np.linspace(-12, 12, 4001), [-1e4, 1e4, -0.5, 0.5, 0.0]]).astype(np.float32)
    expected = PLAIN[name](x.astype(np.float64))
    got = FIXED[name](x.copy())
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=3e-6)


def test_there_are_29_activations(contributions):
    made = contributions(plugin.plurel_activations)
    assert len(made) == 29
    assert set(made) == set(PLAIN) | {"random_sines"}


def test_every_activation_passes_nan_keeps_shapes_and_pickles(contributions):
    for name, activation in contributions(plugin.plurel_activations).items():
        function = activation.draw(Stream(1) / "activation")
        for shape in ((0, 3), (1, 3), (2, 3), (300, 32)):
            x = np.full(shape, 0.25, dtype=np.float32)
            x[:, 1] = np.nan
            got = function(x.copy())
            assert got.shape == shape, name
            assert got.dtype == np.float32, name
            assert np.isnan(got[:, 1]).all(), name
            assert np.isfinite(got[:, [0, 2]]).all(), name
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(function))(x.copy()), got)


def test_no_activation_warns_for_the_largest_inputs_of_a_layer(contributions):
    x = np.array([-3e7, -1e6, -1e-30, 0, 1e-30, 1e6, 3e7], dtype=np.float32)
    for name, activation in contributions(plugin.plurel_activations).items():
        got = activation.draw(Stream(1) / "activation")(x.copy())
        if name != "bent_identity":
            assert np.isfinite(got).all(), name


def test_random_sines_are_drawn_from_their_distributions():
    sums = [RandomSines().draw(Stream(seed)) for seed in range(2000)]
    counts = np.array([len(one.terms) for one in sums])
    assert np.bincount(counts).nonzero()[0].tolist() == [3, 4, 5, 6, 7]
    amplitudes, frequencies, phases = np.concatenate([one.terms for one in sums]).T
    assert abs(amplitudes.mean()) < 0.05
    assert abs(amplitudes.std() - 1) < 0.05
    exponents = np.log10(frequencies)
    assert exponents.min() >= -1
    assert exponents.max() <= 1
    assert abs(exponents.mean()) < 0.03
    assert phases.min() >= 0
    assert phases.max() <= 2 * np.pi + 1e-6


def test_random_sines_are_the_sum_they_say():
    one = RandomSines(terms=Choices.constant(5)).draw(Stream(3))
    x = np.linspace(-50, 50, 999, dtype=np.float32)
    expected = sum(a * np.sin(f.astype(np.float64) * x + p) for a, f, p in one.terms)
    assert len(one.terms) == 5
    np.testing.assert_allclose(one(x.copy()), expected, atol=3e-4)


def test_sines_of_large_arguments_stay_exact():
    x = np.array([1e4, 1e5, 1e6, 1e7, 3.2e7], dtype=np.float32)
    np.testing.assert_allclose(FIXED["sin"](x.copy()), np.sin(x.astype(np.float64)), atol=1e-6)
