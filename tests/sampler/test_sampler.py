"""Orders, ranks, threads and arrays of batches. What a context may show is the business of `test_known`."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel_sampler import (
    ABI,
    ENCODINGS,
    AttentionPlan,
    Batch,
    ContextConfig,
    ContextError,
    HashedEmbedder,
    Sampler,
    Store,
    Table,
    Target,
    Task,
    build_store,
)

MakeShop = Callable[..., Store]
TARGETS = [Target(0, "task", "again"), Target(0, "column", "orders.note"), Target(0, "column", "users.age")]
SMALL = ContextConfig(length=48, width=4, seed=3)


def sampler_of(store: Store, **changes: Any) -> Sampler:
    given_: dict[str, Any] = {"embedder": "hashed", "batch_size": 4, "num_threads": 1}
    return Sampler([store], changes.pop("targets", TARGETS), changes.pop("config", SMALL), **given_ | changes)


def same(a: Batch, b: Batch) -> bool:
    plans = [[getattr(batch.attention, name) for name in AttentionPlan.__slots__] for batch in (a, b)]
    names = [name for name in Batch.__slots__ if name not in ("attention", "next_position")]
    return all(map(np.array_equal, *plans)) and all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name in ("label", "value"))
        for name in names
    )


# ---------------------------------------------------------------------- arrays


def test_arrays_have_the_promised_shapes_and_types(make_shop: MakeShop) -> None:
    sampler = sampler_of(make_shop())
    for batch in sampler.batches():
        b, s, u = len(batch), SMALL.length, len(batch.texts)
        shapes = {
            "value": ((b, s), "f4"), "encoding": ((b, s), "i1"), "text": ((b, s), "i4"), "column": ((b, s),
            "i4"), "column_text": ((b, s), "i4"), "table": ((b, s), "i4"), "row": ((b, s), "i4"), "node":
            ((b, s), "i8"), "is_target": ((b, s), "?"), "links": ((len(batch.links), 3), "i4"), "texts": ((u,
            16), "u2"), "label": ((b,), "f4"), "label_text": ((b,), "i4"), "label_encoding": ((b,), "i1"),
            "label_mean": ((b,), "f8"), "label_std": ((b,), "f8"), "cutoff": ((b,), "i8"), "position": ((b,),
            "i8"), "target": ((b,), "i4"), "target_row": ((b,), "i8"),
        }  # fmt: skip
        for name, (shape, kind) in shapes.items():
            array = getattr(batch, name)
            assert (array.shape, array.dtype) == (shape, np.dtype(kind)), name
        cells = batch.row >= 0
        assert (np.diff(cells.astype(int), axis=1) <= 0).all(), "padding comes last"
        for name in ("encoding", "column", "column_text", "table", "node"):
            assert ((getattr(batch, name) >= 0) == cells).all(), name
        strings = cells & np.isin(batch.encoding, [1, 4])
        assert ((batch.text >= 0) == (strings & ~batch.is_target)).all()
        assert (batch.value[strings | ~cells | batch.is_target] == 0).all()
        assert (batch.is_target.sum(1) == 1).all()
        assert (batch.row[batch.is_target] == 0).all()
        used = {
            *batch.text[batch.text >= 0],
            *batch.column_text[cells],
            *batch.label_text[batch.label_text >= 0],
        }
        assert used == set(range(u)), "every vector is used, none comes twice"


def test_labels_can_be_turned_back(make_shop: MakeShop) -> None:
    store = make_shop()
    sampler = sampler_of(store, shuffle=False)
    batch = sampler.batch(np.arange(len(sampler)))
    raw = batch.label * batch.label_std + batch.label_mean
    of_task = batch.target == 0
    assert raw[of_task].round().tolist() == [row % 2 for row in range(8)]
    assert raw[batch.target == 2].round(3).tolist() == [30, 50]
    assert [ENCODINGS[code] for code in batch.label_encoding[[0, 8, -1]]] == ["boolean", "text", "number"]
    texts = [f"order number {row}" for row in range(21)]
    vectors = (batch.texts.astype(np.uint32) << 16).view(np.float32)
    of_text = vectors[batch.label_text[batch.target == 1]]
    assert np.allclose(of_text, HashedEmbedder(16).embed(texts), atol=0.01)


def test_ids_lead_to_names_through_all_stores(make_shop: MakeShop) -> None:
    stores = [make_shop("one"), make_shop("two")]
    targets = [Target(1, "task", "again"), Target(0, "task", "again")]
    sampler = Sampler(stores, targets, SMALL, embedder="hashed", shuffle=False, num_threads=1)
    batch = sampler.batch(np.arange(len(sampler)))
    for line in range(len(batch)):
        store = targets[batch.target[line]].store
        for cell in np.flatnonzero(batch.row[line] >= 0):
            column = sampler.columns[batch.column[line, cell]]
            table = sampler.tables[batch.table[line, cell]]
            assert (column.store, column.table) == table
            assert table == (store, stores[store].locate(batch.node[line, cell])[0])
    two, one = batch.column[:8], batch.column[8:]
    shift = len(sampler.columns) // 2
    assert np.array_equal(two, np.where(one >= 0, one + shift, -1))


# ---------------------------------------------------------------------- determinism


def test_neither_threads_nor_repetition_change_a_batch(make_shop: MakeShop) -> None:
    store = make_shop()
    reference = list(sampler_of(store).batches(epoch=2))
    for threads in (1, 2, 5):
        again = list(sampler_of(store, num_threads=threads).batches(epoch=2))
        assert all(map(same, reference, again))
        assert len(again) == len(reference)


@given(world=st.integers(1, 5), batch_size=st.integers(1, 7), start=st.integers(0, 12))
def test_ranks_share_one_order(shop_store: Store, world: int, batch_size: int, start: int) -> None:
    alone = sampler_of(shop_store, batch_size=1)
    expected = [int(batch.position[0]) for batch in alone.batches(epoch=1, start=start)]
    ranks = [
        sampler_of(shop_store, rank=rank, world_size=world, batch_size=batch_size) for rank in range(world)
    ]
    batches = [list(rank.batches(epoch=1, start=start)) for rank in ranks]
    assert len({len(of_rank) for of_rank in batches}) == 1, "every rank makes as many batches"
    met = []
    for step in zip(*batches, strict=True):
        assert len({len(batch) for batch in step}) == 1
        assert len({batch.next_position for batch in step}) == 1
        met += [int(position) for batch in step for position in batch.position]
        assert max(met) < step[0].next_position
    usable = len(expected) // world * world
    assert sorted(met) == expected[:usable]


def test_training_resumes_at_any_world_size(make_shop: MakeShop) -> None:
    store = make_shop()
    one = list(sampler_of(store).batches(epoch=1))
    cursor = one[1].next_position
    rest = [
        sampler_of(store, rank=rank, world_size=2, batch_size=2).batches(epoch=1, start=cursor)
        for rank in (0, 1)
    ]
    left, right = next(iter(rest[0])), next(iter(rest[1]))
    assert sorted([*left.position, *right.position]) == one[2].position.tolist()
    line = {int(position): row for position, row in zip(one[2].position, one[2].node, strict=True)}
    for batch in (left, right):
        for position, nodes in zip(batch.position, batch.node, strict=True):
            assert np.array_equal(line[int(position)], nodes)
    for iterator in rest:
        iterator.close()  # type: ignore[attr-defined]


@given(world=st.integers(1, 4), batch_size=st.integers(1, 9), start=st.integers(0, 90))
def test_a_stream_leaves_nothing_out_between_epochs(
    shop_store: Store, world: int, batch_size: int, start: int
) -> None:
    """Every step of the ranks is the next positions of one order, wherever epochs end."""
    ranks = [
        sampler_of(shop_store, rank=rank, world_size=world, batch_size=batch_size).stream(start)
        for rank in range(world)
    ]
    first = start
    for _ in range(3):
        step = [next(rank) for rank in ranks]
        assert [len(batch) for batch in step] == [batch_size] * world
        met = sorted(int(position) for batch in step for position in batch.position)
        assert met == list(range(first, first + world * batch_size))
        assert {batch.next_position for batch in step} == {met[-1] + 1}
        first = met[-1] + 1
    for rank in ranks:
        rank.close()  # type: ignore[attr-defined]


def test_a_stream_is_the_epochs_one_after_the_other(make_shop: MakeShop) -> None:
    store = make_shop()
    sampler = sampler_of(store, batch_size=7)
    epochs = [list(sampler_of(store, batch_size=1).batches(epoch)) for epoch in range(3)]
    expected = [batch for epoch in epochs for batch in epoch]
    stream = sampler.stream()
    for _ in range(len(expected) // 7):
        batch = next(stream)
        for line, position in enumerate(batch.position):
            one = expected[position]
            assert np.array_equal(batch.node[line], one.node[0])
            assert (batch.target[line], batch.target_row[line]) == (one.target[0], one.target_row[0])
    stream.close()  # type: ignore[attr-defined]


def test_evaluation_meets_every_row_once_whatever_the_ranks(make_shop: MakeShop) -> None:
    store = make_shop()
    for world in (1, 2, 3):
        met: Counter[tuple[int, int]] = Counter()
        for rank in range(world):
            sampler = sampler_of(store, rank=rank, world_size=world, shuffle=False, batch_size=5)
            batches = list(sampler.batches())
            assert len(batches) == sampler.num_batches
            for batch in batches:
                met.update(zip(batch.target.tolist(), batch.target_row.tolist(), strict=True))
        assert set(met.values()) == {1}
        assert len(met) == 8 + 21 + 2


def test_a_rows_evaluation_depends_on_nothing_else(make_shop: MakeShop) -> None:
    store = make_shop()
    every = sampler_of(store, shuffle=False)
    whole = every.batch(np.arange(len(every)))
    few = sampler_of(store, shuffle=False, limit=3, targets=TARGETS[1:])
    assert few.counts == [3, 2]
    part = few.batch(np.arange(3))
    assert part.target_row.tolist() == [0, 7, 14]
    for line, row in enumerate(part.target_row):
        assert np.array_equal(part.node[line], whole.node[8 + row])


def test_seeds_and_epochs_give_other_contexts(make_shop: MakeShop) -> None:
    store = make_shop()
    reference = next(iter(sampler_of(store).batches()))
    other_epoch = next(iter(sampler_of(store).batches(epoch=1)))
    other_seed = next(iter(sampler_of(store, config=ContextConfig(48, 4, seed=4)).batches()))
    assert not same(reference, other_epoch)
    assert not same(reference, other_seed)


# ---------------------------------------------------------------------- orders


def test_uniform_balance_meets_small_targets_as_often_as_large_ones(make_shop: MakeShop) -> None:
    store = make_shop()
    counts = {}
    for balance in ("uniform", "proportional"):
        sampler = sampler_of(store, balance=balance, batch_size=31)
        (batch,) = sampler.batches()
        counts[balance] = np.bincount(batch.target).tolist()
    assert max(counts["uniform"]) - min(counts["uniform"]) <= 1
    assert counts["proportional"] == [8, 21, 2]


def test_splits_of_columns_follow_the_timestamps(make_shop: MakeShop) -> None:
    store = make_shop()
    rows = {}
    for split in ("train", "val", "test"):
        sampler = sampler_of(store, targets=TARGETS[1:2], split=split, shuffle=False)
        rows[split] = sampler.batch(np.arange(len(sampler))).target_row.tolist()
    assert rows == {"train": list(range(21)), "val": list(range(21, 31)), "test": list(range(31, 40))}


def test_rows_without_a_label_are_predicted_but_not_learned_from(tmp_path: Path) -> None:
    rows = pa.table({"key": [1, 2], "ts": [dt.date(2020, 1, 1)] * 2, "y": [None, "b"]})
    store = build_store(
        tmp_path / "s",
        [Table("t", pa.table({"id": [1, 2], "x": [1.0, 2.0]}), primary_key="id")],
        [Task("y", "t", "key", "ts", "y", "multiclass_classification", {"train": rows, "test": rows})],
        embedder=HashedEmbedder(4),
    )
    targets = [Target(0, "task", "y")]
    assert len(sampler_of(store, targets=targets)) == 1
    sampler = sampler_of(store, targets=targets, split="test", shuffle=False)
    batch = sampler.batch([0, 1])
    assert batch.target_row.tolist() == [2, 3]
    assert (batch.label_text >= 0).tolist() == [False, True]
    assert batch.is_target.sum() == 2


# ---------------------------------------------------------------------- bounds


def hub(tmp_path: Path, children: int) -> Store:
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=row) for row in range(children)]  # noqa: DTZ001
    return build_store(
        tmp_path / "hub",
        [
            Table("hub", pa.table({"id": [0], "x": [1.0]}), primary_key="id"),
            Table(
                "leaf",
                pa.table({"to": [0] * children, "at": days}),
                time_column="at",
                foreign_keys={"to": "hub"},
            ),
        ],
        embedder=HashedEmbedder(4),
        test_timestamp=days[-1],
        val_timestamp=days[50],
    )


def test_a_hub_brings_the_newest_or_a_uniform_sample(tmp_path: Path) -> None:
    store = hub(tmp_path, 100)
    target = [Target(0, "column", "hub.x")]
    recent = Sampler(
        [store], target, ContextConfig(99, 5, children="recent"), embedder="hashed", num_threads=1
    )
    batch = recent.batch([0])
    leaves = sorted(store.locate(node)[1] for node in batch.node[0, 1:6])
    assert leaves == [46, 47, 48, 49, 50]
    met: Counter[int] = Counter()
    for seed in range(400):
        sampled = Sampler([store], target, ContextConfig(99, 5, seed=seed), embedder="hashed", num_threads=1)
        nodes = sampled.batch([0]).node[0]
        drawn = [store.locate(node)[1] for node in nodes[nodes >= 0][1:]]
        assert len(set(drawn)) == 5
        met.update(drawn)
    assert set(met) == set(range(51)), "every child that is known has its chance, no other"
    assert max(met.values()) < 3 * 400 * 5 / 51


def test_labels_beside_come_with_the_row_that_they_belong_to(tmp_path: Path) -> None:
    """One user with many orders and a label a day, each known the next day; contexts of a few rows."""
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=day) for day in range(30)]  # noqa: DTZ001
    labels = pa.table({"user": [0] * 30, "ts": days, "again": [day % 2 for day in range(30)]})
    store = build_store(
        tmp_path / "store",
        [
            Table("users", pa.table({"id": [0], "x": [1.0]}), primary_key="id"),
            Table("orders", pa.table({"user": [0] * 30, "at": days, "y": range(30)}), time_column="at",
                  foreign_keys={"user": "users"}),
        ],
        [Task("again", "users", "user", "ts", "again", "binary_classification", {"train": labels},
              window=dt.timedelta(days=1))],
        embedder=HashedEmbedder(4),
    )  # fmt: skip
    target = [Target(0, "task", "again")]

    def met(choice: Any, length: int) -> list[tuple[str, int]]:
        config = ContextConfig(length, 3, labels=choice, children="recent")
        nodes = Sampler([store], target, config, embedder="hashed", num_threads=1).batch([20]).node[0]
        return list(dict.fromkeys(store.locate(node) for node in nodes[nodes >= 0]))

    assert met("beside", 9) == [("again", 20), ("users", 0), ("again", 18), ("again", 17), ("again", 16)]
    assert set(met("apart", 9)) - {("again", 20), ("users", 0)} <= {
        (t, r) for t in ("orders", "again") for r in (17, 18, 19, 20)
    }
    assert len(met("beside", 1)) == 1


def test_a_context_ends_before_the_row_that_would_not_fit(make_shop: MakeShop) -> None:
    store = make_shop()
    for length in range(1, 30):
        sampler = sampler_of(store, config=ContextConfig(length, 8), targets=TARGETS[:2], shuffle=False)
        batch = sampler.batch(np.arange(len(sampler)))
        assert batch.value.shape[1] == length
        assert (batch.is_target.sum(1) == 1).all()
        wide = sampler_of(store, config=ContextConfig(400, 8), targets=TARGETS[:2], shuffle=False)
        whole = wide.batch(np.arange(len(sampler)))
        for line in range(len(batch)):
            nodes = batch.node[line][batch.node[line] >= 0]
            if len(set(nodes)) > 1:
                assert np.array_equal(nodes, whole.node[line][: len(nodes)])
            following = whole.node[line][len(nodes)] if len(nodes) < 400 else -1
            if following >= 0:
                cells = (whole.node[line] == following).sum()
                assert following == nodes[-1] or len(nodes) + cells > length


def test_other_python_threads_run_meanwhile(make_shop: MakeShop) -> None:
    sampler = sampler_of(make_shop(), shuffle=False)
    work = threading.Thread(target=sampler.batch, args=(np.zeros(3000, np.int64),))
    work.start()
    steps = 0
    while work.is_alive():
        steps += 1
    work.join()
    assert steps > 0


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": [Target(0, "task", "no")]}, "the store's tasks are: again"),
        ({"targets": [Target(0, "column", "orders.user")]}, "keys are no cells"),
        ({"targets": [Target(0, "column", "again.again")]}, "there is no column"),
        ({"targets": [Target(1, "task", "again")]}, "store 1, but there are 1"),
        ({"targets": []}, "no target has rows"),
        ({"embedder": "other"}, "it has those of: hashed"),
        ({"targets": None}, r"targets is None; expected a sequence of \(Target\)"),
        ({"targets": [("task", "again")]}, r"expected a sequence of \(Target\)"),
        ({"config": {"length": 48}}, "config is {'length': 48}; expected ContextConfig or None"),
        ({"embedder": 3}, "embedder is 3; expected str"),
        ({"shuffle": "no"}, "shuffle is 'no'; expected bool"),
        ({"batch_size": 0}, "batch_size is 0; expected 1 to"),
        ({"batch_size": 1.5}, "batch_size is 1.5; expected int"),
        ({"batch_size": 2**70}, "batch_size is 1180591620717411303424; expected 1 to"),
        ({"rank": 2, "world_size": 2}, "rank is 2; expected 0 to 1"),
        ({"rank": 0.0}, "rank is 0.0; expected int"),
        ({"world_size": None}, "world_size is None; expected int"),
        ({"num_threads": 0}, "num_threads is 0; expected 1 to"),
        ({"num_threads": 10**6}, "num_threads is 1000000; expected 1 to"),
        ({"num_threads": "2"}, "num_threads is '2'; expected int"),
        ({"limit": -1}, "limit is -1; expected 1 to"),
        ({"limit": 1.5}, "limit is 1.5; expected int"),
        ({"split": "dev"}, "split is 'dev'; expected train, val, test"),
        ({"split": 3}, "split is 3; expected train, val, test"),
        ({"balance": "fair"}, "expected uniform, proportional"),
        ({"targets": TARGETS[2:], "split": "val"}, "no target has rows in split val"),
    ],
)
def test_wrong_requests_say_what_there_is(shop_store: Store, changes: Any, message: str) -> None:
    with pytest.raises(ContextError, match=message):
        sampler_of(shop_store, **changes)


def test_stores_must_be_stores(shop_store: Store) -> None:
    stores: list[Any] = [3, shop_store, [shop_store.path]]
    for wrong in stores:
        with pytest.raises(ContextError, match=r"stores is .*; expected a sequence of \(Store\)"):
            Sampler(wrong, TARGETS, embedder="hashed")


def test_a_batch_has_its_bounds(shop_store: Store) -> None:
    sampler = sampler_of(shop_store, shuffle=False, config=ContextConfig(length=2**20))
    assert sampler.batch([0]).value.shape == (1, 2**20)
    with pytest.raises(ContextError, match="1000 contexts of length 1048576: 134217728 cells are the most"):
        sampler.batch(np.zeros(1000, np.int64))


def test_positions_must_exist(shop_store: Store) -> None:
    sampler = sampler_of(shop_store, shuffle=False)
    for number in (-1, len(sampler), 2**63):
        with pytest.raises(ContextError, match="position"):
            sampler.batch([number])
    no_integers: list[Any] = [[1.7], ["1"], [True], "abc", None, [2**64], [[0], [0, 1]]]
    for wrong in no_integers:
        with pytest.raises(ContextError, match="expected integers"):
            sampler.batch(wrong)
    assert len(sampler.batch([])) == 0
    assert same(sampler.batch(np.array([1], np.uint8)), sampler.batch([1]))


@pytest.mark.parametrize("wrong", [-1, 2**63, 1.5, "a", None])
def test_epochs_and_starts_are_refused_where_they_are_given(shop_store: Store, wrong: Any) -> None:
    sampler = sampler_of(shop_store)
    calls: list[Callable[[], object]] = [
        lambda: sampler.batches(epoch=wrong),
        lambda: sampler.batches(start=wrong),
        lambda: sampler.stream(wrong),
    ]
    for call in calls:
        with pytest.raises(ContextError, match=r"(epoch|start) is .*; expected"):
            call()


def test_the_last_epoch_is_an_epoch(shop_store: Store) -> None:
    sampler = sampler_of(shop_store)
    assert len(next(iter(sampler.batches(epoch=2**32 - 1)))) == 4
    with pytest.raises(ContextError, match="lies in an epoch that is none"):
        next(sampler.stream(2**63 - 1))


def test_evaluation_is_no_stream(shop_store: Store) -> None:
    with pytest.raises(ContextError, match="a stream goes through epochs of training"):
        sampler_of(shop_store, shuffle=False).stream()


def test_stores_with_unlike_vectors_do_not_mix(make_shop: MakeShop) -> None:
    stores = [make_shop("one"), make_shop("two", embedder=HashedEmbedder(8))]
    with pytest.raises(ContextError, match="hashed-1-8 here, hashed-1-16 in"):
        Sampler(stores, [Target(0, "task", "again")], embedder="hashed")


def test_the_abi_is_an_integer() -> None:
    assert isinstance(ABI, int)
