"""Links: the block model's probabilities, at the cost of one draw a child."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.errors import ConfigError, GenerationError
from plurel.plugins.requests import BLOCK_ROWS, LinkRequest
from plurel.schema import ForeignKey, Table
from plurel.seeding import Stream
from plurel_scm.links import (
    BlockLinks,
    HierarchicalBlocks,
    block_sizes,
    filled_blocks,
    level_affinity,
    level_clusters,
)


def plan_of(children, parents, seed=0, **parameters) -> BlockLinks:
    key = ForeignKey(column="foreign_row_0", parent="parent")
    return HierarchicalBlocks(**parameters).plan(
        LinkRequest(
            foreign_key=key,
            child=Table(name="child", rows=children, role="activity", foreign_keys=[key]),
            parent=Table(name="parent", rows=parents, role="entity"),
            stream=Stream(seed) / "links",
        )
    )


def all_rows(plan):
    blocks = math.ceil(plan.child_rows / BLOCK_ROWS)
    return np.concatenate([plan.block(index) for index in range(blocks)])


def digits(block, clusters):
    """A block's cluster on each level, first level slowest."""
    places = []
    for count in reversed(clusters):
        block, digit = divmod(block, count)
        places.append(digit)
    return places[::-1]


def test_affinities_match_clusters_that_meet_on_a_level():
    affinity = level_affinity(3, 2, Stream(0))
    matching = {(0, 0), (1, 1), (2, 0)}
    for child in range(3):
        for parent in range(2):
            if (child, parent) in matching:
                assert affinity[child, parent] == 0.9
            else:
                assert 0.001 <= affinity[child, parent] <= 0.002


def test_frequencies_follow_the_product_of_affinities(monkeypatch):
    """Over all pairs of a small database, written out row by row from the published formula."""
    clusters = [(2, 3), (3, 2)]
    affinities = [level_affinity(a, b, Stream(a)) ** 0.3 for a, b in clusters]
    given_levels = iter(affinities)
    monkeypatch.setattr("plurel_scm.links.level_affinity", lambda *_: next(given_levels))
    sizes = iter([count for pair in clusters for count in pair])
    monkeypatch.setattr(Choices, "draw", lambda self, stream: 2 if "levels" in stream.path else next(sizes))
    children, parents = 6 * 20_000, 17
    plan = plan_of(children, parents)
    rows = all_rows(plan)
    child_chunk, parent_chunk = math.ceil(children / 6), math.ceil(parents / 6)
    for child_block in range(6):
        child_digits = digits(child_block, [2, 3])
        weights = np.array(
            [
                math.prod(
                    affinities[level][child_digits[level], digits(parent // parent_chunk, [3, 2])[level]]
                    for level in range(2)
                )
                for parent in range(parents)
            ]
        )
        drawn = rows[child_block * child_chunk : (child_block + 1) * child_chunk]
        expected = weights / weights.sum()
        got = np.bincount(drawn, minlength=parents) / len(drawn)
        error = np.sqrt(expected * (1 - expected) / len(drawn))
        assert (np.abs(got - expected) < 5 * error + 1e-12).all()


@settings(max_examples=60)
@given(
    children=st.integers(0, 2 * BLOCK_ROWS + 5),
    parents=st.integers(1, 700),
    seed=st.integers(0, 1000),
)
def test_every_link_leads_to_a_row_of_the_parent(children, parents, seed):
    plan = plan_of(children, parents, seed)
    for index in range(math.ceil(children / BLOCK_ROWS)):
        rows = plan.block(index)
        assert rows.dtype == np.int64
        assert len(rows) == min(BLOCK_ROWS, children - index * BLOCK_ROWS)
        assert rows.min() >= 0
        assert rows.max() < parents


@given(rows=st.integers(0, 1000), blocks=st.integers(1, 243))
def test_blocks_are_contiguous_chunks_of_the_ceiling(rows, blocks):
    sizes = block_sizes(rows, blocks)
    assert sizes.sum() == rows
    assert len(sizes) == blocks
    filled = sizes[sizes > 0]
    assert (filled[:-1] == math.ceil(rows / blocks)).all()
    assert (np.diff((sizes > 0).astype(int)) <= 0).all()


@given(rows=st.integers(0, 300), clusters=st.lists(st.integers(1, 4), max_size=5))
def test_only_blocks_that_hold_rows_are_computed_and_their_clusters_are_digits(rows, clusters):
    blocks = math.prod(clusters)
    filled = filled_blocks(rows, blocks)
    assert filled == max(1, np.count_nonzero(block_sizes(rows, blocks)))
    np.testing.assert_array_equal(block_sizes(rows, filled), block_sizes(rows, blocks)[:filled])
    for level in range(len(clusters)):
        expected = [digits(block, clusters)[level] for block in range(filled)]
        assert level_clusters(filled, clusters, level).tolist() == expected


@pytest.mark.parametrize(("levels", "clusters"), [(64, 3), (5, 1024), (64, 1024), (64, 1), (0, 3)])
def test_the_largest_hierarchies_have_links_too(levels, clusters):
    shape = {"levels": Choices.constant(levels), "clusters_per_level": Choices.constant(clusters)}
    rows = all_rows(plan_of(500, 40, **shape))
    assert rows.min() >= 0
    assert rows.max() < 40


def test_more_pairs_of_blocks_than_fit_are_refused():
    shape = {"levels": Choices.constant(64), "clusters_per_level": Choices.constant(3)}
    with pytest.raises(GenerationError, match=r"child.foreign_row_0 would have 100,000 x 10,000 pairs"):
        plan_of(100_000, 10_000, **shape)


def test_one_level_of_one_cluster_is_uniform():
    one = Choices.constant(1)
    rows = all_rows(plan_of(50_000, 40, levels=one, clusters_per_level=one))
    counts = np.bincount(rows, minlength=40)
    assert (np.abs(counts - 1250) < 6 * math.sqrt(1250)).all()


def test_a_block_is_a_function_of_its_number_alone():
    plan = plan_of(3 * BLOCK_ROWS, 100)
    last = plan.block(2)
    plan.block(0)
    np.testing.assert_array_equal(plan.block(2), last)
    np.testing.assert_array_equal(plan_of(3 * BLOCK_ROWS, 100).block(2), last)


def test_a_parent_without_rows_leaves_keys_null():
    assert plan_of(5, 0).block(0).tolist() == [-1] * 5


def test_a_level_without_clusters_is_refused():
    with pytest.raises(ConfigError, match=r"integers from 1 to 1024, got 0 @ \$.clusters_per_level"):
        plan_of(5, 5, clusters_per_level=Choices.constant(0))


@pytest.mark.parametrize("children", [0, 1, 2])
def test_tiny_tables_have_links(children):
    assert len(plan_of(children, 1).block(0)) == children
