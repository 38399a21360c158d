"""`plurel generate` as a person meets it: it goes on where it stopped, and says in a line what is wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from plurel import Choices, Config
from plurel.cli import main
from plurel.generation import batch, record
from plurel.generation.batch import make, plan
from plurel.generation.record import RECORD
from plurel.places import held

TINY = [
    "--num-proc=1",
    *("--set", "database_params.num_tables_choices=2"),
    *("--set", "database_params.num_cols_choices=3"),
    *("--set", "database_params.num_rows_activity_table_choices=60"),
]


def generate(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main(["generate", *map(str, arguments), *TINY])
    return code, *capsys.readouterr()


def stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != RECORD}


def test_databases_are_made_once_and_a_second_run_adds_what_is_missing(tmp_path, capsys):
    out = tmp_path / "databases"
    code, words, _ = generate(capsys, "--out", out, "--seed_offset", 7, "--num_dbs=2", "--json")
    first = json.loads(words)
    assert code == 0
    assert [(each["name"], each["reused"]) for each in first["databases"]] == [
        ("rel-synthetic-7", False),
        ("rel-synthetic-8", False),
    ]
    before = stamps(out)
    code, words, said = generate(capsys, "--out", out, "--seed-offset", 7, "--num-dbs", 3, "--json")
    again = json.loads(words)
    assert code == 0
    assert "2 of 3 databases are there already" in said
    assert [each["reused"] for each in again["databases"]] == [True, True, False]
    for one, other in zip(first["databases"], again["databases"], strict=False):
        assert {**one, "reused": True} == other
    assert {path: stamp for path, stamp in stamps(out).items() if path in before and path != out} == {
        path: stamp for path, stamp in before.items() if path != out
    }


def test_the_record_of_runs_says_what_made_which_bytes(tmp_path, capsys):
    assert generate(capsys, "--out", tmp_path, "--num-dbs", 2)[0] == 0
    first = (tmp_path / RECORD).read_text()
    assert generate(capsys, "--out", tmp_path, "--num-dbs", 2)[0] == 0
    assert (tmp_path / RECORD).read_text() == first
    assert generate(capsys, "--out", tmp_path, "--num-dbs", 1, "--seed-offset", 5)[0] == 0
    said = json.loads((tmp_path / RECORD).read_text())
    assert {name: entry["seed"] for name, entry in said["databases"].items()} == {
        "rel-synthetic-0": 0,
        "rel-synthetic-1": 1,
        "rel-synthetic-5": 5,
    }
    for name, entry in said["databases"].items():
        origin = (tmp_path / name / "plurel.json").read_bytes()
        assert entry["sha256"] == hashlib.sha256(origin).hexdigest()
        assert entry["computed_by"] == json.loads(origin)["computed_by"]
    assert Config.from_dict(said["config"]).database_params.num_tables_choices == Choices.constant(2)
    assert said["contributions"]
    assert "failed" not in said


def test_a_directory_holds_databases_of_one_config_whatever_their_seeds(tmp_path, capsys):
    assert generate(capsys, "--out", tmp_path)[0] == 0
    before = (tmp_path / RECORD).read_text()
    other = ("--out", tmp_path, "--seed-offset", 5, "--set", "val_split=0.7")
    code, out, said = generate(capsys, *other)
    assert (code, out) == (2, "")
    assert f"{tmp_path} holds databases of another config, rel-synthetic-0 among them" in said
    assert "found 0.8 where this run has 0.7 @ $.config.val_split; choose another --out" in said
    assert (tmp_path / RECORD).read_text() == before
    assert {path.name for path in tmp_path.iterdir()} == {RECORD, "rel-synthetic-0"}
    shutil.rmtree(tmp_path / "rel-synthetic-0")
    assert generate(capsys, *other)[0] == 0
    assert list(json.loads((tmp_path / RECORD).read_text())["databases"]) == ["rel-synthetic-5"]


def test_newer_libraries_and_versions_of_contributions_leave_databases_on_record(
    tmp_path, capsys, monkeypatch
):
    assert generate(capsys, "--out", tmp_path)[0] == 0
    said = json.loads((tmp_path / RECORD).read_text())
    first = said["databases"]["rel-synthetic-0"]
    for one in said["contributions"]:
        one["version"] = "0.0.1"
    (tmp_path / RECORD).write_text(json.dumps(said))
    newer = {**first["computed_by"], "numpy": "99.0"}
    monkeypatch.setattr(batch, "computed_by", lambda: newer)
    assert generate(capsys, "--out", tmp_path, "--seed-offset", 5)[0] == 0
    databases = json.loads((tmp_path / RECORD).read_text())["databases"]
    assert databases["rel-synthetic-0"] == first
    assert databases["rel-synthetic-5"]["computed_by"] == newer


@pytest.mark.parametrize("content", ["{", "[]", '{"databases": []}', "\0"])
def test_a_record_that_is_none_is_written_anew(tmp_path, capsys, content):
    (tmp_path / RECORD).write_text(content)
    assert generate(capsys, "--out", tmp_path)[0] == 0
    assert list(json.loads((tmp_path / RECORD).read_text())["databases"]) == ["rel-synthetic-0"]


def test_a_database_that_fails_is_named_with_its_seed_and_the_others_are_made(tmp_path, capsys, monkeypatch):
    def fails(job, **_):
        if job.seed in (1, 3):
            raise ZeroDivisionError(f"nothing to divide by in {job.seed}")
        return make(job)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "make", fails)
        code, words, said = generate(capsys, "--out", tmp_path, "--num-dbs", 4, "--json")
    document = json.loads(words)
    assert code == 1
    assert [each["seed"] for each in document["databases"]] == [0, 2]
    assert [each["seed"] for each in document["failed"]] == [1, 3]
    assert "failed: rel-synthetic-1, seed 1: ZeroDivisionError: nothing to divide by in 1" in said
    assert "error: 2 of 4 databases failed: rel-synthetic-1 (seed 1: " in said
    assert set(json.loads((tmp_path / RECORD).read_text())["failed"]) == {
        "rel-synthetic-1",
        "rel-synthetic-3",
    }
    code, words, _ = generate(capsys, "--out", tmp_path, "--num-dbs", 4, "--json")
    assert (code, [each["reused"] for each in json.loads(words)["databases"]]) == (
        0,
        [True, False, True, False],
    )
    assert "failed" not in json.loads((tmp_path / RECORD).read_text())


def test_one_that_fails_among_others_that_are_there_is_told_like_any(tmp_path, capsys, monkeypatch):
    def fails(job, **_):
        raise ZeroDivisionError(f"nothing to divide by in {job.seed}")

    assert generate(capsys, "--out", tmp_path)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(batch, "make", fails)
        code, words, said = generate(capsys, "--out", tmp_path, "--num-dbs", 2, "--json")
    document = json.loads(words)
    assert code == 1
    assert [(each["seed"], each["reused"]) for each in document["databases"]] == [(0, True)]
    assert [each["name"] for each in document["failed"]] == ["rel-synthetic-1"]
    assert "error: 1 of 2 databases failed: rel-synthetic-1 (seed 1: " in said
    failed = json.loads((tmp_path / RECORD).read_text())["failed"]
    assert failed["rel-synthetic-1"]["seed"] == 1
    assert generate(capsys, "--out", tmp_path, "--seed-offset", 5)[0] == 0
    assert json.loads((tmp_path / RECORD).read_text())["failed"] == failed  # until a run makes it


def test_a_record_that_cannot_be_written_is_told_by_name(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record, "write_whole", full)
    code, _, said = generate(capsys, "--out", tmp_path)
    assert code == 1
    assert f"{tmp_path / RECORD} could not be written: No space left on device" in said


def test_databases_go_into_no_database_and_no_store(tmp_path, capsys):
    assert generate(capsys, "--out", tmp_path, "--preprocess")[0] == 0
    for place in ("rel-synthetic-0", "rel-synthetic-0/db/more", "stores/rel-synthetic-0"):
        code, _, said = generate(capsys, "--out", tmp_path / place)
        assert code == 2
        assert "which holds its own files only; choose another --out" in said
        assert not (tmp_path / place / RECORD).exists()


def test_a_link_to_nothing_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "rel-synthetic-1").symlink_to(tmp_path / "nowhere")
    code, _, said = generate(capsys, "--out", tmp_path, "--num-dbs", 2)
    assert code == 2
    assert "rel-synthetic-1 is a link to nothing" in said
    assert "generating" not in said


def test_databases_are_packed_into_stores_beside_them(tmp_path, capsys):
    code, words, _ = generate(capsys, "--out", tmp_path, "--num-dbs", 2, "--preprocess", "--json")
    assert code == 0
    stores = json.loads(words)["stores"]
    assert [Path(store["path"]) for store in stores] == [
        tmp_path / "stores" / f"rel-synthetic-{seed}" for seed in (0, 1)
    ]
    assert all((Path(store["path"]) / "store.json").is_file() for store in stores)
    _, words, _ = generate(capsys, "--out", tmp_path, "--num-dbs", 2, "--preprocess", "--json")
    assert json.loads(words)["stores"] == [{**store, "reused": True} for store in stores]


def test_a_person_reads_a_table(tmp_path, capsys):
    code, words, _ = generate(capsys, "--out", tmp_path)
    assert code == 0
    assert "rel-synthetic-0  2" in words


def test_a_database_of_another_config_is_refused_by_name_of_the_difference(tmp_path, capsys):
    assert generate(capsys, "--out", tmp_path)[0] == 0
    code, _, words = generate(capsys, "--out", tmp_path, "--set", "val_split=0.7")
    assert code == 2
    assert "rel-synthetic-0 was generated from another config" in words
    assert "found 0.8 where this run has 0.7 @ $.config.val_split" in words


def test_a_directory_that_holds_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "rel-synthetic-0").mkdir()
    code, _, words = generate(capsys, "--out", tmp_path)
    assert code == 2
    assert "holds no generated database" in words


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("plurel.json", b"{", "plurel.json is damaged"),
        ("plurel.json", b"[]", "plurel.json is damaged"),
        ("plurel.json", b"\xff", "plurel.json is damaged"),
        ("manifest.yaml", b"x: " + b"[" * 3000, "nested too deeply"),
        ("db/table_1.parquet", b"PAR1", "table_1.parquet is no Parquet file"),
        ("db/table_1.parquet", None, "table_1.parquet is missing; remove"),
    ],
)
def test_a_database_that_lost_something_is_not_taken_for_whole(tmp_path, capsys, file, content, words):
    assert generate(capsys, "--out", tmp_path)[0] == 0
    damaged = tmp_path / "rel-synthetic-0" / file
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    code, out, said = generate(capsys, "--out", tmp_path, "--json")
    assert (code, json.loads(out)["exit_code"]) == (1, 1)
    assert words in said


def test_what_another_run_has_made_meanwhile_stays(tmp_path):
    config = Config().with_set(TINY[2::2])
    jobs, _ = plan(tmp_path, config, [0])
    first = make(jobs[0])
    assert not first.reused
    assert make(jobs[0]) == attrs.evolve(first, reused=True)


def test_the_second_of_two_runs_into_one_place_says_so_at_once(tmp_path, capsys):
    with held(tmp_path, "databases"):
        code, _, said = generate(capsys, "--out", tmp_path)
    assert code == 2
    assert "another process is writing databases to" in said
    assert "generating" not in said


def test_a_place_for_no_directory_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "file").touch()
    code, _, said = generate(capsys, "--out", tmp_path / "file" / "databases")
    assert code == 2
    assert "databases cannot go to" in said
    assert "generating" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such.yaml"], "no-such.yaml"),
        (["--preset", "nope"], "unknown preset 'nope'"),
        (["config.yaml", "--preset", "default"], "a file or a preset, got both config.yaml and default"),
        (["--set", "database_params.num_table_choices=3"], "num_tables_choices"),
        (["--set", "database_params.table_layout_choices=layerd"], "unknown layout 'layerd'"),
        (["--num-dbs", "0"], "num-dbs"),
        (["--num-dbs", "1.5"], "expected a whole number, got '1.5'"),
        (["--num-dbs", "9" * 30], "--num-dbs: must be <= 1000000"),
        (["--seed-offset", "9" * 300], "--seed-offset: must be <= 9000000000000000000"),
        (["--seed-offset", "1e3"], "expected a whole number, got '1e3'"),
        (["--executor", "cluster"], "unknown executor 'cluster'; known: processes"),
    ],
)
def test_a_wrong_request_ends_with_2_and_says_what_is_wrong(tmp_path, capsys, arguments, words):
    code, out, said = generate(capsys, "--out", tmp_path / "out", *arguments)
    assert code == 2
    assert out == ""
    assert words in said
    assert not (tmp_path / "out").exists()


def test_an_interrupt_ends_with_130_and_leaves_whole_databases_only(tmp_path, capsys):
    code = "import sys; from plurel.cli import main; sys.exit(main())"
    arguments = ["--out", str(tmp_path), "--num-dbs", "40", *TINY, "--num-proc", "2"]
    arguments.remove("--num-proc=1")
    with subprocess.Popen(
        [sys.executable, "-c", code, "generate", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        said = [process.stderr.readline()]
        while said[-1] and "generated" not in said[-1]:
            said.append(process.stderr.readline())
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted" in rest
    assert "Traceback" not in rest
    left = {path.name for path in tmp_path.iterdir()} - {RECORD}
    assert 1 <= len(left) < 40
    assert left <= {f"rel-synthetic-{seed}" for seed in range(40)}
    assert json.loads((tmp_path / RECORD).read_text())["databases"].keys() == left
    assert generate(capsys, "--out", tmp_path, "--num-dbs", len(left))[0] == 0


def test_a_full_disk_is_told_with_the_places_that_fill(tmp_path):
    arguments = " ".join(["generate", "--out", str(tmp_path), *(f"'{word}'" for word in TINY)])
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f 1; exec '{sys.executable}' -B -m plurel {arguments}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "rel-synthetic-0 could not be written: File too large" in done.stderr
    assert "not foreseen" not in done.stderr
    assert not list(tmp_path.iterdir())
