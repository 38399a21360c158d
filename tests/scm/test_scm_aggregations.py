"""What joins encodings: plain formulas, associativity, neutral elements, NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp

from plurel_scm.aggregations import LogSumExp, Max, Product, Sum

PLAIN = {
    Sum: lambda stack: stack.sum(axis=0),
    Max: lambda stack: stack.max(axis=0),
    Product: lambda stack: stack.prod(axis=0),
    LogSumExp: lambda stack: logsumexp(stack, axis=0),
}
stacks = arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(1, 3)),
    elements=st.floats(-50, 50, width=32).map(lambda x: np.float32(round(x, 3))),
)
each = pytest.mark.parametrize("kind", list(PLAIN))


@each
@given(stack=stacks)
def test_an_aggregation_follows_its_formula(kind, stack):
    expected = PLAIN[kind](stack.astype(np.float64))
    np.testing.assert_allclose(kind()(stack.copy()), expected, rtol=1e-4, atol=1e-4)


@each
@given(stack=stacks, cut=st.integers(1, 4))
def test_joining_joined_parts_is_joining_all(kind, stack, cut):
    join = kind()
    assert join.associative
    parts = [join(part.copy()) for part in (stack[:cut], stack[cut:]) if len(part)]
    np.testing.assert_allclose(join(np.stack(parts)), join(stack.copy()), rtol=1e-4, atol=1e-4)


@each
@given(stack=stacks)
def test_the_neutral_value_changes_nothing(kind, stack):
    join = kind()
    absent = np.full((1, *stack.shape[1:]), join.neutral, dtype=np.float32)
    np.testing.assert_allclose(
        join(np.concatenate([stack, absent])), join(stack.copy()), rtol=1e-6, atol=1e-6
    )


@each
def test_nan_stays_nan(kind):
    stack = np.ones((3, 2, 2), dtype=np.float32)
    stack[1, 0, 1] = np.nan
    got = kind()(stack)
    assert np.isnan(got[0, 1])
    assert np.isfinite(got[[0, 1, 1], [0, 0, 1]]).all()


def test_the_smooth_maximum_does_not_overflow():
    stack = np.array([1e4, 1e4, -1e4], dtype=np.float32).reshape(3, 1, 1)
    assert LogSumExp()(stack)[0, 0] == pytest.approx(1e4 + np.log(2), rel=1e-6)


def test_the_smooth_maximum_of_nothing_is_nothing():
    stack = np.full((2, 1, 1), -np.inf, dtype=np.float32)
    assert LogSumExp()(stack)[0, 0] == -np.inf


def test_only_a_sum_takes_the_mean_of_a_parent_row():
    assert Sum().foreign_weight(4) == 0.25
    assert [kind().foreign_weight(4) for kind in (Max, Product, LogSumExp)] == [1, 1, 1]
