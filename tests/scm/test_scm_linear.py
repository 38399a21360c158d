"""Mechanism `linear`: a weighted sum of scaled inputs, and a label for the greatest of several."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.errors import ConfigError
from plurel.plugins.requests import MechanismRequest, NodeInput, RowSample
from plurel.seeding import Stream
from plurel_scm.linear import Linear, Scale

ROWS = 500
NUMBER, LABEL = NodeInput(kind="number", weight=2.0), NodeInput(kind="category", categories=4, weight=-1.0)


def request(inputs=(NUMBER,), sample=None, **more):
    return MechanismRequest(
        inputs=inputs,
        output="number",
        dim=8,
        parts=None,
        stream=Stream(1) / "function",
        sample=RowSample if sample is None else lambda: RowSample(inputs=tuple(sample)),
        **more,
    )


def quiet(node):
    """Noise at its middle, which adds nothing."""
    return np.full((ROWS, *node.noise_shape), 0.5, dtype=np.float32)


def numbers(seed=0, size=1.0, shift=0.0):
    drawn = np.random.default_rng(seed).normal(size=ROWS)
    return ((drawn - drawn.mean()) / drawn.std() * size + shift).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(size=st.sampled_from([1e-20, 0.01, 1.0, 1e6, 1e30]), shift=st.sampled_from([-1e4, 0.0, 50.0]))
def test_an_input_of_any_size_has_the_same_say(size, shift):
    values = numbers(size=size, shift=shift if size > 1e-3 else 0.0)
    node = Linear().plan(request(sample=[values]))
    made = node.compute([values], None, quiet(node))
    assert made.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(made, values.astype(float))[0, 1] > 0.999


def test_weights_of_edges_are_coefficients():
    first, second = numbers(0), numbers(1)
    edges = (NUMBER, evolve(NUMBER, weight=-3.0))
    node = Linear().plan(request(edges, sample=[first, second]))
    made = node.compute([first, second], None, quiet(node))
    fitted = np.linalg.lstsq(np.stack([first, second, np.ones(ROWS)], axis=1), made, rcond=None)[0]
    assert fitted[1] / fitted[0] == pytest.approx(-1.5, rel=0.01)


def test_a_label_stands_for_a_value():
    node = Linear().plan(request((LABEL,)))
    labels = np.arange(ROWS) % 4
    made = node.compute([labels], None, quiet(node))
    assert [len(set(made[labels == label].tolist())) for label in range(4)] == [1, 1, 1, 1]
    assert len(set(made.tolist())) == 4


def test_a_category_takes_labels_that_depend_on_the_inputs():
    wanted = request((NUMBER, LABEL), sample=[numbers(), np.arange(ROWS) % 4])
    node = Linear().plan(evolve(wanted, output="category", categories=5))
    assert node.noise_shape == (5,)
    made = node.compute([numbers(), np.arange(ROWS) % 4], None, quiet(node))
    assert len(set(made.tolist())) > 1


def test_what_is_missing_counts_as_the_mean():
    values = numbers(shift=70)
    node = Linear().plan(request(sample=[values]))
    holes = np.where(np.arange(ROWS) % 2 == 0, np.float32(np.nan), values)
    made = node.compute([holes], None, quiet(node))
    assert not made[::2].any()
    np.testing.assert_array_equal(made[1::2], node.compute([values], None, quiet(node))[1::2])


def test_noise_has_the_deviation_that_is_asked_for():
    node = Linear(noise_scale=Linear().noise_scale.constant(0.5)).plan(request())
    noise = np.random.default_rng(0).random(ROWS, dtype=np.float32)
    made = node.compute([np.zeros(ROWS, dtype=np.float32)], None, noise)
    assert made.std() == pytest.approx(0.5, rel=0.1)


@given(
    sample=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=8),
    values=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=8),
)
def test_scaled_numbers_are_finite_whatever_they_were(sample, values):
    scale = Scale.of(np.array(sample, dtype=np.float32))
    assert np.isfinite(scale(np.array(values, dtype=np.float32))).all()


def test_a_negative_deviation_of_noise_is_refused():
    with pytest.raises(ConfigError, match="numbers from 0 upwards, got -1"):
        Linear(noise_scale=Linear().noise_scale.constant(-1))
