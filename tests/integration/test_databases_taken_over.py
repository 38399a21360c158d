"""Finished databases in a run's directory stay; others of the same name are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import attrs
import pytest

from plurel.config import Config
from plurel.errors import DatabaseError
from plurel.generation.batch import Made, make, plan

SMALL = Config().with_set(
    [
        "database_params.num_tables_choices=2",
        "database_params.num_rows_entity_table_choices=30",
        "database_params.num_rows_activity_table_choices=60",
    ]
)


@pytest.fixture(scope="module")
def kept_databases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Made]]:
    """Two finished databases, not to be touched."""
    out = tmp_path_factory.mktemp("kept")
    jobs, _ = plan(out, SMALL, [0, 1])
    return out, [make(job) for job in jobs]


@pytest.fixture
def databases(kept_databases: tuple[Path, list[Made]], tmp_path: Path) -> Path:
    """The same, free to be broken."""
    return Path(shutil.copytree(kept_databases[0], tmp_path / "databases"))


def test_databases_that_are_there_are_taken_over(kept_databases: tuple[Path, list[Made]]) -> None:
    out, made = kept_databases
    assert plan(out, SMALL, [0, 1]) == ([], [attrs.evolve(one, reused=True) for one in made])


def test_a_plurel_json_of_another_database_is_not_taken(databases: Path) -> None:
    one, other = (databases / f"rel-synthetic-{seed}" / "plurel.json" for seed in (0, 1))
    other.write_bytes(one.read_bytes())
    with pytest.raises(DatabaseError) as refused:
        plan(databases, SMALL, [0, 1])
    assert f"{other} belongs to another database: it names 'rel-synthetic-0'" in str(refused.value)
    assert str(refused.value).endswith(f"; remove {other.parent} to make it anew")


@pytest.mark.parametrize("file", ["manifest.yaml", "db/table_0.parquet"])
def test_a_database_with_a_changed_byte_is_not_taken_over(databases: Path, file: str) -> None:
    changed = databases / "rel-synthetic-0" / file
    content = bytearray(changed.read_bytes())
    content[-20 if file == "manifest.yaml" else len(content) // 3] ^= 1
    changed.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"remove .*rel-synthetic-0 to make it anew"):
        plan(databases, SMALL, [0, 1])


def test_databases_of_before_there_were_checksums_are_taken_over(databases: Path) -> None:
    for file in databases.glob("*/plurel.json"):
        said = json.loads(file.read_text())
        del said["name"], said["sha256"]
        file.write_text(json.dumps(said))
    jobs, made = plan(databases, SMALL, [0, 1])
    assert (jobs, len(made)) == ([], 2)
