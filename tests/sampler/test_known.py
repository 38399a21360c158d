"""No context shows anything before it is known: random databases against a plain statement of the rule.

The rule is written down here a second time, for people: over rows as dictionaries, one case after the other,
with nothing of the store's own arithmetic (sorted children, shifted label times). For every target, the
cells of an unbounded context must be exactly the known cells of the rows that can be reached through known
rows.
"""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from plurel_sampler import (
    Batch,
    Column,
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

ALWAYS, NEVER = -math.inf, math.inf
EVERYTHING = ContextConfig(length=2048, width=10_000)
Row = dict[str, Any]
Place = tuple[str, int]


@dataclass
class WorldTable:
    """A table as rows: keys in `id`, time in `at`, a further time in `later`, cells in `x` and `c`."""

    name: str
    rows: list[Row]
    timed: bool
    foreign_keys: dict[str, str]
    known_at: dict[str, str]
    missing_time: str


@dataclass
class WorldTask:
    """Label rows: `entity`, `ts` (if timed), `label`; the first `train` of them are for training."""

    name: str
    entity_table: str
    rows: list[Row]
    train: int
    timed: bool
    window: int | None
    known_at: str | None
    hidden: list[str]


@dataclass
class World:
    """A database, and the day on which validation begins."""

    tables: dict[str, WorldTable]
    tasks: dict[str, WorldTask] = field(default_factory=dict)
    val: int | None = None

    # ------------------------------------------------------------------ the rule

    def parents(self, place: Place) -> list[Place]:
        """The rows that the keys of a row point at."""
        name, index = place
        if name in self.tasks:
            task = self.tasks[name]
            keys = {"entity": task.entity_table}
            row = task.rows[index]
        else:
            keys = self.tables[name].foreign_keys
            row = self.tables[name].rows[index]
        found = []
        for column, parent in keys.items():
            if row[column] is not None:
                ids = [other["id"] for other in self.tables[parent].rows]
                found.append((parent, ids.index(row[column])))
        return found

    def is_timed(self, name: str) -> bool:
        return self.tasks[name].timed if name in self.tasks else self.tables[name].timed

    def row_known(self, place: Place) -> float:
        """When a row is: its time; without one, the latest time of the timed rows it hangs on."""
        name, index = place
        if name in self.tasks and self.is_timed(name):
            return float(self.tasks[name].rows[index]["ts"])
        if name in self.tables and self.is_timed(name):
            table = self.tables[name]
            at = table.rows[index]["at"]
            if at is None:
                return NEVER if table.missing_time == "never" else ALWAYS
            return float(at)
        latest, seen, waiting = ALWAYS, {place}, self.parents(place)
        while waiting:
            above = waiting.pop()
            if above in seen:
                continue
            seen.add(above)
            if self.is_timed(above[0]):
                latest = max(latest, self.row_known(above))
            else:
                waiting += self.parents(above)
        return latest

    def label_known(self, place: Place) -> float:
        """When a label is: at the entity's own moment, after the window, or at its row's timestamp."""
        task = self.tasks[place[0]]
        if task.rows[place[1]]["label"] is None:
            return NEVER
        if task.known_at is not None:
            entity = self.parents(place)
            moment = self.tables[task.entity_table].rows[entity[0][1]][task.known_at] if entity else None
            return NEVER if moment is None else float(moment)
        own = self.row_known(place)
        if own == ALWAYS:
            return NEVER
        return own + (task.window or 0)

    def row_shown(self, place: Place, cutoff: float) -> bool:
        """A row is shown when it is known; a label row only when its label is strictly in the past."""
        if not self.row_known(place) <= cutoff:
            return False
        return place[0] in self.tables or self.label_known(place) < cutoff

    def cell_shown(self, place: Place, column: str, cutoff: float) -> bool:
        """Whether a cell of a shown row is there and known."""
        name, index = place
        if name in self.tasks:
            return self.tasks[name].rows[index][column] is not None
        table = self.tables[name]
        row = table.rows[index]
        if row[column] is None:
            return False
        if column not in table.known_at:
            return True
        moment = row[table.known_at[column]]
        return moment is not None and moment <= cutoff

    def cutoff(self, place: Place, split: str) -> float:
        """When a target is to be predicted: its time, that of what it hangs on, or the end of its split."""
        moment = self.row_known(place)
        if math.isinf(moment):
            return self.val if split == "train" and self.val is not None else 10**9
        return moment

    def gives_away(self, place: Place, column: str, target: Place, cutoff: float) -> bool:
        """Whether a task hides a cell: in the target's entity row, and in rows of the target's very time."""
        if target[0] not in self.tasks:
            return False
        task = self.tasks[target[0]]
        if place[0] != task.entity_table or column not in task.hidden:
            return False
        same_time = self.is_timed(place[0]) and self.row_known(place) == cutoff
        return same_time or place in self.parents(target)

    def neighbours(self, place: Place) -> list[Place]:
        """The rows that a row points at, and those that point at it."""
        below = [other for other in self.places() if place in self.parents(other)]
        return self.parents(place) + below

    def places(self) -> list[Place]:
        every = [(name, len(table.rows)) for name, table in self.tables.items()]
        every += [(name, len(task.rows)) for name, task in self.tasks.items()]
        return [(name, index) for name, count in every for index in range(count)]

    def reachable(self, target: Place, cutoff: float) -> set[Place]:
        """The rows that a walk over known rows can meet."""
        met, waiting = {target}, [target]
        while waiting:
            for other in self.neighbours(waiting.pop()):
                if other not in met and self.row_shown(other, cutoff):
                    met.add(other)
                    waiting.append(other)
        return met

    def columns(self, name: str) -> list[str]:
        if name in self.tasks:
            return (["ts"] if self.tasks[name].timed else []) + ["label"]
        return (["at"] if self.tables[name].timed else []) + ["later", "x", "c"]

    def cells(self, target: Place, masked: str, cutoff: float) -> set[tuple[Place, str]]:
        """Every cell that an unbounded context of a target holds."""
        return {
            (place, column)
            for place in self.reachable(target, cutoff)
            for column in self.columns(place[0])
            if (place, column) == (target, masked)
            or (self.cell_shown(place, column, cutoff) and not self.gives_away(place, column, target, cutoff))
        }


# ---------------------------------------------------------------------- random databases

days = st.integers(0, 6)
maybe_days = st.none() | days


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = [f"t{number}" for number in range(draw(st.integers(1, 4)))]
    counts = {name: draw(st.integers(0, 6)) for name in names}
    tables = {}
    for name in names:
        ids = draw(st.permutations(range(1, counts[name] + 1)))
        keys = {f"key{i}": draw(st.sampled_from(names)) for i in range(draw(st.integers(0, 2)))}
        timed = draw(st.booleans())
        rows = []
        for identity in ids:
            row: Row = {"id": identity, "at": draw(maybe_days), "later": draw(maybe_days)}
            row["x"] = draw(st.none() | st.integers(-3, 3))
            row["c"] = draw(st.none() | st.sampled_from(["red", "green"]))
            for column, parent in keys.items():
                row[column] = draw(st.none() | st.integers(1, counts[parent])) if counts[parent] else None
            rows.append(row)
        times = ["later", "at"] if timed else ["later"]
        known_at = draw(st.dictionaries(st.sampled_from(["x", "c", "later"]), st.sampled_from(times)))
        tables[name] = WorldTable(
            name, rows, timed, keys, known_at, draw(st.sampled_from(["never", "always"]))
        )
    tasks = {}
    for number in range(draw(st.integers(0, 2))):
        entity = draw(st.sampled_from(names))
        timed = draw(st.booleans())
        choices: list[Any] = [(None, None), (draw(st.integers(0, 3)), None), (None, "later")]
        window, known_at_column = draw(st.sampled_from(choices))
        rows = [
            {
                "entity": draw(st.none() | st.integers(1, counts[entity])) if counts[entity] else None,
                "ts": draw(days),
                "label": draw(st.none() | st.integers(-3, 3)),
            }
            for _ in range(draw(st.integers(1, 5)))
        ]
        hidden = draw(st.lists(st.sampled_from(["x", "c", "later"]), unique=True))
        train = draw(st.integers(0, len(rows)))
        name = f"task{number}"
        tasks[name] = WorldTask(name, entity, rows, train, timed, window, known_at_column, hidden)
    return World(tables, tasks, draw(st.none() | days))


def moment(day: int | None) -> dt.datetime | None:
    return None if day is None else dt.datetime(2020, 1, 1) + dt.timedelta(days=day)  # noqa: DTZ001


ORIGIN = int(np.datetime64("2020-01-01", "us").astype(np.int64))
DAY = 86_400_000_000
KINDS = {
    "id": pa.int64(),
    "at": pa.timestamp("us"),
    "later": pa.timestamp("ms"),
    "x": pa.float64(),
    "c": pa.string(),
}
LABELS = {"entity": pa.int64(), "ts": pa.timestamp("ns"), "label": pa.float64()}


def arrow(rows: list[Row], columns: dict[str, pa.DataType]) -> pa.Table:
    def cell(name: str, value: Any) -> Any:
        return moment(value) if name in ("at", "later", "ts") else value

    return pa.table(
        {name: pa.array([cell(name, row[name]) for row in rows], kind) for name, kind in columns.items()}
    )


def packed(world: World, folder: Path) -> Store:
    tables = []
    for table in world.tables.values():
        columns = {name: kind for name, kind in KINDS.items() if name != "at" or table.timed}
        columns |= dict.fromkeys(table.foreign_keys, pa.int64())
        said = {name: Column(known_at=table.known_at.get(name)) for name in ("x", "c", "later")}
        tables.append(
            Table(
                table.name,
                arrow(table.rows, columns),
                primary_key="id",
                time_column="at" if table.timed else None,
                foreign_keys=table.foreign_keys,
                columns=said,
                missing_time=table.missing_time,  # type: ignore[arg-type]
            )
        )
    tasks = []
    for task in world.tasks.values():
        columns = {name: kind for name, kind in LABELS.items() if name != "ts" or task.timed}
        tasks.append(
            Task(
                task.name,
                task.entity_table,
                "entity",
                "ts" if task.timed else None,
                "label",
                "regression",
                {
                    "train": arrow(task.rows[: task.train], columns),
                    "test": arrow(task.rows[task.train :], columns),
                },
                window=None if task.window is None else dt.timedelta(days=task.window),
                known_at=task.known_at,
                hidden_columns=task.hidden,
            )
        )
    val = moment(world.val)
    return build_store(folder / "store", tables, tasks, val_timestamp=val, embedder=HashedEmbedder(8))


# ---------------------------------------------------------------------- contexts as the rule names them


def shown(batch: Batch, sampler: Sampler, line: int) -> dict[tuple[Place, str], int]:
    """The cells of a sequence, as (place, column), with where each stands."""
    store = sampler.stores[0]
    cells = {}
    for index in np.flatnonzero(batch.row[line] >= 0):
        place = store.locate(int(batch.node[line, index]))
        reference = sampler.columns[batch.column[line, index]]
        assert reference.table == place[0]
        cells[place, reference.column] = int(index)
    assert len(cells) == int((batch.row[line] >= 0).sum()), "a cell came twice"
    return cells


def targets(world: World) -> list[Target]:
    tasks = [Target(0, "task", name) for name in world.tasks]
    return tasks + [Target(0, "column", f"{name}.{column}") for name in world.tables for column in ("x", "c")]


def sampler_of(store: Store, world: World, config: ContextConfig, split: Any) -> Sampler | None:
    try:
        return Sampler(
            [store], targets(world), config, embedder="hashed", split=split, shuffle=False, num_threads=1
        )
    except ContextError:
        return None  # nothing to predict in this split


def goal(sampler: Sampler, batch: Batch, line: int) -> tuple[Place, str]:
    target = sampler.targets[batch.target[line]]
    if target.kind == "task":
        return (target.name, int(batch.target_row[line])), "label"
    table, column = target.name.split(".")
    return (table, int(batch.target_row[line])), column


@pytest.mark.parametrize("split", ["train", "test"])
@settings(max_examples=150)
@given(world=worlds())
def test_an_unbounded_context_is_exactly_what_is_known(world: World, split: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = packed(world, Path(folder))
        sampler = sampler_of(store, world, EVERYTHING, split)
        if sampler is None:
            return
        batch = sampler.batch(np.arange(len(sampler)))
        for line in range(len(batch)):
            place, masked = goal(sampler, batch, line)
            cutoff = world.cutoff(place, split)
            if cutoff < 10**9:
                assert batch.cutoff[line] == ORIGIN + int(cutoff) * DAY
            cells = shown(batch, sampler, line)
            assert set(cells) == world.cells(place, masked, cutoff)
            event(f"more than its own row: {len({p for p, _ in cells}) > 1}")
            check_values(world, store, batch, sampler, line, cells, (place, masked))
            check_links(world, batch, line, cells)


def check_values(
    world: World,
    store: Store,
    batch: Batch,
    sampler: Sampler,
    line: int,
    cells: dict[tuple[Place, str], int],
    masked: tuple[Place, str],
) -> None:
    """Every cell carries its own value; the target's carries none."""
    vectors = {text: HashedEmbedder(8).embed([text])[0] for text in ("red", "green")}
    for ((name, row), column), index in cells.items():
        value, text = float(batch.value[line, index]), int(batch.text[line, index])
        assert batch.is_target[line, index] == (((name, row), column) == masked)
        if ((name, row), column) == masked:
            assert (value, text) == (0, -1)
            continue
        rows = world.tasks[name].rows if name in world.tasks else world.tables[name].rows
        raw = rows[row][column]
        info = store.tables[name].columns[column]
        if column == "c":
            assert value == 0
            got = (batch.texts[text].astype(np.uint32) << 16).view(np.float32)
            assert np.allclose(got, vectors[raw], atol=0.01)
        elif column in ("x", "label"):
            assert value * info.std + info.mean == pytest.approx(raw, abs=1e-4)
        else:
            microseconds = value * info.std + info.mean
            assert microseconds == pytest.approx(ORIGIN + raw * DAY, abs=DAY / 1000)


def check_links(world: World, batch: Batch, line: int, cells: dict[tuple[Place, str], int]) -> None:
    """Links are the keys between the rows of the sequence, each pair once."""
    numbers = {place: int(batch.row[line, index]) for (place, _), index in cells.items()}
    expected = {
        (numbers[place], numbers[parent])
        for place in numbers
        for parent in world.parents(place)
        if parent in numbers
    }
    links = [(int(child), int(parent)) for at, child, parent in batch.links if at == line]
    assert len(links) == len(set(links))
    assert set(links) == expected


@settings(max_examples=100)
@given(
    world=worlds(),
    length=st.integers(1, 12),
    width=st.integers(0, 3),
    children=st.sampled_from(["sampled", "recent"]),
    labels=st.sampled_from(["apart", "beside"]),
    seed=st.integers(0, 5),
)
def test_a_bounded_context_is_a_part_of_it(
    world: World, length: int, width: int, children: Any, labels: Any, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = packed(world, Path(folder))
        config = ContextConfig(length=length, width=width, children=children, labels=labels, seed=seed)
        sampler = sampler_of(store, world, config, "train")
        if sampler is None:
            return
        for batch in sampler.batches():
            assert batch.value.shape == (len(batch), length)
            for line in range(len(batch)):
                place, masked = goal(sampler, batch, line)
                cells = shown(batch, sampler, line)
                assert set(cells) <= world.cells(place, masked, world.cutoff(place, "train"))
                assert batch.is_target[line].sum() == 1
                assert (place, masked) in cells


@settings(max_examples=60)
@given(world=worlds())
def test_statistics_and_training_look_at_what_is_known_at_validation(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = packed(world, Path(folder))
        for name, table in world.tables.items():
            for column in ("x", "later"):
                early = [r for r in range(len(table.rows)) if is_early(world, (name, r), column, ever=False)]
                values = [table.rows[row][column] for row in early]
                info = store.tables[name].columns[column]
                event(f"cells that come later: {len(early) < len(table.rows)}")
                assert info.count == len(values)
                if values and column == "x":
                    assert info.mean == pytest.approx(np.mean(values))
        sampler = sampler_of(store, world, ContextConfig(length=4), "train")
        met: set[tuple[Place, str]] = set()
        if sampler is not None:
            batch = sampler.batch(np.arange(len(sampler)))
            met = {goal(sampler, batch, line) for line in range(len(batch))}
        for name, table in world.tables.items():
            for column in ("x", "c"):
                learned = {place[1] for place, masked in met if (place[0], masked) == (name, column)}
                early = [row for row in range(len(table.rows)) if is_early(world, (name, row), column)]
                assert learned == set(early)


def is_early(world: World, place: Place, column: str, ever: bool = True) -> bool:
    """Whether a cell is known when validation begins; without that moment whether ever."""
    table = world.tables[place[0]]
    row = table.rows[place[1]]
    if row[column] is None:
        return False
    if world.val is None:
        return not ever or (world.row_known(place) < NEVER and world.cell_shown(place, column, 10**9))
    return world.row_known(place) <= world.val and world.cell_shown(place, column, world.val)


def test_the_rule_is_not_vacuous() -> None:
    """A small database whose every case is written out."""
    users = WorldTable(
        "users", [{"id": 1, "at": None, "later": None, "x": 1, "c": "red"}], False, {}, {}, "never"
    )
    flights = WorldTable(
        "flights",
        [
            {"id": 1, "at": 0, "later": 1, "x": 1, "c": "red", "user": 1},
            {"id": 2, "at": 2, "later": 3, "x": 2, "c": "green", "user": 1},
            {"id": 3, "at": 2, "later": None, "x": 3, "c": None, "user": 1},
        ],
        True,
        {"user": "users"},
        {"x": "later"},
        "never",
    )
    rows = [{"entity": 1, "ts": 0, "label": 1}, {"entity": 2, "ts": 2, "label": 2}]
    late = WorldTask("late", "flights", rows, 1, True, None, "later", ["x"])
    world = World({"users": users, "flights": flights}, {"late": late})
    assert world.cells(("late", 1), "label", 2) == {
        (("late", 1), "ts"),
        (("late", 1), "label"),
        (("flights", 1), "at"),
        (("flights", 1), "later"),  # nothing says that it is known later than its row
        (("flights", 1), "c"),
        (("users", 0), "x"),
        (("users", 0), "c"),
        (("flights", 0), "at"),
        (("flights", 0), "later"),
        (("flights", 0), "x"),  # arrived on day 1
        (("flights", 0), "c"),
        (("late", 0), "ts"),
        (("late", 0), "label"),
        (("flights", 2), "at"),
    }
