"""Whole databases from the installed contributions: the same bytes wherever and however they are made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from plurel import Config, DatabaseParams, SyntheticDataset
from plurel.config import Choices, resolve
from plurel.errors import DatabaseError, RequestError
from plurel.generation.database import Generated, generate, intervene
from plurel.generation.schema import draw_schema
from plurel.plugins import get_ledger
from plurel.seeding import Stream

SMALL = Config(
    database_params=DatabaseParams(
        num_tables_choices=5,
        num_rows_entity_table_choices=Choices(kind="range", value=[40, 80]),
        num_rows_activity_table_choices=Choices(kind="range", value=[150, 300]),
        num_cols_choices=Choices(kind="zipf_range", value=[3, 8]),
    )
)


@pytest.fixture(scope="module")
def parts():
    return resolve(SMALL, get_ledger()).parts(get_ledger())


@pytest.fixture(scope="module")
def generated(parts) -> Generated:
    return generate(3, SMALL, parts)


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def run_generate(out: Path, config: Path, *arguments: str, **environment: str) -> dict[str, bytes]:
    code = "import sys; from plurel.cli import main; sys.exit(main())"
    subprocess.run(
        [
            *(sys.executable, "-c", code, "generate", str(config), "--out", str(out), "--num-dbs", "2"),
            *arguments,
        ],
        check=True,
        capture_output=True,
        env={
            **{name: value for name, value in os.environ.items() if name != "PLUREL_PLUGINS"},
            **environment,
        },
    )
    return files(out)


def write_unrelated_plugin(folder: Path) -> None:
    (folder / "unrelated-1.0.dist-info").mkdir(parents=True)
    info = folder / "unrelated-1.0.dist-info"
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: unrelated\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[plurel]\nunrelated = unrelated_plugin\n")
    folder.joinpath("unrelated_plugin.py").write_text(
        textwrap.dedent(
            """
            from pathlib import Path

            from plurel.plugins import hookimpl, records

            Path(__file__).with_name("imported").touch()
            HOOK_VERSION = 1


            @hookimpl
            def plurel_activations():
                return [records.Activation(name="aaa_first", summary="first by name", factory=dict)]


            @hookimpl
            def plurel_layouts():
                return [records.Layout(name="aaa_first", summary="first by name", factory=dict)]
            """
        )
    )


def test_processes_threads_and_unrelated_plugins_change_no_byte(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(SMALL.to_yaml())
    write_unrelated_plugin(tmp_path / "site")
    one = run_generate(tmp_path / "one", config, "--num-proc", "1", OMP_NUM_THREADS="1")
    site = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    two = run_generate(tmp_path / "two", config, "--num-proc", "2", OMP_NUM_THREADS="2", PYTHONPATH=site)
    assert (tmp_path / "site" / "imported").exists()
    assert "rel-synthetic-1/db/table_4.parquet" in one
    assert "rel-synthetic-1/plurel.json" in one
    assert {name: one[name] == two.get(name) for name in one} == dict.fromkeys(one, True)
    assert set(one) == set(two)


def test_threads_change_no_byte_of_a_database_of_many_blocks(tmp_path):
    long = SMALL.with_set(
        [
            "database_params.num_tables_choices=3",
            "database_params.num_rows_entity_table_choices=5000",
            "database_params.num_rows_activity_table_choices=21000",
        ]
    )
    one, many = (
        files(SyntheticDataset(2, long, threads=threads).save(tmp_path / str(threads))) for threads in (1, 3)
    )
    assert "db/table_2.parquet" in one
    assert one == many


def test_any_order_of_tables_gives_the_same_frames(generated, parts):
    first = [table.name for table in generated.planned.parents_first()]
    graph = nx.DiGraph()
    graph.add_nodes_from(first)
    graph.add_edges_from((parent, table.name) for table in generated.planned for parent in table.parents)
    orders = [order for order in nx.all_topological_sorts(graph) if order != first]
    assert orders
    for order in orders[:: max(1, len(orders) // 3)]:
        other = generate(3, SMALL, parts, order=order)
        for name, frame in generated.frames.items():
            pd.testing.assert_frame_equal(frame, other.frames[name], check_exact=True)


def test_other_seeds_are_other_databases(generated, parts):
    other = generate(4, SMALL, parts)
    assert other.period != generated.period
    assert [table.rows for table in other.planned] != [table.rows for table in generated.planned]


def test_an_intervention_reaches_descendants_in_the_causal_graph_and_nothing_else(generated, parts):
    graph = generated.graph.to_networkx()
    shown = {
        node: f"{data['table']}.{data['column']}" for node, data in graph.nodes(data=True) if data["column"]
    }
    reached = {node: set(nx.descendants(graph, node)) & set(shown) for node in shown}
    busiest = max(reached, key=lambda node: len(reached[node]))
    held = intervene(generated, parts, shown[busiest], 1.0)
    changed = {
        f"{name}.{column}"
        for name, frame in generated.frames.items()
        for column in frame.columns
        if not frame[column].equals(held[name][column])
    }
    assert changed <= {shown[node] for node in reached[busiest] | {busiest}}
    assert len(changed) > 2


def test_default_schemas_have_the_published_sizes():
    parts = resolve(Config(), get_ledger()).parts(get_ledger())
    schemas = [draw_schema(parts, Stream(seed)) for seed in range(150)]
    assert {len(schema) for schema in schemas} == set(range(3, 21))
    tables = [table for schema in schemas for table in schema]
    entities = [table for table in tables if table.role == "entity"]
    activities = [table for table in tables if table.role == "activity"]
    assert entities
    assert all(500 <= table.rows <= 1000 for table in entities)
    assert all(2000 <= table.rows <= 5000 for table in activities)
    parents = {
        (number, name) for number, schema in enumerate(schemas) for table in schema for name in table.parents
    }
    for number, schema in enumerate(schemas):
        assert all((table.role == "entity") == ((number, table.name) in parents) for table in schema)
    counts = Counter(len(table.columns) for table in tables)
    assert set(counts) <= set(range(3, 41))
    total = sum(1 / k for k in range(3, 41))
    assert counts[3] / len(tables) == pytest.approx(1 / 3 / total, abs=0.03)
    assert sum(count for k, count in counts.items() if k > 20) / len(tables) == pytest.approx(
        sum(1 / k for k in range(21, 41)) / total, abs=0.04
    )
    columns = [column for table in tables for column in table.columns]
    labels = [column.categories for column in columns if column.kind == "category"]
    assert len(labels) / len(columns) == pytest.approx(0.5, abs=0.02)
    assert set(labels) == set(range(2, 11))


def test_plurel_json_says_where_the_database_came_from(tmp_path):
    path = SyntheticDataset(5, SMALL).save(tmp_path / "five")
    said = json.loads((path / "plurel.json").read_text())
    assert said["seed"] == 5
    assert Config.from_dict(said["config"]).database_params.num_tables_choices == Choices.constant(5)
    assert said["config"]["preset"] == {"name": "default", "dist": "plurel-scm", "revision": 2}
    assert said["computed_by"]["numpy"] == np.__version__
    assert {"plurel-scm:scm", "plurel-layouts:barabasi_albert"} <= {
        item["id"] for item in said["contributions"]
    }
    computed = [table["computed"] for table in said["columns"].values()]
    assert sum(one["kernel"] for one in computed) > 0
    assert [one["numpy"] for one in computed] == [0] * len(computed)
    columns = said["columns"]["table_0"]["columns"].values()
    assert {column["kind"] for column in columns} <= {"number", "boolean", None}
    assert {node["table"] for node in said["causal_graph"]["nodes"]} == {
        f"table_{number}" for number in range(5)
    }


def test_the_cache_gives_back_the_same_database_and_never_another_config_s(tmp_path):
    cached = Config(database_params=SMALL.database_params, cache_dir=str(tmp_path))
    made = SyntheticDataset(6, cached).make_db()
    again = SyntheticDataset(6, cached).make_db()
    for name, table in made.table_dict.items():
        pd.testing.assert_frame_equal(table.df, again.table_dict[name].df)
    other = Config(database_params=DatabaseParams(num_tables_choices=1), cache_dir=str(tmp_path))
    assert len(SyntheticDataset(6, other).make_db().table_dict) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cached_database_and_its_cuts_are_there_without_generating(tmp_path, monkeypatch):
    cached = Config(database_params=SMALL.database_params, cache_dir=str(tmp_path))
    first = SyntheticDataset(6, cached)
    made, cuts = first.get_db(), (first.val_timestamp, first.test_timestamp)

    def refuse(*_, **__):
        raise AssertionError("generated again")

    monkeypatch.setattr("plurel.generation.database.generate", refuse)
    again = SyntheticDataset(6, cached)
    assert (again.val_timestamp, again.test_timestamp) == cuts
    for name, table in again.get_db().table_dict.items():
        pd.testing.assert_frame_equal(table.df, made.table_dict[name].df)


@pytest.mark.parametrize("file", ["db/table_0.parquet", "manifest.yaml", "plurel.json"])
def test_a_damaged_database_in_the_cache_is_never_given_back(tmp_path, file):
    cached = Config(database_params=SMALL.database_params, cache_dir=str(tmp_path))
    SyntheticDataset(6, cached).make_db()
    (database,) = tmp_path.iterdir()
    content = (database / file).read_bytes()
    (database / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatabaseError, match=f"remove .*{database.name} to make it anew"):
        SyntheticDataset(6, cached).make_db()


def test_another_database_in_the_cache_is_never_given_back(tmp_path):
    cached = Config(database_params=SMALL.database_params, cache_dir=str(tmp_path))
    SyntheticDataset(6, cached).make_db()
    (database,) = tmp_path.iterdir()
    shutil.rmtree(database)
    SyntheticDataset(7, SMALL).save(database)
    with pytest.raises(
        RequestError, match=r"from another config: found 7 .* @ \$.seed; choose another cache_dir"
    ):
        SyntheticDataset(6, cached).make_db()


def test_two_processes_may_fill_one_cache(tmp_path, monkeypatch):
    cached = Config(database_params=SMALL.database_params, cache_dir=str(tmp_path))
    save = SyntheticDataset.save

    def save_as_second(self, out):
        save(SyntheticDataset(6, SMALL), out)
        return save(self, out)

    monkeypatch.setattr(SyntheticDataset, "save", save_as_second)
    assert len(SyntheticDataset(6, cached).make_db().table_dict) == 5
    assert len(list(tmp_path.iterdir())) == 1


def test_get_db_stops_at_the_test_timestamp():
    dataset = SyntheticDataset(7, SMALL)
    database = dataset.get_db()
    whole = dataset.make_db()
    for name, table in database.table_dict.items():
        if table.time_col is not None:
            assert table.df[table.time_col].max() <= dataset.test_timestamp
            assert whole.table_dict[name].df[table.time_col].max() > dataset.test_timestamp
    assert dataset.val_timestamp < dataset.test_timestamp
