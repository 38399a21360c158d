"""The published prior in whole databases: what PluRel 1.1 says of schemas, of columns and of their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from plurel.config import Choices, Config, resolve
from plurel.config.choices import unstructure
from plurel.config.flat import FLAT
from plurel.config.resolution import split_item
from plurel.generation.database import Generated, generate
from plurel.generation.finish import FinishedColumn
from plurel.generation.schema import draw_schema
from plurel.plugins import get_ledger
from plurel.plugins.requests import TableRequest
from plurel.schema import Table
from plurel.seeding import Stream
from plurel_scm.node_graph import NodeGraph, draw_node_graph

DATABASES = 24
SMALL = Config().with_set(
    [
        "database_params.num_tables_choices=5",
        "database_params.num_rows_entity_table_choices=200",
        "database_params.num_rows_activity_table_choices=400",
    ]
)


@pytest.fixture(scope="module")
def parts():
    return resolve(SMALL, get_ledger()).parts(get_ledger())


@pytest.fixture(scope="module")
def databases(parts) -> list[Generated]:
    return [generate(seed, SMALL, parts) for seed in range(DATABASES)]


@pytest.fixture(scope="module")
def graphs(parts) -> list[tuple[Table, NodeGraph]]:
    """The causal nodes of the tables of many default schemas, with their tables."""
    made = []
    for seed in range(40):
        for table in draw_schema(parts, Stream(seed)):
            stream = Stream(seed) / table.name / "values"
            request = TableRequest(table=table, parents=(), parts=parts, stream=stream)
            made.append((table, draw_node_graph(request)))
    return made


def columns_of(databases: list[Generated]) -> Iterator[tuple[Generated, str, FinishedColumn]]:
    for generated in databases:
        for name, record in generated.records.items():
            for column in record.finish.columns:
                yield generated, name, column


def test_a_contribution_s_own_defaults_are_the_published_numbers_too():
    config = resolve(Config(), get_ledger()).config
    checked = 0
    for part in (config.database_params, config.scm_params):
        for choices in attrs.astuple(part, recurse=False):
            for item in choices.value if isinstance(choices, Choices) and choices.kind == "set" else ():
                if isinstance(item, str) or not hasattr(item, "items"):
                    continue
                name, params = split_item(item)
                kinds = [kind for kind, own in FLAT if own == name]
                for kind in kinds:
                    own = unstructure(get_ledger().find(kind, name).parameters({}))
                    if set(own) == set(params):
                        assert own == params
                        checked += 1
    assert checked >= 12


def test_tables_point_at_parents_by_number_and_sinks_have_a_time(databases):
    for generated in databases:
        graph = nx.DiGraph((parent, table.name) for table in generated.planned for parent in table.parents)
        assert nx.is_weakly_connected(graph)
        for table in generated.planned:
            sink = graph.out_degree(table.name) == 0
            assert (table.role, table.rows) == (("activity", 400) if sink else ("entity", 200))
            numbers = [int(parent.partition("_")[2]) for parent in table.parents]
            assert numbers == sorted(set(numbers))
            frame = generated.frames[table.name]
            keys = [f"foreign_row_{place}" for place in range(len(numbers))]
            features = [c.name for c in table.columns if c.name in frame.columns]
            assert list(frame.columns) == ["row_idx", *keys, *features, *(["date"] if sink else [])]
            assert frame["row_idx"].tolist() == list(range(table.rows))


def test_event_times_are_spread_evenly_over_the_whole_period(databases):
    day = pd.Timedelta(days=1)
    for generated in databases:
        start, stop, val, test = (pd.Timestamp(at, unit="us") for at in attrs.astuple(generated.period))
        days = (stop - start) // day + 1
        assert (val, test) == (start + int(0.8 * days) * day, start + int(0.9 * days) * day)
        assert pd.Timestamp("1990-01-01") <= start < stop <= pd.Timestamp("2024-12-31")
        for table in generated.planned:
            if table.time_column is not None:
                expected = pd.date_range(start, stop, periods=table.rows)
                off = (generated.frames[table.name]["date"] - pd.Series(expected)).abs().max()
                assert off <= pd.Timedelta(microseconds=1)


def test_every_float_column_misses_exactly_the_table_s_share_of_cells(databases):
    rates = []
    for generated in databases:
        for name, record in generated.records.items():
            rates.append(record.finish.missing_rate)
            frame = generated.frames[name]
            numbers = frame.select_dtypes("float64")
            wanted = int(record.finish.missing_rate * len(frame))
            others = frame.drop(columns=numbers.columns)
            assert not others.isna().any(axis=None)
            for column in record.finish.columns:
                if column.planned.kind == "number":
                    assert int(column.missing.among(0, len(frame)).sum()) == wanted
                    assert numbers[column.planned.name].isna().sum() >= wanted
    assert stats.kstest(rates, stats.uniform(0.01, 0.09).cdf).pvalue > 1e-3


def test_transforms_are_drawn_a_column_and_categories_have_none(databases):
    drawn = Counter(c.transform for _, _, c in columns_of(databases) if c.planned.kind == "number")
    assert set(drawn) == {
        f"plurel-scm:{name}" for name in ("identity", "rank_uniform", "log", "sqrt", "standardize")
    }
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-3
    assert {c.transform for _, _, c in columns_of(databases) if c.planned.kind == "category"} == {None}


def test_categories_become_booleans_and_vanish_where_they_are_constant(databases):
    for generated, name, column in columns_of(databases):
        frame = generated.frames[name]
        if column.planned.kind == "category":
            assert (column.planned.name in frame) == (not column.dropped)
            if not column.dropped:
                assert frame[column.planned.name].dtype == bool
                assert frame[column.planned.name].nunique() == 2
        else:
            assert frame[column.planned.name].dtype == np.float64


def test_a_table_has_its_columns_on_random_nodes_of_a_larger_graph(graphs):
    places = []
    for table, graph in graphs:
        columns = len(table.columns)
        assert len(graph.shown) == columns
        hidden = graph.dag.nodes - columns - 3
        assert np.ceil(columns / 0.9) <= hidden <= np.ceil(columns / 0.3)
        places += [(node + 0.5) / graph.dag.nodes for node in graph.shown]
    assert stats.kstest(places, stats.uniform.cdf).pvalue > 1e-3


def test_one_column_in_eight_is_a_source(graphs):
    sources = [not len(graph.dag.parents(node)) for _, graph in graphs for node in graph.shown]
    assert np.mean(sources) == pytest.approx(0.13, abs=0.03)


def test_hidden_nodes_draw_kind_and_labels_as_columns_do(graphs):
    hidden = [kind for _, graph in graphs for kind in graph.kinds if kind.column is None]
    shown = [kind for _, graph in graphs for kind in graph.kinds if kind.column is not None]
    for kinds in (hidden, shown):
        labels = Counter(kind.categories for kind in kinds if kind.kind == "category")
        assert np.mean([kind.kind == "category" for kind in kinds]) == pytest.approx(0.5, abs=0.03)
        assert set(labels) == set(range(2, 11))
        assert stats.chisquare(list(labels.values())).pvalue > 1e-3


def test_a_graph_draws_one_family_of_edge_weights(graphs):
    large = [graph.weights for _, graph in graphs if len(graph.weights) >= 40]
    positive = [(weights > 0).all() for weights in large]
    bounded = [np.abs(weights).max() <= 2 for weights in large]
    assert np.mean(positive) == pytest.approx(0.25, abs=0.09)
    assert np.mean(bounded) == pytest.approx(0.25, abs=0.12)
    flat = np.concatenate([weights for weights in large if np.abs(weights).max() <= 2 and len(weights) >= 80])
    assert stats.kstest(flat, stats.uniform(-2, 4).cdf).pvalue > 1e-3


def test_half_of_the_tables_are_typed_lazily(databases, parts):
    modes: list[Any] = [record.mode for generated in databases for record in generated.records.values()]
    assert np.mean([mode == "lazy" for mode in modes]) == pytest.approx(0.5, abs=0.2)


VANISHING = {("eager", False): 0.751, ("eager", True): 0.143, ("lazy", False): 0.115, ("lazy", True): 0.086}
"""Share of categories that vanished in 160 databases of release 1.1, by mode and whether they are sources."""

CONSTANT = 0.070
"""Share of float columns in them that had one value in all rows."""


def test_as_many_columns_vanish_as_in_the_published_release(databases):
    gone: dict[tuple[str, bool], list[bool]] = {kind: [] for kind in VANISHING}
    for generated, name, column in columns_of(databases):
        if column.planned.kind == "category":
            mechanism = next(
                node.mechanism
                for node in generated.graph.nodes
                if (node.table, node.column) == (name, column.planned.name)
            )
            gone[generated.records[name].mode, mechanism != "plurel-scm:mlp"].append(column.dropped)
    for kind, expected in VANISHING.items():
        assert np.mean(gone[kind]) == pytest.approx(expected, abs=0.1), kind


def test_as_many_numbers_are_constant_as_in_the_published_release(databases):
    constant = [
        column.facts.minimum == column.facts.maximum
        for _, _, column in columns_of(databases)
        if column.facts is not None
    ]
    assert np.mean(constant) == pytest.approx(CONSTANT, abs=0.035)
