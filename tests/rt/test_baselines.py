"""The baselines see what a context may see, and no more."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import mean_absolute_error

from plurel_rt import baselines
from plurel_sampler import (
    Column,
    ContextConfig,
    HashedEmbedder,
    Sampler,
    Store,
    Table,
    Target,
    Task,
    build_store,
)
from plurel_sampler.records import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
START = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - RelBench's times carry no zone


def day(number: int | None) -> dt.datetime | None:
    return None if number is None else START + dt.timedelta(days=number)


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """People with bosses among them; tasks with times of their own, with the people's, and without any."""
    people = 60
    rng = np.random.default_rng(0)
    joined: list[int | None] = [i // 2 for i in range(people)]
    joined[7] = None
    raised = [None if i % 5 == 0 else i // 2 + int(rng.integers(0, 9)) for i in range(people)]
    boss = [int(rng.integers(0, people)) if i % 4 else None for i in range(people)]
    boss[8:12] = [8, 9, 8, 7]  # two are their own bosses; one serves someone who never came
    tables = [
        Table(
            "teams",
            pa.table({"id": range(6), "budget": rng.normal(size=6), "town": [f"town {i}" for i in range(6)]}),
            primary_key="id",
        ),
        Table(
            "prizes", pa.table({"id": pa.array([], pa.int64()), "worth": pa.array([], pa.float64())}), "id"
        ),
        Table(
            "people",
            pa.table(
                {
                    "id": range(people),
                    "joined": pa.array([day(number) for number in joined], pa.timestamp("us")),
                    "boss": pa.array(boss, pa.int64()),
                    "team": rng.integers(0, 6, people),
                    "prize": pa.array([None] * people, pa.int64()),
                    "age": rng.normal(size=people),
                    "pay": rng.normal(size=people),
                    "raise": rng.normal(size=people),
                    "raised": pa.array([day(number) for number in raised], pa.timestamp("us")),
                }
            ),
            primary_key="id",
            time_column="joined",
            foreign_keys={"boss": "people", "team": "teams", "prize": "prizes"},
            columns={"raise": Column(known_at="raised"), "raised": Column(known_at="raised")},
        ),
    ]

    def split(columns: dict[str, pa.Array]) -> dict[Split, pa.Table]:
        table = pa.table(columns)
        return {name: table.slice(i * len(table) // 3, len(table) // 3) for i, name in enumerate(SPLITS)}

    everyone = {"who": pa.array(range(people)), "label": pa.array(rng.normal(size=people))}
    later = pa.array([day(i // 2 + i % 6) for i in range(people)], pa.timestamp("us"))
    teams = {"team": pa.array(range(6)), "label": pa.array(rng.normal(size=6))}
    tasks = [
        Task(
            "pay-then", "people", "who", "at", "label", "regression", split({**everyone, "at": later}),
            window=dt.timedelta(days=2), hidden_columns=["pay", "age"],
        ),
        Task("pay", "people", "who", None, "label", "regression", split(everyone), hidden_columns=["pay"]),
        Task("fame", "teams", "team", None, "label", "regression", split(teams), hidden_columns=["budget"]),
    ]  # fmt: skip
    out = tmp_path_factory.mktemp("stores") / "staff"
    return build_store(
        out, tables, tasks, val_timestamp=day(10), test_timestamp=day(20), embedder=HashedEmbedder(8)
    )


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", ["pay-then", "pay", "fame"])
def test_features_are_the_cells_of_the_row_and_its_parents_that_a_context_shows(
    staff: Store, task: str, split: Split
) -> None:
    info = staff.tasks[task]
    entity_table = staff.tables[info.entity_table]
    sampler = Sampler(
        [staff],
        [Target(store=0, kind="task", name=task)],
        ContextConfig(length=4096, width=512),
        embedder="hashed",
        split=split,
        shuffle=False,
    )
    [batch] = sampler.batches()
    rows = batch.target_row
    np.testing.assert_array_equal(baselines.cutoffs(staff, task)[rows], batch.cutoff)

    found = baselines.entity_features(staff, task, rows)
    entity = staff.parent_ids(task, info.entity_column)[rows]
    for b in range(len(rows)):
        reached = {"": entity_table.first_node + entity[b]}
        for key, parent in entity_table.foreign_keys.items():
            at = staff.parent_ids(entity_table.name, key)[entity[b]]
            if at >= 0:
                reached[f"{key}."] = staff.tables[parent].first_node + at
        shown = {
            f"{prefix}{sampler.columns[column].column}"
            for prefix, node in reached.items()
            for column in batch.column[b][batch.node[b] == node]
        }
        if not (batch.node[b] == reached[""]).any():  # a context gets to parents through the row
            shown = set()
        assert {n for n, cell in zip(found.names, found.values[b], strict=True) if cell == cell} == shown


def test_moments_are_told_by_how_long_ago_they_were(staff: Store) -> None:
    rows = np.arange(60, dtype=np.int64)
    found = baselines.entity_features(staff, "pay-then", rows)
    cells = dict(zip(found.names, found.values.T, strict=True))
    spread = staff.tables["people"].columns["joined"].std / 86_400e6
    known = ~np.isnan(cells["joined"])
    assert known.sum() == 59
    np.testing.assert_allclose(cells["joined"][known] * spread, (rows % 6)[known], atol=1e-4)
    assert (cells["joined"][known & (rows % 6 == 0)] == 0).all()


def test_labels_not_known_at_the_first_cutoff_are_not_learned_from(staff: Store) -> None:
    def learned(task: str, first: int, last: int) -> list[int]:
        return sorted(baselines.train_rows(staff, task, np.arange(first, last)))

    at = np.array([i // 2 + i % 6 for i in range(60)])
    for first in (20, 24, 30):  # known two days after their time, and shown strictly later
        assert learned("pay-then", first, 60) == [i for i in range(20) if at[i] + 2 < at[first:].min()]
    assert learned("pay-then", 0, 20) == []
    assert learned("pay", 20, 40) == [i for i in range(20) if i != 7]  # 7 never came
    assert learned("fame", 2, 6) == [0, 1]  # without any time, but not those that are predicted themselves
    assert learned("fame", 0, 1) == [1]


def features(store: Store, rows: np.ndarray) -> dict[str, np.ndarray]:
    found = baselines.entity_features(store, "visits-sales", rows)
    return dict(zip(found.names, found.values.T, strict=True))


def test_features_are_the_cells_of_the_row_and_its_parents(store: Store) -> None:
    rows = np.arange(50, dtype=np.int64)
    cells = features(store, rows)
    assert list(cells) == ["at", "sales", "sunny", "echo", "told", "shop.size", "shop.kind"]
    shop = store.parent_ids("visits", "shop")[rows]
    np.testing.assert_array_equal(cells["shop.size"], store.column_values("shops", "size")[shop])
    np.testing.assert_array_equal(cells["shop.kind"], store.column_ids("shops", "kind")[shop])


def test_hidden_columns_and_cells_known_later_are_not_there(store: Store) -> None:
    cells = features(store, np.arange(50, dtype=np.int64))
    for name in ("sales", "echo", "told"):  # the answer, its echo of next month, and when that comes
        assert np.isnan(cells[name]).all(), name
    assert not np.isnan(cells["sunny"]).any()


def test_a_column_known_later_does_not_help_the_trees(store: Store) -> None:
    """With the echo the error would be about 0.1; its noise alone has sd 1, a mean absolute error of 0.8."""
    first, last = store.tasks["visits-sales"].splits["test"]
    rows = np.arange(first, last, dtype=np.int64)
    trees = baselines.trees(store, "visits-sales", rows)
    truth = baselines.labels(store, "visits-sales")[rows]
    error = mean_absolute_error(truth, trees.predicted)
    assert 0.6 < error < 2.0  # better than the shops' spread, no better than the noise allows
    assert trees.train_rows == 144


def test_many_rows_are_thinned_evenly(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    plain = baselines.entity_features

    def spy(opened: Store, task: str, rows: np.ndarray) -> baselines.Features:
        seen.append(rows)
        return plain(opened, task, rows)

    monkeypatch.setattr(baselines, "entity_features", spy)
    monkeypatch.setattr(baselines, "TREE_ROWS", 48)
    assert baselines.trees(store, "visits-good", np.arange(150, 160)).train_rows == 48
    assert seen[0].tolist() == list(range(0, 144, 3))


def test_trivial_predictions_minimise_what_is_measured() -> None:
    assert baselines.trivial(np.array([0.0, 0.0, 1.0, 1.0, 1.0]), True, 2).tolist() == [0.6, 0.6]
    assert baselines.trivial(np.array([1.0, 2.0, 90.0]), False, 3).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("binary", [True, False])
def test_trees_without_anything_to_learn_say_the_trivial_thing(binary: bool) -> None:
    labels = np.array([0.0, 1.0, 1.0])
    nothing = np.full((3, 2), np.nan)
    expected = baselines.trivial(labels, binary, 1)
    np.testing.assert_array_equal(baselines.fit_trees(nothing, labels, np.ones((1, 2)), binary), expected)
    constant = np.ones(3)
    known = np.arange(3.0)[:, None]
    np.testing.assert_array_equal(baselines.fit_trees(known, constant, np.ones((1, 1)), binary), [1.0])


def test_a_class_met_once_is_too_little_to_learn_from() -> None:
    """scikit-learn stops early by a part of each class, and cannot part one row."""
    labels = np.zeros(10_001)
    labels[5] = 1.0
    rows = np.arange(10_001.0)[:, None]
    expected = baselines.trivial(labels, True, 2)
    np.testing.assert_array_equal(baselines.fit_trees(rows, labels, rows[:2], True), expected)
