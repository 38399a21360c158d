"""A plan holds exactly the visible pairs, each once, whatever the context; and costs about what they cost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel_sampler import (
    ATTENTION_KINDS,
    AttentionPlan,
    ContextConfig,
    ContextError,
    Sampler,
    Store,
    Target,
    plan_attention,
)

Pair = tuple[str, int, int]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def visible(column: Any, row: Any, links: Any) -> set[Pair]:
    """The rule: cells of a column; of a row and of the rows it points at; of the rows that point at it."""
    cells = [(int(b), int(s)) for b, s in np.argwhere(row >= 0)]
    edges = {tuple(link) for link in links.tolist()}
    pairs = set()
    for q, (b, i) in enumerate(cells):
        for k, (other, j) in enumerate(cells):
            if b != other:
                continue
            looks, seen = int(row[b, i]), int(row[b, j])
            if column[b, i] == column[b, j]:
                pairs.add(("column", q, k))
            if looks == seen or (b, looks, seen) in edges:
                pairs.add(("feature", q, k))
            if (b, seen, looks) in edges:
                pairs.add(("neighbour", q, k))
    return pairs


def planned(plan: AttentionPlan) -> list[Pair]:
    pairs: list[Pair] = []
    query, key = plan.query.tolist(), plan.key.tolist()
    for kind, groups, queries, keys in plan.buckets.tolist():
        for _ in range(groups):
            looking, query = query[:queries], query[queries:]
            seen, key = key[:keys], key[keys:]
            pairs += [(ATTENTION_KINDS[kind], q, k) for q in looking for k in seen if q >= 0 and k >= 0]
    assert not query
    assert not key
    return pairs


@st.composite
def contexts(draw: st.DrawFn) -> Arrays:
    sequences, length = draw(st.integers(0, 3)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    row = rng.integers(-1, rows, (sequences, length), dtype=np.int32)
    column = rng.integers(0, columns, (sequences, length), dtype=np.int32)
    count = draw(st.integers(0, 20)) if sequences else 0
    links = np.column_stack(
        [rng.integers(0, max(sequences, 1), count), rng.integers(0, rows + 2, (count, 2))]
    )
    return np.where(row < 0, -1, column), row, links


@given(arrays=contexts())
@settings(deadline=None)
def test_the_groups_hold_the_visible_pairs_and_no_other(arrays: Arrays) -> None:
    plan = plan_attention(*arrays)
    pairs = planned(plan)
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == visible(*arrays)


@given(arrays=contexts())
@settings(deadline=None)
def test_places_are_the_inverse_of_cells(arrays: Arrays) -> None:
    plan = plan_attention(*arrays)
    cells = int((arrays[1] >= 0).sum())
    start = dict.fromkeys(("query", "key"), 0)
    for kind in range(len(ATTENTION_KINDS)):
        of_kind = plan.buckets[plan.buckets[:, 0] == kind]
        for side, size in (("query", of_kind[:, 2]), ("key", of_kind[:, 3])):
            stop = start[side] + int((of_kind[:, 1] * size).sum())
            flat = getattr(plan, side)
            expected: list[list[int]] = [[] for _ in range(cells)]
            for place in range(start[side], stop):
                if flat[place] >= 0:
                    expected[flat[place]].append(place)
            if side == "query":
                assert plan.query_place[kind].tolist() == [places[0] if places else -1 for places in expected]
                assert all(len(places) <= 1 for places in expected), "a cell looks in one group of a kind"
            else:
                bounds = plan.key_start[kind].tolist()
                listed = [plan.key_place[a:b].tolist() for a, b in pairwise(bounds)]
                assert listed == expected
            start[side] = stop


def test_a_hub_with_many_children_costs_what_it_sees() -> None:
    children = 5000
    row = np.arange(children + 1)[None]
    column = np.minimum(row, 1)
    links = [(0, child, 0) for child in range(1, children + 1)] * 2  # two foreign keys to one parent
    plan = plan_attention(column, row, links)
    assert plan.buckets[-1].tolist() == [2, 1, 1, children]
    seen = (1 + children) + (1 + 2 * children) + children
    assert seen <= len(plan.key) < 1.01 * seen, "like sizes need next to no padding"


def test_padding_stays_small_where_sizes_differ() -> None:
    sizes = np.random.default_rng(0).integers(1, 40, 200)
    row = np.repeat(np.arange(200), sizes)[None]
    plan = plan_attention(row, row, np.zeros((0, 3)))
    for kind in (0, 1):
        of_kind = plan.buckets[plan.buckets[:, 0] == kind]
        computed = int(of_kind[:, 1:].prod(axis=1).sum())
        assert computed < 1.8 * int((sizes**2).sum())
    assert (plan.query < 0).sum() < 0.3 * len(plan.query)


def test_small_groups_of_many_sizes_share_a_few_buckets() -> None:
    sizes = np.arange(1, 13)
    row = np.repeat(np.arange(12), sizes)[None]
    plan = plan_attention(row, row, [])
    assert np.bincount(plan.buckets[:, 0]).max() <= 2


def test_large_batches_come_in_buckets_that_fit_a_cache() -> None:
    row = np.repeat(np.arange(1000), 4)[None]
    plan = plan_attention(row, row, [])
    assert (plan.buckets[:, 1] * plan.buckets[:, 3]).max() <= 2048
    assert (plan.buckets[:, 1] * plan.buckets[:, 3]).min() > 500


def test_a_batch_brings_the_plan_of_its_arrays(shop_store: Store) -> None:
    targets = [Target(0, "task", "again"), Target(0, "column", "users.age")]
    for threads in (1, 3):
        sampler = Sampler(
            [shop_store],
            targets,
            ContextConfig(48, 4),
            embedder="hashed",
            batch_size=5,
            num_threads=threads,
        )
        for batch in sampler.batches():
            assert batch.attention is not None
            again = plan_attention(batch.column, batch.row, batch.links)
            for name in AttentionPlan.__slots__:
                assert np.array_equal(getattr(batch.attention, name), getattr(again, name)), name
                assert getattr(batch.attention, name).dtype == np.int32
            assert set(planned(again)) == visible(batch.column, batch.row, batch.links)


def test_a_batch_brings_no_plan_where_none_is_asked_for(shop_store: Store) -> None:
    targets = [Target(0, "task", "again")]
    with_plan, without = (
        Sampler([shop_store], targets, ContextConfig(48, 4), embedder="hashed", shuffle=False, plan=plan)
        for plan in (True, False)
    )
    planned_batch, batch = with_plan.batch([3, 5]), without.batch([3, 5])
    assert batch.attention is None
    assert planned_batch.attention is not None
    assert np.array_equal(batch.node, planned_batch.node)
    wrong: Any = "no"
    with pytest.raises(ContextError, match="plan is 'no'; expected bool"):
        Sampler([shop_store], targets, embedder="hashed", plan=wrong)


def test_a_batch_of_nothing_has_an_empty_plan(shop_store: Store) -> None:
    sampler = Sampler([shop_store], [Target(0, "task", "again")], embedder="hashed", shuffle=False)
    plan = sampler.batch([]).attention
    assert plan is not None
    assert plan.buckets.shape == (0, 4)
    assert plan.key_start.shape == (3, 1)


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (([[0, 1]], [[0]], []), ValueError, r"columns \(1, 2\) and rows \(1, 1\)"),
        (([0], [0], []), ValueError, "expected arrays"),
        (([[0]], [[0]], [[1, 0, 0]]), ContextError, "a link in sequence 1, but there are 1"),
        (([[0]], [[0]], [[-1, 0, 0]]), ContextError, "a link in sequence -1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan_attention(*arrays)
