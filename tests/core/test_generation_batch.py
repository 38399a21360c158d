"""Many databases into one directory: what two of their documents differ in. Whole runs: tests/integration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.generation.identity import first_difference

documents = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(one=documents, other=documents)
def test_documents_differ_somewhere_exactly_where_they_are_not_equal(one, other):
    assert (first_difference(one, other) is None) == (one == other)


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "found 3 where this run has 2 @ $.a.b[1]"),
        ({"a": [1]}, {"a": [1, 2]}, "found [1, 2] where this run has [1] @ $.a"),
        ({}, {"c": 1}, "only the directory has 'c' @ $"),
    ],
)
def test_the_first_difference_names_its_place(wanted, found, words):
    assert first_difference(wanted, found) == words
