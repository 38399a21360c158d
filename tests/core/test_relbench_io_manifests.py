"""Manifests: the bytes that RelBench's own writer has for the same content, written without RelBench."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from relbench.manifest import DatasetManifest, TableSpec, TaskManifest

from plurel.errors import DatabaseError
from plurel.relbench_io.manifests import dataset_manifest, task_manifest
from plurel.schema import ForeignKey, Schema, Table
from plurel.tasks import TaskDefinition

NAMES = st.text(min_size=1, max_size=8)
TEXTS = st.text(max_size=40) | st.text(alphabet=" \tab\n:'#|\x0b\u2028é", max_size=60)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved(manifest: DatasetManifest | TaskManifest, folder: Path) -> bytes:
    """What RelBench writes."""
    manifest.save(folder / "manifest.yaml")
    return (folder / "manifest.yaml").read_bytes()


def shop_table(name: str, key: str | None, time: str | None, parents: dict[str, str]) -> Table:
    keys = [ForeignKey(column=column, parent=parent) for column, parent in parents.items()]
    return Table(name=name, rows=1, role="entity", primary_key=key, time_column=time, foreign_keys=keys)


@QUIET
@given(
    name=NAMES,
    description=st.none() | TEXTS,
    specs=st.dictionaries(
        NAMES,
        st.tuples(st.none() | NAMES, st.none() | NAMES, st.dictionaries(NAMES, NAMES, max_size=2)),
        max_size=3,
    ),
)
@example(name="shop", description="x" * 5000 + " y", specs={"null": (None, "2020-01-01", {"on": "yes"})})
def test_a_databases_manifest_is_relbenchs_own(
    tmp_path: Path,
    name: str,
    description: str | None,
    specs: dict[str, tuple[str | None, str | None, dict[str, str]]],
) -> None:
    schema = Schema(tables=[shop_table(table, *spec) for table, spec in specs.items()])
    theirs = DatasetManifest(
        name=name,
        val_timestamp="2020-02-10",
        test_timestamp="2020-03-01",
        description=description,
        tables={table: TableSpec(*spec) for table, spec in specs.items()},
    )
    ours = dataset_manifest(name, "2020-02-10", "2020-03-01", schema, description)
    assert ours.encode() == saved(theirs, tmp_path)


@QUIET
@given(
    names=st.tuples(NAMES, NAMES, NAMES, NAMES, NAMES),
    sql=st.none() | TEXTS,
    removed=st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2),
    window=st.sampled_from([None, ("1 microseconds", 1), ("10 days", 10 * 86_400_000_000)]),
)
@example(
    names=("a", "b", "c", "d", "e"), sql="  SELECT 1\n    FROM t\n      JOIN u \n", removed={}, window=None
)
@example(names=("a", "b", "c", "d", "e"), sql="\n\n", removed={"b": ["x", "x"]}, window=None)
def test_a_tasks_manifest_is_relbenchs_own(
    tmp_path: Path,
    names: tuple[str, str, str, str, str],
    sql: str | None,
    removed: dict[str, list[str]],
    window: tuple[str, int] | None,
) -> None:
    fields: dict[str, Any] = dict(
        zip(("name", "entity_table", "entity_col", "target_col", "time_col"), names, strict=True)
    )
    fields |= {"kind": "external", "task_type": "regression", "sql": sql}
    theirs = TaskManifest(
        **fields,
        timedelta=None if window is None else window[0],
        remove_columns=[[table, column] for table, columns in removed.items() for column in columns],
    )
    ours = TaskDefinition(
        **fields, timedelta=None if window is None else window[1], remove_columns=removed, splits={}
    )
    assert task_manifest(ours).encode() == saved(theirs, tmp_path)


def test_the_shops_manifests_are_relbenchs_own_when_it_loads_and_saves_them(
    shop: Path, tmp_path: Path
) -> None:
    files = sorted(shop.rglob("manifest.yaml"))
    assert len(files) == 4
    for file in files:
        kind = DatasetManifest if file.parent == shop else TaskManifest
        assert saved(kind.load(file), tmp_path) == file.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "guess"}, "kind must be one of forecast, autocomplete, external, got 'guess'"),
        ({"task_type": "recommendation"}, "task_type must be one of .*, got 'recommendation'"),
        ({"sql": None, "timedelta": None}, "a task of kind forecast needs timedelta, sql"),
        ({"entity_col": ""}, "a task of kind forecast needs entity_col"),
    ],
)
def test_a_task_that_relbench_would_refuse_is_refused(
    shop_tasks: list[TaskDefinition], change: dict[str, Any], message: str
) -> None:
    forecast = shop_tasks[-1]
    with pytest.raises(DatabaseError, match=f"task customer-orders: {message}"):
        task_manifest(attrs.evolve(forecast, **change))


def test_writing_a_database_imports_no_relbench(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import pandas as pd\n"
        "from plurel.relbench_io import write_directory\n"
        "from plurel.schema import Schema, Table\n"
        "schema = Schema(tables=[Table(name='a', rows=1, role='entity', primary_key='id')])\n"
        "write_directory(sys.argv[1], name='x', tables={'a': pd.DataFrame({'id': [0]})}, schema=schema,\n"
        "                val_timestamp=0, test_timestamp=86_400_000_000)\n"
        "print(sorted({'relbench', 'scipy', 'sklearn', 'duckdb'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
