"""Databases under do(column = value): the same noise, other values downstream, every other bit as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plurel import Choices, Config, DatabaseParams, SCMParams, SyntheticDataset
from plurel.artefacts.database import DatabaseArtefact
from plurel.errors import RequestError
from plurel.graph import read_causal_graph
from plurel.plugins.requests import ArtefactRequest

LARGEST = float(np.finfo(np.float32).max)
MODES = ("type_eager", "type_lazy")
MECHANISMS = {
    "mlp": ["mlp"],
    "linear": ["plurel-scm:linear"],
    "trees": [{"name": "trees", "depth": 3}],
    "mixed": ["mlp", "plurel-scm:linear", "trees"],
}


SURFACES: dict[str, dict[str, Any]] = {
    "booleans": {},
    "labels": {"category_collapse": "none"},
    "typed": {
        "column_type_choices": Choices(
            kind="set", value=["number", "boolean", "category", "datetime", "text"]
        )
    },
}


def one_of(*values: Any) -> Choices:
    return Choices(kind="set", value=values)


@lru_cache(maxsize=64)
def dataset_of(
    seed: int, mode: str, mechanisms: str, surface: str = "booleans", *, large: bool = False
) -> SyntheticDataset:
    """A small database, of several blocks a table where it is large."""
    dataset = SyntheticDataset(
        seed,
        Config(
            database_params=DatabaseParams(
                num_tables_choices=3,
                num_rows_entity_table_choices=4_100 if large else 40,
                num_rows_activity_table_choices=8_300 if large else 70,
                num_cols_choices=Choices(kind="range", value=[2, 5]),
                **SURFACES[surface],
            ),
            scm_params=SCMParams(
                propagation_mode_choices=mode, mechanism_choices=one_of(*MECHANISMS[mechanisms])
            ),
        ),
    )
    dataset.generate()
    return dataset


datasets = st.builds(
    dataset_of,
    st.integers(0, 7),
    st.sampled_from(MODES),
    st.sampled_from(sorted(MECHANISMS)),
    st.sampled_from(sorted(SURFACES)),
)


def labels_of(dataset: SyntheticDataset, column: str) -> int | None:
    """How many labels a column's planned values have, None of a number; dropped columns included."""
    table, _, name = column.partition(".")
    finished = dataset._generated.records[table].finish.columns
    (planned,) = (one.planned for one in finished if one.planned.name == name)
    return planned.categories


def values_for(labels: int | None) -> st.SearchStrategy[Any]:
    if labels is not None:
        return st.integers(0, labels - 1)
    ends = st.sampled_from([-LARGEST, LARGEST, 0.0, -0.0, 1e-45, 1, -3, np.float64(2.5), np.int64(7)])
    return ends | st.floats(width=32, allow_nan=False, allow_infinity=False)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The columns with a cell of another bit; dtypes and names are equal."""
    found = set()
    for name, table in before.items():
        frame, other = table.df, after[name].df
        assert list(frame.columns) == list(other.columns)
        for column in frame.columns:
            if not same_bits(frame[column], other[column]):
                found.add(f"{name}.{column}")
    return found


def same_bits(left: pd.Series, right: pd.Series) -> bool:
    if left.dtype != right.dtype or not left.isna().equals(right.isna()):
        return False
    here, there = (one.dropna().to_numpy() for one in (left, right))
    return here.tobytes() == there.tobytes() if here.dtype != object else bool((here == there).all())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=datasets, data=st.data())
def test_only_effects_change_and_what_is_held_is_the_same_in_every_row(dataset, data):
    graph = dataset.causal_graph
    column = data.draw(st.sampled_from(list(graph.columns)))
    value = data.draw(values_for(labels_of(dataset, column)))
    before, after = dataset.make_db().table_dict, dataset.intervene(column, value).table_dict
    assert changed(before, after) <= {column, *graph.effects(column)}
    table, _, name = column.partition(".")
    if name in before[table].df:
        cells = after[table].df[name]
        assert cells.dropna().nunique() <= 1
        assert (cells.isna() >= before[table].df[name].isna()).all()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 3), mode=st.sampled_from(MODES), data=st.data())
def test_the_same_holds_over_many_blocks(seed, mode, data):
    dataset = dataset_of(seed, mode, "mixed", large=True)
    graph = dataset.causal_graph
    column = data.draw(st.sampled_from(list(graph.columns)))
    value = data.draw(values_for(labels_of(dataset, column)))
    before, after = dataset.make_db().table_dict, dataset.intervene(column, value).table_dict
    assert changed(before, after) <= {column, *graph.effects(column)}


@settings(max_examples=15, deadline=None)
@given(dataset=datasets, data=st.data())
def test_the_untouched_database_is_the_same_before_and_after(dataset, data):
    column = data.draw(st.sampled_from(list(dataset.causal_graph.columns)))
    before = {name: table.df.copy() for name, table in dataset.make_db().table_dict.items()}
    first, again = (dataset.intervene(column, 1).table_dict for _ in range(2))
    assert not changed(first, again)
    for name, table in dataset.make_db().table_dict.items():
        pd.testing.assert_frame_equal(table.df, before[name], check_exact=True)


def shown_labels(dataset: SyntheticDataset) -> Iterator[tuple[str, str]]:
    """Columns of two labels in tables that are typed eagerly: what they show is their label."""
    for name, table in dataset.make_db().table_dict.items():
        for column in table.df.columns:
            if table.df[column].dtype == bool and labels_of(dataset, f"{name}.{column}") == 2:
                yield name, column


@pytest.mark.parametrize("mechanisms", sorted(MECHANISMS))
def test_rows_that_had_the_value_anyway_keep_every_cell_of_their_table(mechanisms):
    """What happens where nothing is changed is what happened (consistency)."""
    seen = 0
    for seed in range(16):
        dataset = dataset_of(seed, "type_eager", mechanisms)
        for table, column in list(shown_labels(dataset))[:2]:
            before, after = (
                database.table_dict[table].df
                for database in (dataset.make_db(), dataset.intervene(f"{table}.{column}", True))
            )
            had = before[column].to_numpy()
            pd.testing.assert_frame_equal(before[had], after[had], check_exact=True)
            seen += not before.equals(after)
    assert seen > 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mechanisms", ["mlp", "mixed"])
def test_an_intervention_is_felt_in_its_own_table_and_through_foreign_keys(mode, mechanisms):
    """By how many of the effects in the graph that are left: the prior's networks often saturate."""
    felt: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(3):
        dataset = dataset_of(seed, mode, mechanisms)
        before = dataset.make_db().table_dict
        for column in dataset.causal_graph.columns:
            labels = labels_of(dataset, column)
            after = dataset.intervene(column, 5.0 if labels is None else labels - 1).table_dict
            found = changed(before, after)
            for effect in dataset.causal_graph.effects(column):
                table, _, name = effect.partition(".")
                if name in before[table].df:
                    felt[column.startswith(f"{table}.")].append(effect in found)
    least = 0.1 if mechanisms == "mlp" else 0.3
    assert np.mean(felt[True]) > least
    assert np.mean(felt[False]) > least


def test_a_dropped_column_can_be_held_and_its_effects_change():
    felt = 0
    for seed in range(8):
        dataset = dataset_of(seed, "type_eager", "mlp")
        before = dataset.make_db().table_dict
        for column in dataset.causal_graph.columns:
            table, _, name = column.partition(".")
            if name not in before[table].df:
                after = dataset.intervene(column, 1).table_dict
                assert name not in after[table].df
                felt += bool(changed(before, after))
    assert felt


def test_causes_and_effects_agree_with_networkx():
    for seed in range(3):
        graph = dataset_of(seed, "type_lazy", "mixed").causal_graph
        network = graph.to_networkx()
        assert nx.is_directed_acyclic_graph(network)
        for column, node in graph.columns.items():
            assert set(graph.effects(column)) == {
                one.shows for one in graph.nodes if one.shows and one.id in nx.descendants(network, node.id)
            }


def test_a_saved_graph_reads_back(tmp_path):
    dataset = dataset_of(1, "type_lazy", "mixed")
    out = dataset.save(tmp_path / "one")
    graph = read_causal_graph(out)
    assert graph == dataset.causal_graph
    assert {node.column is None for node in graph.nodes} == {True, False}
    assert all(edge.weight is not None for edge in graph.edges if edge.through is None)
    assert {edge.through for edge in graph.edges} > {None}


def test_inspect_sums_up_causes_table_by_table(tmp_path):
    dataset = dataset_of(1, "type_lazy", "mixed")
    told = DatabaseArtefact().inspect(ArtefactRequest(path=dataset.save(tmp_path / "one")))
    graph, causes = dataset.causal_graph, told.facts["causes"]
    assert list(causes) == [table.name for table in dataset.schema]
    assert sum(one["columns"] + one["hidden"] for one in causes.values()) == len(graph.nodes)
    assert sum(one["edges"] + one["edges_from_parents"] for one in causes.values()) == len(graph.edges)
    for name, one in causes.items():
        own = [node.mechanism for node in graph.nodes if node.table == name]
        assert one["computed_by"] == {mechanism: own.count(mechanism) for mechanism in own}
    assert "causes" in [listing.title for listing in told.listings]


def test_a_cached_graph_is_read_without_generating(tmp_path, monkeypatch):
    config = Config(
        database_params=DatabaseParams(num_tables_choices=2, num_rows_activity_table_choices=50),
        cache_dir=str(tmp_path),
    )
    first = SyntheticDataset(3, config)
    first.make_db()

    def refuse(*_, **__):
        raise AssertionError("generated again")

    monkeypatch.setattr("plurel.generation.database.generate", refuse)
    assert SyntheticDataset(3, config).causal_graph == first.causal_graph


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, 10**400, "3", None, 1j, [1.0]])
def test_a_number_is_held_at_a_finite_number(value):
    dataset = dataset_of(0, "type_eager", "mlp")
    column = next(one for one in dataset.causal_graph.columns if labels_of(dataset, one) is None)
    with pytest.raises(RequestError, match=f"{column} is held at a finite number, in single precision; got"):
        dataset.intervene(column, value)


@pytest.mark.parametrize("value", [-1, 0.5, 99, "0", None, np.nan, [0]])
def test_a_category_is_held_at_a_label(value):
    dataset = dataset_of(0, "type_eager", "mlp")
    column = next(one for one in dataset.causal_graph.columns if labels_of(dataset, one) is not None)
    with pytest.raises(RequestError, match=rf"{column} is held at one of its labels, 0..\d; got"):
        dataset.intervene(column, value)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("table_0.row_idx", r"'table_0.row_idx' to hold; columns: table_0.feature_\d"),
        ("table_9.feature_0", "'table_9.feature_0' to hold; tables: table_0, table_1, table_2"),
        ("feature_0", "'feature_0' to hold; tables: table_0"),
        ("", "'' to hold; tables: table_0"),
        (None, "None to hold; tables: table_0"),
    ],
)
def test_what_is_no_feature_column_cannot_be_held(column, words):
    with pytest.raises(RequestError, match=f"there is no feature column {words}"):
        dataset_of(0, "type_eager", "mlp").intervene(column, 1.0)


@pytest.mark.parametrize("seed", ["0", "../../x", 1.0, None, True, np.bool_(1), np.float64(1), b"0"])
def test_a_seed_is_an_integer(seed, tmp_path):
    config = Config(cache_dir=str(tmp_path / "cache"))
    with pytest.raises(RequestError, match="a seed is an integer, got"):
        SyntheticDataset(seed, config)
    assert not list(tmp_path.iterdir())


def test_an_integer_of_numpy_is_a_seed():
    dataset = SyntheticDataset(np.int64(3))
    assert (type(dataset.seed), dataset.name) == (int, "rel-synthetic-3")
