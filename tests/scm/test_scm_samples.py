"""Samples of rows: what mechanisms see of their inputs' sizes, whatever is held at a value."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.plugins.requests import BLOCK_ROWS, BlockRequest
from plurel_scm.samples import SAMPLE_ROWS
from plurel_scm.table_model import Scm
from plurel_scm.table_plan import MechanismNode


@pytest.mark.parametrize("rows", [1, 2, 255, 300, BLOCK_ROWS, 3 * BLOCK_ROWS + 1, 40 * BLOCK_ROWS])
def test_a_sample_has_rows_from_all_over_the_table(request_of, parts, rows):
    plan = Scm().plan(request_of(parts=parts.only(source_gen_type_choices="ts"), rows=rows))
    sample = plan.sample()
    assert set(sample) == {column.name for column in plan.columns}
    assert {len(values) for values in sample.values()} == {min(rows, SAMPLE_ROWS)}
    places = plan.sampled.places()
    assert places[0][0] == 0
    assert places[-1][0] == (rows - 1) // BLOCK_ROWS
    assert sum(len(inside) for _, inside in places) == min(rows, SAMPLE_ROWS)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), mechanism=st.sampled_from(["linear", "trees"]))
def test_a_plan_is_the_same_whatever_its_parents_hold(request_of, seed, mechanism):
    request = request_of(seed, rows=50, parents=["a"])
    request = evolve(request, parts=request.parts.only(mechanism_choices=mechanism))
    (parent,) = request.parents
    sample = dict(parent.values)
    known, held = (
        evolve(parent, values=values, sample=lambda: sample)
        for values in (parent.values, {name: np.zeros_like(column) for name, column in parent.values.items()})
    )
    first, second = (Scm().plan(evolve(request, parents=(one,))) for one in (known, held))
    for number, node in first.nodes.items():
        if isinstance(node, MechanismNode):
            assert pickle.dumps(node.plan) == pickle.dumps(second.nodes[number].plan)


def test_sums_keep_their_size_from_table_to_table(request_of, parts):
    """Parents enter a sample with a sample of theirs, so that scales fit what blocks will hold."""
    rows, sizes = 300, []
    for seed in range(8):
        networks, sums = (parts.only(mechanism_choices=name) for name in ("mlp", "linear"))
        above = Scm().plan(request_of(seed, parts=networks, name="a", rows=rows))
        raw = above.raw(BlockRequest(index=0, start=0, stop=rows, parent_rows={}))
        block = BlockRequest(
            index=0, start=0, stop=rows, parent_rows={"foreign_row_0": np.arange(rows)[::-1].copy()}
        )
        above = above.fit(above.summarize(raw))
        request = request_of(seed, parts=sums, name="b", rows=rows, parents=["a"])
        (parent,) = request.parents
        parent = evolve(
            parent,
            table=evolve(parent.table, rows=rows),
            columns=above.columns,
            values=above.apply(raw, evolve(block, parent_rows={})),
            mode=above.mode,
            sample=above.sample,
        )
        below = Scm().plan(evolve(request, parents=(parent,)))
        made = below.raw(block)
        caused = {column.name: below.nodes[column.node] for column in below.columns}
        sizes += [
            float(made[name].std())
            for name, node in caused.items()
            if isinstance(node, MechanismNode) and made[name].dtype == np.float32
        ]
    assert len(sizes) > 20
    assert 0.3 < np.median(sizes) < 2
    assert max(sizes) < 20


def test_a_table_without_such_mechanisms_computes_no_sample(request_of):
    request = request_of(rows=500, parents=["a"])
    plan = Scm().plan(request)
    rows = {"foreign_row_0": np.arange(500) % 200}
    plan.raw(BlockRequest(index=0, start=0, stop=500, parent_rows=rows))
    assert not plan.sampled.known


def test_labels_that_are_yet_to_be_cut_are_all_in_the_sample(request_of, parts):
    plan = Scm().plan(request_of(parts=parts.only(propagation_mode_choices="type_lazy"), rows=300))
    assert plan.cuts
    for name, cut in plan.cuts.items():
        assert set(plan.sample()[name].tolist()) == set(range(len(cut.names)))
