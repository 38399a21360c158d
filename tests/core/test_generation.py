"""The steps of a generation over small made-up contributions: what each step promises whatever draws."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.config import Choices, Config, DatabaseParams
from plurel.errors import GenerationError, PluginError, RequestError
from plurel.generation.database import Generated, generate, intervene
from plurel.generation.finish import fit_finish
from plurel.generation.schema import DAY, Period, draw_period, draw_schema
from plurel.generation.structure import draw_structure
from plurel.generation.surface import SurfaceRules
from plurel.graph import CausalEdge, CausalGraph, CausalNode, Dag
from plurel.plugins.requests import BLOCK_ROWS, BlockRequest, LayoutRequest, PlannedColumn, TableRequest
from plurel.schema import Column, ForeignKey, Schema, Table
from plurel.seeding import Stream


class Parts:
    """Choices by name: a `Choices` is drawn, anything else is what is drawn."""

    def __init__(self, **choices: Any) -> None:
        self.choices = choices

    def draw(self, choice: str, stream: Stream) -> Any:
        drawn = self.choices[choice]
        return drawn.draw(stream) if isinstance(drawn, Choices) else drawn

    def draw_entry(self, choice: str, stream: Stream) -> tuple[Any, Any]:
        return SimpleNamespace(id=f"fakes:{choice}"), self.draw(choice, stream)


@frozen
class Chain:
    """table_0 -> table_1 -> ... and table_0 -> the last."""

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        chain = {(node, node + 1) for node in range(request.nodes - 1)} | {(0, request.nodes - 1)}
        return Dag(nodes=request.nodes, edges=sorted(chain - {(0, 0)}))


@frozen
class EvenTimes:
    def draw(self, request: Any) -> np.ndarray:
        return np.linspace(request.start, request.stop, request.table.rows).astype(np.int64)


@frozen
class RandomLinks:
    """Uniform parents, a tenth of the keys null."""

    def plan(self, request: Any) -> Any:
        def block(index: int) -> np.ndarray:
            rows = min(BLOCK_ROWS, request.child.rows - index * BLOCK_ROWS)
            generator = request.stream.generator(index)
            drawn = generator.integers(request.parent.rows, size=rows)
            return np.where(generator.random(rows) < 0.1, -1, drawn)

        return SimpleNamespace(block=block)


@frozen(eq=False)
class NoisePlan:
    """Column j is noise plus the parents' columns j, centred on the column's mean once it is known."""

    request: TableRequest
    means: Mapping[str, float] | None = None
    mode = "eager"

    @property
    def columns(self) -> tuple[PlannedColumn, ...]:
        shown = enumerate(self.request.table.columns)
        return tuple(
            PlannedColumn(name=column.name, kind="number", node=node)
            if column.kind == "number"
            else PlannedColumn(
                name=column.name, kind="category", categories=column.categories or 2, node=node
            )
            for node, column in shown
        )

    @property
    def graph(self) -> CausalGraph:
        name = self.request.table.name
        nodes = [
            CausalNode(
                id=f"{name}/{column.node}",
                table=name,
                column=column.name,
                kind=column.kind,
                mechanism="noise",
            )
            for column in self.columns
        ]
        edges = [
            CausalEdge(
                source=f"{parent.table.name}/{node}",
                target=f"{name}/{node}",
                through=parent.foreign_key.column,
            )
            for parent in self.request.parents
            for node in range(min(len(parent.columns), len(nodes)))
        ]
        return CausalGraph(nodes=nodes, edges=edges)

    def raw(self, request: BlockRequest) -> dict[str, np.ndarray]:
        block = {}
        for number, column in enumerate(self.columns):
            stream = self.request.stream / "noise" / number
            values = stream.generator(request.index).normal(size=request.rows)
            for parent in self.request.parents:
                if number < len(parent.columns):
                    rows = request.parent_rows[parent.foreign_key.column]
                    seen = parent.values[parent.columns[number].name][rows]
                    values = values + np.where(rows < 0, 0, seen)
            if column.name in request.do:
                values = np.full(request.rows, request.do[column.name])
            block[column.name] = values.astype(np.float32)
        return block

    def summarize(self, raw: Mapping[str, np.ndarray]) -> dict[str, tuple[float, int]]:
        return {name: (float(values.sum(dtype=np.float64)), len(values)) for name, values in raw.items()}

    def merge(self, left: Any, right: Any) -> Any:
        return {name: (left[name][0] + right[name][0], left[name][1] + right[name][1]) for name in left}

    def fit(self, summary: Any) -> NoisePlan:
        return attrs.evolve(self, means={name: total / count for name, (total, count) in summary.items()})

    def apply(self, raw: Mapping[str, np.ndarray], request: BlockRequest) -> dict[str, np.ndarray]:
        values = {}
        for column in self.columns:
            centred = raw[column.name] - np.float32(self.means[column.name])
            if column.kind == "category":
                centred = np.clip(np.floor(centred) + 1, 0, column.categories - 1).astype(np.int64)
            values[column.name] = centred
        return values


@frozen
class NoiseModel:
    def plan(self, request: TableRequest) -> NoisePlan:
        return NoisePlan(request)


@frozen
class Shift:
    """A transform that takes the column's minimum to 0."""

    needs = frozenset({"minimum"})

    def fit(self, facts: Any) -> Any:
        return SimpleNamespace(apply=lambda values: values - facts.minimum)


def parts(**changed: Any) -> Parts:
    choices: dict[str, Any] = {
        "num_tables_choices": Choices(kind="range", value=[1, 4]),
        "table_layout_choices": Chain(),
        "num_rows_entity_table_choices": Choices(kind="range", value=[5, 40]),
        "num_rows_activity_table_choices": Choices(kind="set", value=[30, BLOCK_ROWS + 10]),
        "num_cols_choices": Choices(kind="zipf_range", value=[1, 5]),
        "col_stype_choices": Choices(kind="set", value=["categorical", "numerical"]),
        "num_categories_choices": Choices(kind="range", value=[2, 10]),
        "timeline_choices": EvenTimes(),
        "link_choices": RandomLinks(),
        "table_model_choices": NoiseModel(),
        "col_transform_choices": Shift(),
        "column_nan_perc_choices": Choices(kind="range", value=[0.01, 0.1]),
    }
    return Parts(**(choices | changed))


def made(seed: int = 0, config: Config | None = None, order: Any = None, **changed: Any) -> Generated:
    return generate(seed, config or Config(), parts(**changed), order=order)


seeds = st.integers(-(2**63), 2**63)
PERIOD = Period(start=0, stop=100 * DAY, val=80 * DAY, test=90 * DAY)


@given(seed=seeds)
def test_a_period_is_two_distinct_days_with_cuts_at_their_shares_of_its_days(seed):
    period = draw_period("1990-01-01", "1990-02-01", val_split=0.8, test_split=0.9, stream=Stream(seed))
    days = (period.stop - period.start) // DAY + 1
    assert days >= 2
    assert {moment % DAY for moment in attrs.astuple(period)} == {0}
    assert pd.Timestamp("1990-01-01") <= pd.Timestamp(period.start, unit="us")
    assert pd.Timestamp(period.stop, unit="us") <= pd.Timestamp("1990-02-01")
    assert (period.val - period.start) // DAY == int(0.8 * days)
    assert (period.test - period.start) // DAY == int(0.9 * days)


def test_both_ends_of_the_days_are_drawn():
    drawn = [
        draw_period("2020-01-01", "2020-01-03", val_split=0.8, test_split=0.9, stream=Stream(seed))
        for seed in range(60)
    ]
    assert {pd.Timestamp(period.start, unit="us").day for period in drawn} == {1, 2}
    assert {pd.Timestamp(period.stop, unit="us").day for period in drawn} == {2, 3}


@given(seed=seeds)
def test_a_schema_names_tables_keys_and_columns_and_gives_sinks_a_time(seed):
    schema = draw_schema(parts(), Stream(seed))
    assert [table.name for table in schema] == [f"table_{number}" for number in range(len(schema))]
    for number, table in enumerate(schema):
        assert table.role == ("activity" if number == len(schema) - 1 else "entity")
        assert table.time_column == ("date" if table.role == "activity" else None)
        assert table.primary_key == "row_idx"
        assert [key.column for key in table.foreign_keys] == [
            f"foreign_row_{place}" for place in range(len(table.foreign_keys))
        ]
        assert list(table.parents) == sorted(set(table.parents))
        assert {column.name for column in table.columns} == {
            f"feature_{place}" for place in range(len(table.columns))
        }
        for column in table.columns:
            assert (column.kind == "category") == (column.categories is not None)


def test_a_column_s_name_tells_nothing_of_where_it_stands():
    tables = [draw_schema(parts(num_cols_choices=3), Stream(seed))["table_0"] for seed in range(1200)]
    orders = [tuple(column.name for column in table.columns) for table in tables]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert sum((count - 200) ** 2 / 200 for count in counts) < 20.5  # chi square, 5 degrees, p = 0.001


@given(seed=seeds)
def test_a_table_s_draws_do_not_depend_on_how_many_tables_there_are(seed):
    few = draw_schema(parts(num_tables_choices=3), Stream(seed))
    many = draw_schema(parts(num_tables_choices=4), Stream(seed))
    assert (few["table_1"].rows, few["table_1"].columns) == (many["table_1"].rows, many["table_1"].columns)


def test_a_layout_with_other_nodes_than_asked_for_is_an_error():
    layout = SimpleNamespace(draw=lambda request, stream: Dag(nodes=9, edges=[]))
    with pytest.raises(GenerationError, match="drew 9 nodes where 3 were asked for"):
        draw_schema(parts(num_tables_choices=3, table_layout_choices=layout), Stream(0))


CHILD = Table(
    name="child",
    rows=4,
    role="activity",
    time_column="date",
    foreign_keys=[ForeignKey(column="of", parent="parent")],
)
FAMILY = Schema(tables=[Table(name="parent", rows=3, role="entity"), CHILD])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"timeline_choices": SimpleNamespace(draw=lambda r: np.arange(4)[::-1])},
            "expected 4 ascending int64 times",
        ),
        (
            {"timeline_choices": SimpleNamespace(draw=lambda r: np.arange(3))},
            r"child: expected 4 ascending .* got shape \(3,\)",
        ),
        (
            {
                "timeline_choices": SimpleNamespace(
                    draw=np.arange, block=lambda r, start, stop: np.arange(stop, start, -1)
                )
            },
            "child: expected 4 ascending int64 times",
        ),
        (
            {"link_choices": SimpleNamespace(plan=lambda r: SimpleNamespace(block=lambda i: np.arange(4)))},
            r"child.of: parent has the rows 0..2, got 0..3",
        ),
        (
            {"link_choices": SimpleNamespace(plan=lambda r: SimpleNamespace(block=lambda i: np.zeros(4)))},
            "child.of: block 0 has 4 rows of int64",
        ),
    ],
)
def test_times_and_links_that_break_their_contract_are_errors_that_say_where(changed, words, tmp_path):
    with pytest.raises(GenerationError, match=words):
        draw_structure(FAMILY, PERIOD, parts(**changed), Stream(0), tmp_path)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_a_database_holds_what_its_schema_says(seed):
    generated = made(seed)
    for table in generated.schema:
        frame = generated.frames[table.name]
        features = [column.name for column in table.columns]
        keys = [key.column for key in table.foreign_keys]
        assert list(frame.columns) == ["row_idx", *keys, *features, *(["date"] if table.time_column else [])]
        assert frame["row_idx"].tolist() == list(range(table.rows))
        for key in table.foreign_keys:
            assert frame[key.column].dtype == "Int64"
            assert frame[key.column].dropna().between(0, generated.schema[key.parent].rows - 1).all()
        for column in table.columns:
            assert frame[column.name].dtype == {"number": "float64", "boolean": "bool"}[column.kind]
        if table.time_column:
            assert frame["date"].is_monotonic_increasing
            assert frame["date"].dtype == "datetime64[us]"


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_any_order_with_parents_first_gives_the_same_database(seed):
    fork = SimpleNamespace(
        draw=lambda request, stream: Dag(nodes=5, edges=[(0, 1), (0, 2), (1, 3), (2, 3), (2, 4)])
    )
    shape = {"table_layout_choices": fork, "num_tables_choices": 5}
    first = made(seed, order=[f"table_{number}" for number in (0, 1, 2, 3, 4)], **shape)
    other = made(seed, order=[f"table_{number}" for number in (0, 2, 4, 1, 3)], **shape)
    for name, frame in first.frames.items():
        pd.testing.assert_frame_equal(frame, other.frames[name], check_exact=True)


def test_children_read_fitted_values_before_the_finish():
    generated = made(3, num_tables_choices=2, num_cols_choices=1, col_stype_choices="numerical")
    assert generated.frames["table_0"]["feature_0"].min() == 0  # finished by the transform
    noise = (Stream(3) / "table" / "table_1" / "values" / "noise" / 0).generator(0)
    rows = generated.structure.links["table_1"]["foreign_row_0"][:BLOCK_ROWS]
    parent_noise = (Stream(3) / "table" / "table_0" / "values" / "noise" / 0).generator(0)
    parent = parent_noise.normal(size=generated.schema["table_0"].rows).astype(np.float32)
    parent -= parent.mean()
    child = noise.normal(size=len(rows)) + np.where(rows < 0, 0, parent[rows])
    shown = generated.frames["table_1"]["feature_0"].to_numpy()[: len(rows)]
    kept = ~np.isnan(shown)
    assert np.ptp((shown - child)[kept]) < 1e-5


def test_the_causal_graph_covers_all_tables():
    generated = made(1, num_tables_choices=3, num_cols_choices=2)
    graph = generated.graph.to_networkx()
    assert len(graph) == 6
    assert graph.has_edge("table_0/0", "table_1/0")
    assert graph.nodes["table_2/1"]["column"] == generated.planned["table_2"].columns[1].name


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda block: {}, r"table_0.feature_\d+: block 0 has .* rows, got no values"),
        (
            lambda block: {name: values[1:] for name, values in block.items()},
            r"table_0.feature_\d+: .* got shape",
        ),
    ],
)
def test_a_table_model_that_leaves_values_out_is_an_error_that_says_where(spoil, words):
    class Spoilt(NoisePlan):
        def raw(self, request):
            return spoil(NoisePlan.raw(self, request))

    model = SimpleNamespace(plan=Spoilt)
    with pytest.raises(GenerationError, match=f"fakes:table_model_choices broke its contract for {words}"):
        made(0, table_model_choices=model)


def test_a_table_model_cannot_write_into_its_parents_or_its_links():
    def values_of_parents(request):
        return next(iter(request.parents[0].values.values()))

    class Links(NoisePlan):
        def raw(self, request):
            for rows in request.parent_rows.values():
                rows[:] = 0
            return NoisePlan.raw(self, request)

    def plan(request):
        if request.parents:
            values_of_parents(request)[:] = 0
        return NoisePlan(request)

    for model in (SimpleNamespace(plan=plan), SimpleNamespace(plan=Links)):
        with pytest.raises(PluginError, match=r"fakes:table_model_choices failed at .*read-only"):
            made(0, table_model_choices=model)


def test_a_table_model_that_plans_other_columns_than_the_schema_s_is_an_error():
    class Spoilt(NoisePlan):
        columns = ()

    with pytest.raises(GenerationError, match="planned other columns of table_0"):
        made(0, table_model_choices=SimpleNamespace(plan=Spoilt))


def finish(values: np.ndarray, rate: float = 0.1, collapse: Any = "boolean") -> Any:
    kind = "number" if values.dtype == np.float32 else "category"
    column = PlannedColumn(name="a", kind=kind, categories=None if kind == "number" else 5)
    choices = Parts(column_nan_perc_choices=rate, col_transform_choices=Shift())
    return fit_finish([column], "t", {"a": values}, SurfaceRules(collapse=collapse), choices, Stream(5))


def test_a_column_that_lost_a_value_to_overflow_may_be_null():
    whole = np.arange(4, dtype=np.float32)
    holed = np.array([0, np.inf, 2, 3], dtype=np.float32)
    for values, nullable in ((whole, False), (holed, True)):
        finished = finish(values, rate=0.0)
        assert finished.schema_columns()[0].nullable is nullable
        assert np.isnan(finished.apply({"a": values})["a"]).any() == nullable


@given(rows=st.integers(1, 300), rate=st.floats(0, 1))
def test_exactly_the_floor_of_the_share_of_a_number_s_cells_is_missing(rows, rate):
    values = np.arange(rows, dtype=np.float32)
    assert np.isnan(finish(values, rate).apply({"a": values})["a"]).sum() == int(rate * rows)


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_labels_become_booleans_without_missing_cells_and_constants_are_dropped(labels):
    values = np.array(labels)
    fit = finish(values)
    if len(set(values > 0)) == 1:
        assert fit.apply({"a": values}) == {}
        assert fit.schema_columns() == []
    else:
        assert fit.apply({"a": values})["a"].tolist() == (values > 0).tolist()
        assert fit.schema_columns() == [Column(name="a", kind="boolean", nullable=False)]


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_labels_stay_where_nothing_collapses_and_constants_are_dropped(labels):
    values = np.array(labels)
    finished = finish(values, collapse="none").apply({"a": values})
    assert {name: column.tolist() for name, column in finished.items()} == (
        {"a": labels} if len(set(labels)) > 1 else {}
    )


def test_constant_numbers_stay_and_infinities_are_missing():
    assert (
        finish(np.ones(4, dtype=np.float32), rate=0).apply({"a": np.ones(4, dtype=np.float32)})["a"].tolist()
        == [0] * 4
    )
    endless = np.array([1, np.inf, 3], dtype=np.float32)
    assert np.isnan(finish(endless, rate=0).apply({"a": endless})["a"]).tolist() == [False, True, False]


def test_an_intervention_changes_what_it_causes_and_nothing_else():
    shape: dict[str, Any] = {"num_tables_choices": 3, "num_cols_choices": 3, "col_stype_choices": "numerical"}
    generated = made(2, **shape)
    own, child = (generated.planned[name].columns[2].name for name in ("table_1", "table_2"))
    held = intervene(generated, parts(**shape), f"table_1.{own}", 7.5)
    changed = {
        f"{name}.{column}"
        for name, frame in generated.frames.items()
        for column in frame.columns
        if not frame[column].equals(held[name][column])
    }
    assert changed == {f"table_1.{own}", f"table_2.{child}"}
    cause = held["table_1"][own]
    assert cause.nunique() == 1
    assert cause.isna().equals(generated.frames["table_1"][own].isna())
    effect = held["table_2"][child] - generated.frames["table_2"][child]
    key = generated.frames["table_2"]["foreign_row_1"]
    assert np.allclose(effect[key.isna()].dropna(), 0)
    assert effect[key.notna()].std() > 0.5


def test_an_intervention_on_a_column_that_is_not_there_names_those_that_are():
    generated = made(2, num_tables_choices=1, num_cols_choices=1)
    with pytest.raises(
        RequestError, match=r"no feature column 'table_0.date' to hold; columns: table_0.feature_0"
    ):
        intervene(generated, parts(num_tables_choices=1, num_cols_choices=1), "table_0.date", 1.0)


def test_a_category_is_held_at_one_of_its_labels():
    shape: dict[str, Any] = {
        "num_tables_choices": 1,
        "num_cols_choices": 1,
        "col_stype_choices": "categorical",
    }
    generated = made(2, num_categories_choices=3, **shape)
    chosen = parts(num_categories_choices=3, **shape)
    for wrong in (3, -1, 0.5):
        with pytest.raises(RequestError, match=r"table_0.feature_0 is held at one of its labels, 0..2"):
            intervene(generated, chosen, "table_0.feature_0", wrong)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_number_is_held_at_a_finite_value(wrong):
    shape: dict[str, Any] = {
        "num_tables_choices": 1,
        "num_cols_choices": 1,
        "col_stype_choices": "numerical",
    }
    with pytest.raises(
        RequestError,
        match=r"table_0.feature_0 is held at a finite number, in single precision; got (nan|inf)",
    ):
        intervene(made(2, **shape), parts(**shape), "table_0.feature_0", wrong)


def test_categories_are_kept_where_the_config_says_so():
    config = Config(database_params=DatabaseParams(category_collapse="none"))
    generated = made(0, config, num_cols_choices=4, col_stype_choices="categorical")
    kinds = {column.kind for table in generated.schema for column in table.columns}
    assert kinds == {"category"}


@frozen
class Halves:
    """Labels and numbers as halves above or below zero."""

    def decode(self, values: np.ndarray) -> np.ndarray:
        return np.floor(values).astype(np.int64)


@frozen
class Word:
    def generate(self, values: np.ndarray, stream: Stream) -> list[str]:
        return [f"{stream.generator().integers(10**9)}-{value}" for value in values]


class TypedParts(Parts):
    def draw_entry(self, choice: str, stream: Stream) -> tuple[Any, Any]:
        if choice != "column_type_choices":
            return super().draw_entry(choice, stream)
        encoding = Choices(kind="set", value=["number", "category", "text", "boolean"]).draw(stream)
        record = SimpleNamespace(encoding=encoding)
        return SimpleNamespace(id=f"fakes:{encoding}", record=record), Halves()


def test_column_types_fix_kinds_before_values_are_made_and_decode_them_afterwards():
    chosen = TypedParts(**parts(num_tables_choices=2, num_cols_choices=12).choices)
    config = Config(database_params=DatabaseParams(column_type_choices="number"))
    generated = generate(4, config, chosen)
    kinds = set()
    for table, planned in zip(generated.schema, generated.planned, strict=True):
        assert {column.kind for column in table.columns} <= {column.kind for column in planned.columns}
        for column in table.columns:
            kinds.add(column.kind)
            shown = generated.frames[table.name][column.name]
            assert str(shown.dtype) == (
                "Int64" if column.kind == "number" and shown.isna().any() else "int64"
            )
    assert {"number", "category", "text"} <= kinds


def test_value_generators_give_each_label_one_surface():
    config = Config(database_params=DatabaseParams(value_generator_choices="word"))
    chosen = parts(num_cols_choices=3, col_stype_choices="categorical", value_generator_choices=Word())
    frame = generate(0, config, chosen).frames["table_0"]
    assert (
        frame["feature_0"].map(lambda shown: int(shown.split("-")[1])).nunique()
        == frame["feature_0"].nunique()
    )
    assert frame["feature_0"].nunique() > 1
    assert frame["feature_0"][0].split("-")[0] != frame["feature_1"][0].split("-")[0]


class Faulty:
    """A contribution that always fails."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(f"no {name}")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("table_layout_choices", "the table layout fakes:table_layout_choices failed at a graph of 4 tables"),
        ("timeline_choices", "the timeline fakes:timeline_choices failed at the times of table_"),
        ("link_choices", "the links fakes:link_choices failed at the links table_"),
        ("table_model_choices", "the table model fakes:table_model_choices failed at the values of table_0"),
    ],
)
def test_what_a_contribution_raises_is_told_with_its_name_and_its_task(choice, words):
    with pytest.raises(PluginError, match=f"{words}.*: ZeroDivisionError: no ") as caught:
        made(num_tables_choices=4, **{choice: Faulty()})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
