"""Lazily typed tables: numbers first, labels cut from whole columns, whatever the blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.errors import GenerationError
from plurel.plugins.requests import BLOCK_ROWS, BlockRequest
from plurel.seeding import Stream
from plurel_scm.cuts import draw_cut
from plurel_scm.encoders import NumberEncoder
from plurel_scm.foreign import block_rows
from plurel_scm.table_model import Scm
from plurel_scm.table_plan import MechanismNode

NUMBERS = st.one_of(
    st.floats(-10, 10, width=32), st.integers(-2, 2), st.sampled_from([np.nan, np.inf, -np.inf])
)


@pytest.fixture
def lazy(parts):
    return parts.only(propagation_mode_choices="type_lazy")


@pytest.fixture
def plain(parts):
    """Parts that neither permute nor reverse labels."""
    return parts.only(cat_label_permute_prob_choices=0.0, cat_label_reverse_prob_choices=0.0)


def cut_of(values, labels, parts, stream, pieces=()):
    """The fitted cut of a column that is told of in pieces."""
    cut = draw_cut(labels, len(values), parts, stream)
    ends = [0, *sorted(pieces), len(values)]
    facts = [cut.facts(values[a:b], a) for a, b in pairwise(ends)]
    whole = facts[0]
    for one in facts[1:]:
        whole = whole.merge(one)
    return cut.fit(whole)


def expected(values, boundaries):
    """Number of boundaries strictly below each value, pair by pair."""
    with np.errstate(invalid="ignore"):
        return (values[:, None] > boundaries[None, :]).sum(axis=1)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(NUMBERS, min_size=1, max_size=40).map(lambda v: np.array(v, dtype=np.float32)),
    labels=st.integers(1, 10),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_a_label_counts_the_boundaries_strictly_below_however_the_rows_are_cut_up(
    request_of, values, labels, seed, data
):
    parts = request_of(0).parts
    pieces = data.draw(st.lists(st.integers(0, len(values)), max_size=4))
    cut = cut_of(values, labels, parts, Stream(seed), pieces)
    below = expected(values, values[cut.rows])
    np.testing.assert_array_equal(cut.labels(values), cut.names[below])
    assert sorted(cut.names) == list(range(labels))
    assert cut.labels(values).dtype == np.int64


def test_boundaries_are_rows_drawn_with_replacement(plain):
    rows = np.concatenate([draw_cut(10, 50, plain, Stream(seed)).rows for seed in range(2000)])
    counts = np.bincount(rows, minlength=50)
    assert len(counts) == 50
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 85  # chi square, 49 degrees, p = 0.001
    repeated = [len(set(draw_cut(10, 50, plain, Stream(seed)).rows.tolist())) < 9 for seed in range(500)]
    no_repeat = np.prod(1 - np.arange(9) / 50)
    assert np.mean(repeated) == pytest.approx(1 - no_repeat, abs=0.07)


def test_labels_keep_their_order_where_nothing_permutes_or_reverses_them(plain):
    for seed in range(20):
        np.testing.assert_array_equal(draw_cut(6, 100, plain, Stream(seed)).names, np.arange(6))


def test_labels_are_permuted_with_one_probability_then_reversed_with_another(parts):
    reversing = parts.only(cat_label_permute_prob_choices=0.0, cat_label_reverse_prob_choices=0.25)
    names = [tuple(draw_cut(4, 9, reversing, Stream(seed)).names.tolist()) for seed in range(2000)]
    assert set(names) == {(0, 1, 2, 3), (3, 2, 1, 0)}
    assert np.mean([name[0] == 3 for name in names]) == pytest.approx(0.25, abs=0.035)
    permuting = parts.only(cat_label_permute_prob_choices=0.6, cat_label_reverse_prob_choices=0.0)
    names = [tuple(draw_cut(3, 9, permuting, Stream(seed)).names.tolist()) for seed in range(3000)]
    assert len(set(names)) == 6
    assert np.mean([name == (0, 1, 2) for name in names]) == pytest.approx(0.4 + 0.6 / 6, abs=0.035)
    for other in set(names) - {(0, 1, 2)}:
        assert names.count(other) / len(names) == pytest.approx(0.1, abs=0.025)


def test_the_preset_s_probabilities_are_drawn_a_column(parts):
    names = [draw_cut(2, 9, parts, Stream(seed)).names[0] for seed in range(4000)]
    assert np.mean(names) == pytest.approx(0.5, abs=0.03)
    ordered = [tuple(draw_cut(5, 9, parts, Stream(seed)).names.tolist()) for seed in range(4000)]
    kept = 0.35 + 0.65 / 120
    straight = np.mean([name in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0)) for name in ordered])
    assert straight == pytest.approx(kept + 0.65 / 120, abs=0.03)


def test_every_node_of_a_lazy_table_is_a_number(request_of, lazy):
    request = request_of(3, rows=200, columns=9, parents=["a"], parts=lazy)
    plan = Scm().plan(request)
    assert plan.mode == "lazy"
    assert {node.kind for node in plan.graph.nodes} == {"number"}
    for node in plan.nodes.values():
        if isinstance(node, MechanismNode):
            assert not node.plan.category
            assert all(isinstance(encoder, NumberEncoder) for encoder in node.plan.encoders)
    raw = plan.raw(BlockRequest(index=0, start=0, stop=200, parent_rows={"foreign_row_0": np.arange(200)}))
    assert {raw[column.name].dtype for column in plan.columns} == {np.dtype(np.float32)}


def test_children_inside_the_table_see_numbers_and_only_the_column_shows_labels(request_of, lazy):
    request = request_of(4, rows=300, columns=9, parts=lazy)
    relabelled = request_of(4, rows=300, columns=9, parts=lazy.only(cat_label_reverse_prob_choices=1.0))
    block = BlockRequest(index=0, start=0, stop=300, parent_rows={})
    plans = [Scm().plan(one) for one in (request, relabelled)]
    raws = [plan.raw(block) for plan in plans]
    finals = [p.fit(p.summarize(raw)).apply(raw, block) for p, raw in zip(plans, raws, strict=True)]
    for column in plans[0].columns:
        np.testing.assert_array_equal(raws[0][column.name], raws[1][column.name])
        if column.kind == "number":
            np.testing.assert_array_equal(finals[0][column.name], raws[0][column.name])
        else:
            assert finals[0][column.name].dtype == np.int64
    assert any(not np.array_equal(finals[0][c.name], finals[1][c.name]) for c in plans[0].columns)


def test_children_of_a_lazy_parent_see_its_labels_as_numbers(request_of):
    request = request_of(9, rows=50, parents=["a"])
    plan = Scm().plan(evolve(request, parents=(evolve(request.parents[0], mode="lazy"),)))
    at = np.array([3, -1, 7])
    seen = block_rows(plan.parents, {"foreign_row_0": at}).values(1)
    labels = request.parents[0].values["feature_1"]
    np.testing.assert_array_equal(seen, np.array([labels[3], np.nan, labels[7]], dtype=np.float32))
    assert seen.dtype == np.float32


def test_the_labels_of_a_long_table_do_not_depend_on_the_order_of_blocks(request_of, lazy):
    rows = 2 * BLOCK_ROWS + 100
    request = request_of(5, rows=rows, columns=4, parts=lazy)
    starts = [(0, 0, BLOCK_ROWS), (1, BLOCK_ROWS, 2 * BLOCK_ROWS), (2, 2 * BLOCK_ROWS, rows)]
    blocks = [BlockRequest(index=i, start=a, stop=b, parent_rows={}) for i, a, b in starts]
    plan = Scm().plan(request)
    raws = [plan.raw(block) for block in blocks]
    facts = [plan.summarize(raw) for raw in raws]
    for order in ((0, 1, 2), (2, 0, 1)):
        first, second, third = (facts[place] for place in order)
        fitted = plan.fit(plan.merge(plan.merge(first, second), third))
        for name, cut in plan.cuts.items():
            column = np.concatenate([raw[name] for raw in raws])
            labels = np.concatenate([fitted.apply(*pair)[name] for pair in zip(raws, blocks, strict=True)])
            np.testing.assert_array_equal(labels, cut.names[expected(column, column[cut.rows])])


def test_a_held_label_stands_for_a_number_of_the_column_that_has_it(plain):
    values = np.array([5.0, 1.0, 9.0, 1.0, 7.0, np.nan], dtype=np.float32)
    for seed in range(30):
        cut = cut_of(values, 4, plain, Stream(seed))
        for label in set(cut.labels(values).tolist()):
            number = np.float32(cut.number(label))
            assert number in values
            assert cut.labels(np.array([number])).tolist() == [label]


def test_a_column_without_values_has_one_label_and_is_held_at_none(plain):
    values = np.full(4, np.nan, dtype=np.float32)
    cut = cut_of(values, 3, plain, Stream(0))
    assert cut.labels(values).tolist() == [0] * 4
    assert all(np.isnan(cut.number(label)) for label in range(3))


def test_labels_exist_only_once_the_column_is_known(request_of, lazy):
    request = request_of(6, rows=9, columns=2, parts=lazy)
    plan = Scm().plan(request)
    block = BlockRequest(index=0, start=0, stop=9, parent_rows={}, do={"feature_1": 1})
    with pytest.raises(GenerationError, match="cut into labels has none before its plan is fitted"):
        plan.raw(block)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_shortest_tables_are_cut_too(request_of, lazy, rows):
    request = request_of(7, rows=rows, columns=6, parts=lazy)
    plan = Scm().plan(request)
    block = BlockRequest(index=0, start=0, stop=rows, parent_rows={})
    raw = plan.raw(block)
    final = plan.fit(plan.summarize(raw)).apply(raw, block)
    for column in plan.columns:
        assert final[column.name].shape == (rows,)
        if rows == 1 and column.kind == "category":
            assert final[column.name][0] == plan.cuts[column.name].names[0]


def test_modes_are_drawn_a_table_as_the_config_weighs_them(request_of, parts):
    weighted = evolve(
        parts,
        names={"propagation_mode_choices": Choices("set", ["type_eager", "type_lazy"], [0.25, 0.75])},
    )
    modes = [Scm().plan(request_of(seed, rows=2, columns=1, parts=weighted)).mode for seed in range(400)]
    assert np.mean([mode == "lazy" for mode in modes]) == pytest.approx(0.75, abs=0.07)
