"""`plurel preprocess`: from a RelBench directory to a store, through core's ledger."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

pytest.importorskip("plurel", reason="the command belongs to core's ledger")

from plurel.cli import main
from plurel.errors import RequestError
from plurel.plugins import get_ledger
from plurel.relbench_io import read_directory
from plurel.relbench_io.origin import DIGESTS, digests
from plurel_sampler import HashedEmbedder, Store, packing


def day(number: int) -> dt.datetime:
    return dt.datetime(2020, 1, 1) + dt.timedelta(days=number)  # noqa: DTZ001


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A small RelBench 3 directory, written by hand."""
    root = tmp_path / "raw"
    users = pa.table({"user_id": [0, 1], "name": ["Ann", "Bob"]})
    visits = pa.table(
        {
            "visit_id": list(range(20)),
            "user_id": [row % 2 for row in range(20)],
            "at": pa.array([day(row) for row in range(20)], pa.timestamp("us")),
            "left": pa.array([day(row + 1) for row in range(20)], pa.timestamp("us")),
            "spent": [float(row) for row in range(20)],
        }
    )
    labels = pa.table({"visit_id": [0, 1, 12], "at": [day(0), day(1), day(12)], "spent": [0.0, 1.0, 12.0]})
    task = root / "tasks" / "spent"
    task.mkdir(parents=True)
    (root / "db").mkdir()
    pq.write_table(users, root / "db" / "users.parquet")
    pq.write_table(visits, root / "db" / "visits.parquet")
    pq.write_table(labels.slice(0, 2), task / "train.parquet")
    pq.write_table(labels.slice(2), task / "test.parquet")
    documents: dict[Path, Any] = {
        root / "manifest.yaml": {
            "name": "visits",
            "manifest_version": 1,
            "val_timestamp": "2020-01-11",
            "test_timestamp": "2020-01-13",
            "tables": {
                "users": {"pkey": "user_id"},
                "visits": {"pkey": "visit_id", "time_col": "at", "fkeys": {"user_id": "users"}},
            },
        },
        task / "manifest.yaml": {
            "name": "spent",
            "kind": "autocomplete",
            "task_type": "regression",
            "entity_table": "visits",
            "entity_col": "visit_id",
            "target_col": "spent",
            "time_col": "at",
        },
        root / "columns.yaml": {"visits": {"spent": {"known_at": "left"}, "left": {"known_at": "left"}}},
    }
    for path, document in documents.items():
        path.write_text(yaml.safe_dump(document))
    return root


def test_a_directory_becomes_a_store(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stores"
    assert main(["preprocess", str(directory), "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (packed,) = document["stores"]
    assert packed["tables"] == {"users": 2, "visits": 20}
    assert (packed["rows"], packed["labels"]) == (22, 3)
    assert packed["tasks"] == {"spent": {"train": 2, "test": 1}}
    store = Store.open(out / "visits", "checksums")
    assert store.tables["visits"].columns["spent"].known_at == "left"
    task = store.tasks["spent"]
    assert task.label_known == {"kind": "at_entity_column", "column": "left"}
    assert "spent" in task.hidden_columns
    assert store.tables["visits"].columns["spent"].count == 10, "what is known until validation"
    assert "hashed" in store.info["embeddings"]
    assert store.info["provenance"]["contributions"]


def test_a_store_packed_anew_is_known_by_its_rows(directory: Path, tmp_path: Path) -> None:
    def rows_of(name: str, *options: str) -> str | None:
        assert main(["preprocess", str(directory), "--out", str(tmp_path / name), *options]) == 0
        return packing.database_of(Store.open(tmp_path / name / "visits"))

    first = rows_of("first")
    assert first is not None
    (directory / "columns.yaml").unlink()
    shutil.rmtree(directory / "tasks")
    assert rows_of("again", "--set", "embedder.width=8") == first
    users = directory / "db" / "users.parquet"
    pq.write_table(pq.read_table(users).slice(0, 2).set_column(1, "name", [["Ann", "Eve"]]), users)
    assert rows_of("changed") not in (None, first)


def test_a_person_reads_a_table(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores"), "--task", "spent"]) == 0
    said = capsys.readouterr()
    assert "task spent: regression of visits, 2 train, 1 test" in said.out
    assert "22 rows and 3 labels" in said.out
    assert [line.split()[-1] for line in said.out.splitlines() if line.startswith("users")] == ["always"]
    assert "by at" in said.out
    assert said.err == "packing visits into a store ...\npacking visits into a store: done\n"


def test_of_several_databases_a_person_reads_a_line_each(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(directory, other)
    manifest = yaml.safe_load((other / "manifest.yaml").read_text())
    (other / "manifest.yaml").write_text(yaml.safe_dump({**manifest, "name": "other"}))
    call = ["preprocess", str(directory), str(other), "--out", str(tmp_path / "stores")]
    assert main(call) == 0
    said = capsys.readouterr()
    assert [line.split() for line in said.out.splitlines()[1:]] == [
        ["name", "tables", "rows", "tasks", "labels", "cells"],
        ["visits", "2", "22", "1", "3", "68"],
        ["other", "2", "22", "1", "3", "68"],
    ]
    assert len(said.err.splitlines()) == 4
    assert main([*call, "--verbose", "--overwrite"]) == 0
    assert "task spent: regression of visits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no database was named"),
        (["{raw}", "{raw}"], "several databases are called visits"),
        (["{raw}", "--task", "no"], "its tasks are: spent"),
        (["{raw}", "--embedder", "hased"], "hashed"),
        (["{raw}/nowhere"], "not a directory"),
    ],
)
def test_wrong_requests_exit_with_2(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    words = [word.format(raw=directory) for word in arguments]
    assert main(["preprocess", *words, "--out", str(tmp_path / "stores")]) == 2
    assert message in capsys.readouterr().err


def identity(store: Path) -> set[tuple[str, int, int]]:
    return {(file.name, file.stat().st_ino, file.stat().st_mtime_ns) for file in store.iterdir()}


def test_a_store_of_the_same_database_is_taken_over(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores"), "--json"]
    documents: list[dict[str, Any]] = []
    for again in ([], [], ["--overwrite"]):
        before = identity(tmp_path / "stores" / "visits") if documents else set()
        assert main([*call, *again]) == 0
        documents.append(json.loads(capsys.readouterr().out)["stores"][0])
        kept = identity(tmp_path / "stores" / "visits") == before
        assert documents[-1].pop("reused") == kept == (len(documents) == 2)
    assert documents[0] == documents[1] == documents[2]
    assert [path.name for path in (tmp_path / "stores").iterdir()] == ["visits"]


@pytest.mark.parametrize(
    ("options", "changed", "words"),
    [
        (["--on-unresolved", "null"], None, "on_unresolved was 'error', this run has 'null'"),
        (["--task", "spent"], "gone", "tasks was ['gone', 'spent'], this run has ['spent']"),
        ([], "db/visits.parquet", "db/visits.parquet has another content by now"),
        ([], "manifest.yaml", "manifest.yaml has another content by now"),
    ],
)
def test_a_store_of_something_else_is_refused_with_the_difference(
    directory: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    changed: str | None,
    words: str,
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    if changed == "gone":
        shutil.copytree(directory / "tasks" / "spent", directory / "tasks" / "gone")
        manifest = directory / "tasks" / "gone" / "manifest.yaml"
        manifest.write_text(manifest.read_text().replace("name: spent", "name: gone"))
    assert main(call) == 0
    if changed == "manifest.yaml":
        (directory / changed).write_text((directory / changed).read_text() + "description: new\n")
    elif changed == "db/visits.parquet":
        table = pq.read_table(directory / changed)
        spent = table.schema.get_field_index("spent")
        pq.write_table(table.set_column(spent, "spent", pa.array([1.5] * 20)), directory / changed)
    before = identity(tmp_path / "stores" / "visits")
    assert main([*call, *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "--overwrite replaces it" in said
    assert identity(tmp_path / "stores" / "visits") == before
    assert main([*call, *options, "--overwrite"]) == 0


def test_a_store_that_was_packed_otherwise_is_refused(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    assert main(call) == 0
    monkeypatch.setattr(packing, "PACKING", packing.PACKING + 1)
    assert main(call) == 2
    assert f"packing was {packing.PACKING - 1}, this run has {packing.PACKING}" in capsys.readouterr().err
    assert main([*call, "--overwrite"]) == main(call) == 0


def test_the_packing_has_a_new_number_whenever_its_files_change(directory: Path, tmp_path: Path) -> None:
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores")]) == 0
    files = Store.open(tmp_path / "stores" / "visits").info["files"]
    assert packing.PACKING == 1, "take the checksums below anew"
    assert {name: files[name]["checksum"] for name in files if name.startswith(("c", "p", "ti"))} == {
        "cells.bin": "e4567145e8620a9c",
        "children.bin": "a6499f1d585004c2",
        "children.offsets": "c6f13bb071ea2e72",
        "parents.bin": "373e1e30e01c4cf0",
        "times.bin": "52f3b0a2d2e44acc",
    }, "raise PACKING, so that stores made before are not taken for the same"


def test_a_damaged_store_is_named_and_not_taken_over(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    assert main(call) == 0
    with (tmp_path / "stores" / "visits" / "cells.bin").open("ab") as file:
        file.write(b"x")
    assert main(call) == 1
    assert "cells.bin" in capsys.readouterr().err
    assert main([*call, "--overwrite"]) == 0


def test_a_store_is_not_replaced_with_what_others_put_into_it(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    assert main(call) == 0
    precious = tmp_path / "stores" / "visits" / "checkpoints" / "precious"
    precious.parent.mkdir()
    precious.touch()
    assert main([*call, "--overwrite"]) == 2
    assert "holds checkpoints, which is none of a store's files" in capsys.readouterr().err
    assert precious.is_file()


@pytest.mark.parametrize("inside", ["", "stores"])
def test_no_store_is_put_into_the_database_that_it_is_made_from(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    before = sorted(directory.rglob("*"))
    link = tmp_path / "link"
    link.symlink_to(directory)
    for out in (directory / inside, link / inside):
        assert main(["preprocess", str(directory), "--out", str(out)]) == 2
        assert f"{out} lies in the database {directory}" in capsys.readouterr().err
    assert sorted(directory.rglob("*")) == before


def test_no_store_is_put_into_a_store_or_another_database(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores")]) == 0
    other = Path(shutil.copytree(directory, tmp_path / "other"))
    for what, place in (("store", tmp_path / "stores" / "visits"), ("database", other)):
        before = sorted(place.rglob("*"))
        assert main(["preprocess", str(directory), "--out", str(place)]) == 2
        assert f"{place} lies in the {what} {place}" in capsys.readouterr().err
        with pytest.raises(RequestError, match=f"lies in the {what}"):
            packing.pack(read_directory(directory), place / "inside")
        assert sorted(place.rglob("*")) == before


def test_the_second_of_two_processes_says_so_at_once(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fcntl = pytest.importorskip("fcntl")
    building = tmp_path / "stores" / ".visits.building"
    building.mkdir(parents=True)
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    handle = os.open(building, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert main(call) == 2
    assert "another process is building a store there" in capsys.readouterr().err
    os.close(handle)
    assert main(call) == 0
    assert [path.name for path in (tmp_path / "stores").iterdir()] == ["visits"]


def test_an_interrupt_while_a_file_is_read_is_one(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, **_: Any) -> Any:
        raise KeyboardInterrupt
        yield

    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    with monkeypatch.context() as patch:
        patch.setattr("plurel_sampler.packing.infer_types", lambda *_: {"users": {}, "visits": {}})
        patch.setattr(pq.ParquetFile, "iter_batches", interrupted)
        assert main(call) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert list((tmp_path / "stores").iterdir()) == []
    assert main(call) == 0


def test_a_database_that_vanishes_is_told_by_the_file(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "db" / "users.parquet").unlink()
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores")]) == 1
    assert "db/users.parquet is missing" in capsys.readouterr().err


def test_wrong_data_exits_with_1_and_names_the_place(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = directory / "db" / "users.parquet"
    pq.write_table(pq.read_table(file).slice(0, 1), file)
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores")]) == 1
    assert "table visits, column user_id, row 1" in capsys.readouterr().err
    assert (
        main(["preprocess", str(directory), "--out", str(tmp_path / "stores"), "--on-unresolved", "null"])
        == 0
    )
    assert "10 keys visits.user_id point at no row of users" in capsys.readouterr().out


def test_the_ledger_makes_the_hashed_embedder() -> None:
    embedder = get_ledger().find("embedders", "hashed").build({"width": 32})
    assert isinstance(embedder, HashedEmbedder)
    assert embedder.width == 32


def test_the_package_needs_nothing_of_core_and_the_plugin_is_light() -> None:
    code = (
        "import sys, {module}; "
        "heavy = [name for name in {heavy} if name in sys.modules]; "
        "assert not heavy, heavy"
    )
    for module, heavy in (
        ("plurel_sampler", ["plurel", "attrs", "pandas", "torch"]),
        ("plurel_sampler.plugin", ["numpy", "pandas", "cattrs", "torch"]),
    ):
        subprocess.run([sys.executable, "-c", code.format(module=module, heavy=heavy)], check=True)


def test_no_store_lands_outside_of_its_place(directory: Path, tmp_path: Path) -> None:
    file = directory / "manifest.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "name": "../outside"}))
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores")]) == 1
    assert not (tmp_path / "outside").exists()


def test_a_damaged_origin_is_named(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "plurel.json").write_text("{")
    assert main(["preprocess", str(directory), "--out", str(tmp_path / "stores"), "--json"]) == 1
    out, err = capsys.readouterr()
    assert "plurel.json is damaged" in json.loads(out)["error"]
    assert "plurel.json is damaged" in err


def test_a_database_that_is_not_as_it_was_written_is_refused(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["preprocess", str(directory), "--out", str(tmp_path / "stores")]
    origin = directory / "plurel.json"
    origin.write_text(json.dumps({"name": "visits", DIGESTS: digests(directory)}))
    assert main(call) == main(call) == 0
    capsys.readouterr()
    users = directory / "db" / "users.parquet"
    content = bytearray(users.read_bytes())
    content[len(content) // 2] ^= 1
    users.write_bytes(content)
    for options in ([], ["--overwrite"]):
        assert main([*call, *options]) == 1
        assert f"{users} is not as it was written" in capsys.readouterr().err
    origin.write_text(json.dumps({"name": "other"}))
    assert main(call) == 1
    assert f"{origin} belongs to another database: it names 'other'" in capsys.readouterr().err
