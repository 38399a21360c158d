"""Mechanism `trees`: oblivious trees that ask about every input."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel.plugins.requests import MechanismRequest, NodeInput, RowSample
from plurel.seeding import Stream
from plurel.testing.mechanisms import SampleRows
from plurel_scm.trees import Question, Tree, Trees

ROWS = 400
NUMBER, LABEL = NodeInput(kind="number"), NodeInput(kind="category", categories=3)


def request(inputs=(NUMBER, LABEL), seed=0, **more):
    stream = Stream(seed) / "function"
    return MechanismRequest(inputs=inputs, output="number", dim=8, parts=None, stream=stream, **more)


def drawn(inputs, seed=0, size=1.0):
    generator = np.random.default_rng(seed)
    return [
        (generator.normal(size=ROWS) * size).astype(np.float32)
        if one.kind == "number"
        else generator.integers(0, one.categories, ROWS)
        for one in inputs
    ]


def quiet(node):
    """Noise at its middle, which adds nothing."""
    return np.full((ROWS, *node.noise_shape), 0.5, dtype=np.float32)


def only(count, depth):
    return Trees(count=Choices.constant(count), depth=Choices.constant(depth))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 4), depth=st.integers(1, 6))
def test_a_node_has_as_many_values_as_its_trees_have_leaves_at_most(seed, count, depth):
    node = only(count, depth).plan(request(seed=seed))
    assert [len(tree.questions) for tree in node.trees] == [depth] * count
    made = node.compute(drawn([NUMBER, LABEL]), None, quiet(node))
    assert len(set(made.tolist())) <= 2 ** (count * depth)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), inputs=st.integers(1, 9))
def test_every_input_is_asked_about_before_one_is_asked_about_again(seed, inputs):
    node = only(3, 3).plan(request((NUMBER,) * inputs, seed=seed))
    asked = [question.feature for tree in node.trees for question in tree.questions]
    counts = np.bincount(asked, minlength=inputs)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e8])
def test_thresholds_lie_where_the_inputs_lie(size):
    inputs = (NUMBER,) * 3
    values = drawn(inputs, size=size)
    node = only(4, 3).plan(request(inputs, sample=lambda: RowSample(inputs=tuple(values))))
    assert len(set(node.compute(values, None, quiet(node)).tolist())) > 10


def test_labels_are_compared_by_equality_and_missing_numbers_go_one_way():
    assert Question(0, 2.0, label=True).ask(np.array([0, 1, 2, -1])).tolist() == [False, False, True, False]
    numbers = np.array([0.0, 3.0, np.nan, np.inf], dtype=np.float32)
    assert Question(0, 1.0, label=False).ask(numbers).tolist() == [False, True, False, True]


def test_leaves_are_numbered_by_the_answers():
    questions = (Question(0, 0.0, label=False), Question(1, 1.0, label=True))
    tree = Tree(questions, np.array([[0], [1], [2], [3]], dtype=np.float32))
    sums = np.zeros((4, 1), dtype=np.float32)
    tree.add([np.array([-1, 1, -1, 1], dtype=np.float32), np.array([0, 0, 1, 1])], sums)
    assert sums[:, 0].tolist() == [0, 1, 2, 3]


def test_columns_of_parent_rows_are_asked_about_too():
    foreign = (NUMBER,) * 6
    node = only(2, 4).plan(request((NUMBER, NUMBER), foreign=foreign))
    assert len(node.foreign) == 2
    values, beside = drawn([NUMBER, NUMBER]), drawn(foreign, seed=1)
    vectors = np.zeros((6, ROWS, 8), dtype=np.float32)
    made = node.compute(values, SampleRows(tuple(beside), vectors), quiet(node))
    moved = [column + 10 if place in node.foreign else column for place, column in enumerate(beside)]
    other = node.compute(values, SampleRows(tuple(moved), vectors), quiet(node))
    assert (made != other).any()


def test_a_category_takes_labels_in_range_that_depend_on_the_inputs():
    node = Trees().plan(evolve(request(), output="category", categories=5))
    made = node.compute(drawn([NUMBER, LABEL]), None, quiet(node))
    assert 1 < len(set(made.tolist())) <= 5
    assert made.max() < 5


@pytest.mark.parametrize(("name", "value"), [("count", 0), ("count", 65), ("depth", 0), ("depth", 11)])
def test_numbers_of_trees_and_levels_have_bounds(name, value):
    with pytest.raises(ConfigError, match=f"got {value} @"):
        Trees(**{name: Choices.constant(value)})
