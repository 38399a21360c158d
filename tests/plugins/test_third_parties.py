"""Third parties' plugins, installed for real: good ones work by name, bad ones cost themselves alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pyarrow.parquet as parquet
import pytest

SHAPES = "plurel-test-shapes"
BROKEN = "plurel-test-broken"
INVALID = "plurel-test-invalid"
TWINS = ("plurel-test-twin-a", "plurel-test-twin-b")
ALL = (SHAPES, BROKEN, INVALID, *TWINS)
TINY = (
    "--set=database_params.num_tables_choices=4",
    "--set=database_params.num_cols_choices=4",
    "--set=database_params.num_rows_entity_table_choices=80",
    "--set=database_params.num_rows_activity_table_choices=200",
)

Plurel = Callable[..., CompletedProcess[str]]


def rows(run: CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {row["plugin"]: row for row in json.loads(run.stdout)["plugins"]}


def values(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*.parquet")
    }


@pytest.fixture(scope="module")
def plain(plurel: Plurel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was generated with the family's plugins alone."""
    out = tmp_path_factory.mktemp("plain")
    run = plurel("generate", "--out", out, "--num-proc=1", *TINY)
    assert run.returncode == 0, run.stderr
    return out / "rel-synthetic-0"


def test_a_third_partys_contributions_are_used_by_name(plurel: Plurel, plain: Path, tmp_path: Path) -> None:
    run = plurel(
        "generate",
        "--out",
        tmp_path,
        *TINY,
        "--num-dbs=2",
        "--num-proc=2",
        "--set=database_params.table_layout_choices=Star",
        "--set=scm_params.activation_choices={name: bump, width: {kind: range, value: [0.1, 0.2]}}",
        "--set=scm_params.noise_choices={name: laplace, scale: 0.125}",
        plugins=(SHAPES,),
    )
    assert run.returncode == 0, run.stderr
    manifest = json.loads((tmp_path / "rel-synthetic-0" / "plurel.json").read_text())
    used = {one["id"]: one for one in manifest["contributions"]}
    assert used["plurel-test-shapes:star"] == {
        "id": "plurel-test-shapes:star", "kind": "layouts", "version": "1.2", "revision": 1, "params": {},
    }  # fmt: skip
    bump = {"width": {"kind": "range", "value": [0.1, 0.2]}}
    assert used["plurel-test-shapes:bump"]["params"] == bump
    assert used["plurel-test-shapes:laplace"]["params"] == {"scale": 0.125}
    assert used["plurel-test-shapes:laplace"]["revision"] == 3
    assert "plurel-scm:relu" not in used
    made = values(tmp_path / "rel-synthetic-0")
    assert made.keys() >= {f"db/table_{number}.parquet" for number in range(4)}
    assert made != values(plain)


def test_a_star_of_tables_hangs_on_its_first(plurel: Plurel, tmp_path: Path) -> None:
    run = plurel(
        "generate",
        "--out",
        tmp_path,
        *TINY,
        "--num-proc=1",
        "--set=database_params.table_layout_choices=star",
        plugins=(SHAPES,),
    )
    assert run.returncode == 0, run.stderr
    names = {
        path.stem: parquet.read_schema(path).names for path in (tmp_path / "rel-synthetic-0" / "db").iterdir()
    }
    keys = {
        table: [name for name in columns if name.startswith("foreign_row_")]
        for table, columns in names.items()
    }
    assert keys["table_0"] == []
    assert all(len(own) == 1 for table, own in keys.items() if table != "table_0")


@pytest.mark.parametrize(
    ("plugins", "plugin", "stage", "reason"),
    [
        (BROKEN, "plurel-test-broken:shapes", "import", "ImportError: libshapes.so.3: cannot open"),
        (INVALID, "plurel-test-invalid:invalid", "validate", "name must match .*, got 'Not A Name'"),
    ],
)
def test_a_bad_plugin_has_a_row_and_stops_nobody(
    plurel: Plurel, plugins: str, plugin: str, stage: str, reason: str
) -> None:
    run = plurel("plugins", "list", "--json", plugins=(plugins, SHAPES))
    assert run.returncode == 0
    found = rows(run)
    assert (found[plugin]["status"], found[plugin]["stage"]) == ("failed", stage)
    assert found[plugin]["contributions"] == 0
    assert re.search(reason, found[plugin]["reason"])
    assert all(row["status"] == "ok" for name, row in found.items() if name != plugin)
    warnings = [line for line in run.stderr.splitlines() if line]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"warning: plugin {plugin} ")


def test_help_works_whatever_is_installed(plurel: Plurel) -> None:
    beside, alone = plurel("--help", plugins=ALL), plurel("--help")
    assert beside.returncode == 0
    assert beside.stdout == alone.stdout
    assert len(beside.stderr.splitlines()) == 2


def test_unrelated_plugins_change_no_byte(plurel: Plurel, plain: Path, tmp_path: Path) -> None:
    run = plurel("generate", "--out", tmp_path, "--num-proc=1", *TINY, plugins=ALL)
    assert run.returncode == 0, run.stderr
    made = tmp_path / "rel-synthetic-0"
    assert values(made) == values(plain)
    assert json.loads((made / "plurel.json").read_text()) == json.loads((plain / "plurel.json").read_text())


def test_an_unknown_name_mentions_the_plugins_that_failed(plurel: Plurel, tmp_path: Path) -> None:
    run = plurel("config", "show", "--set=scm_params.activation_choices=good", plugins=(INVALID, BROKEN))
    assert (run.returncode, run.stdout) == (2, "")
    assert "unknown activation 'good'; known: abs, " in run.stderr
    assert "plurel-test-invalid:invalid (0.4) failed at validate" in run.stderr
    assert "plurel-test-broken:shapes (0.3) failed at import" in run.stderr
    assert "@ $.scm_params.activation_choices" in run.stderr


def test_an_allow_list_that_leaves_much_out_says_so_once(plurel: Plurel, tmp_path: Path) -> None:
    run = plurel("generate", "--out", tmp_path, plugins=ALL, PLUREL_PLUGINS="plurel-layouts")
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1
    assert "did not load" not in run.stderr
    assert run.stderr.count("plugins are switched off (plurel plugins list shows which)") == 1


def test_twins_are_an_error_only_for_the_bare_name(plurel: Plurel) -> None:
    def show(name: str, **environment: str) -> CompletedProcess[str]:
        chosen = f"--set=scm_params.activation_choices={name}"
        return plurel("config", "show", chosen, plugins=TWINS, **environment)

    both = rows(plurel("plugins", "list", "--json", plugins=TWINS))
    assert all(both[f"{name}:twin"]["status"] == "ok" for name in TWINS)
    run = show("twin")
    assert (run.returncode, run.stdout) == (2, "")
    assert "plurel-test-twin-a:twin (plurel-test-twin-a 1.0)" in run.stderr
    assert "plurel-test-twin-b:twin (plurel-test-twin-b 2.0)" in run.stderr
    assert "PLUREL_DISABLE_PLUGINS=plurel-test-twin-b" in run.stderr
    assert "name: plurel-test-twin-b:twin" in show("plurel-test-twin-b:twin").stdout
    assert show("relu").returncode == 0
    alone = show("twin", PLUREL_DISABLE_PLUGINS="plurel-test-twin-b")
    assert alone.returncode == 0
    assert "name: plurel-test-twin-a:twin" in alone.stdout


@pytest.mark.parametrize(
    ("environment", "loaded"),
    [
        ({"PLUREL_NO_PLUGINS": "1"}, set()),
        ({"PLUREL_DISABLE_PLUGINS": f"{BROKEN},{INVALID}"}, {SHAPES, *TWINS}),
        ({"PLUREL_DISABLE_PLUGINS": f"{BROKEN}:shapes, Plurel_Test.Invalid"}, {SHAPES, *TWINS}),
        ({"PLUREL_PLUGINS": f"plurel-scm,plurel-layouts,{SHAPES}"}, {SHAPES}),
    ],
)
def test_blocking_happens_before_import(
    plurel: Plurel, environment: dict[str, str], loaded: set[str]
) -> None:
    run = plurel("plugins", "list", "--json", plugins=ALL, **environment)
    assert (run.returncode, run.stderr) == (0, "")
    found = {row["dist"]: row["status"] for row in rows(run).values() if row["dist"] in ALL}
    assert found == {name: "ok" if name in loaded else "blocked" for name in ALL}


def test_strict_plugins_stop_everything(plurel: Plurel) -> None:
    run = plurel("--help", plugins=(INVALID,), PLUREL_STRICT_PLUGINS="1")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: plugin plurel-test-invalid:invalid (0.4) failed at validate: ")
    assert plurel("--help", plugins=(SHAPES,), PLUREL_STRICT_PLUGINS="1").returncode == 0
