"""`plurel config` with core alone: every error of a file with its place, and what needs no sibling."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from plurel import Config
from plurel.cli import main
from plurel.cli.config import load
from plurel.cli.output import reporter
from plurel.errors import ConfigError
from plurel.plugins import get_ledger

Run = Callable[..., tuple[int, str, str]]

WRONG = """
val_split: 2.0
database_params: {num_tables_choices: 0, num_row_choices: 3}
scm_params: {activation_choices: {kind: set, value: []}}
"""


@pytest.fixture(autouse=True)
def core_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every command here sees core's own plugin and no other."""
    monkeypatch.setenv("PLUREL_NO_PLUGINS", "1")
    get_ledger.cache_clear()
    yield
    get_ledger.cache_clear()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def test_check_lists_every_error_with_its_place(run: Run, written: Callable[[str], Path]) -> None:
    path = written(WRONG)
    code, out, err = run("config", "check", path)
    assert (code, err) == (2, "")
    assert out.splitlines() == [
        "$.database_params: unknown key 'num_row_choices'; closest: num_cols_choices",
        "$.database_params.num_tables_choices: this is drawn from integers from 1 to 10000, got 0",
        "$.scm_params.activation_choices.value: a set needs at least one value, got none",
        "$.val_split: this is a number above 0 and below 1, got 2.0",
        f"{path}: 4 errors",
    ]
    code, out, err = run("config", "check", path, "--json")
    document = json.loads(out)
    assert (code, err, document["valid"], len(document["errors"])) == (2, "", False, 4)
    split = {"path": "$.val_split", "message": "this is a number above 0 and below 1, got 2.0"}
    assert split in document["errors"]


def test_check_lists_names_that_nobody_brings(run: Run, written: Callable[[str], Path]) -> None:
    path = written("database_params: {task_choices: {kind: set, value: [autocomplet, nothing]}}")
    errors = json.loads(run("config", "check", path, "--json")[1])["errors"]
    places = {error["path"]: error["message"] for error in errors}
    assert places["$.database_params.task_choices.value[0]"].startswith("unknown task 'autocomplet'; known: ")
    assert "closest: autocomplete" in places["$.database_params.task_choices.value[0]"]
    assert "$.database_params.task_choices.value[1]" in places


def test_a_file_that_is_none_is_one_error_and_one_that_is_not_there_a_wrong_request(
    run: Run, written: Callable[[str], Path], tmp_path: Path
) -> None:
    path = written("val_split: [")
    code, out, _ = run("config", "check", path, "--json")
    (error,) = json.loads(out)["errors"]
    assert (code, error["path"]) == (2, None)
    assert error["message"].startswith("no valid YAML in line 1")
    code, out, err = run("config", "check", tmp_path / "absent.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("error: cannot read the config ")


def test_values_are_replaced_before_a_check(run: Run, written: Callable[[str], Path]) -> None:
    path = written("{}")
    code, out, _ = run("config", "check", path, "--set", "val_split=0.95")
    assert (code, out.splitlines()[0]) == (2, "$.test_split: this is above val_split 0.95, got 0.9")
    code, out, _ = run("config", "check", path, "--set", "val_splt=0.5")
    assert (code, out.splitlines()[0]) == (2, "$: unknown key 'val_splt'; closest: val_split")


def test_names_that_nobody_brings_are_told_beside_other_errors(
    run: Run, written: Callable[[str], Path]
) -> None:
    text = "val_split: 2.0\ndatabase_params: {task_choices: autocomplet, num_tables_choices: 0, nothing: 1}"
    code, out, _ = run("config", "check", written(text), "--json")
    errors = {error["path"]: error["message"] for error in json.loads(out)["errors"]}
    assert code == 2
    assert errors["$.database_params.task_choices"].startswith("unknown task 'autocomplet'")
    assert errors.keys() >= {"$.val_split", "$.database_params", "$.database_params.num_tables_choices"}


def test_a_preset_by_name_in_a_file_hides_no_other_error(run: Run, written: Callable[[str], Path]) -> None:
    code, out, _ = run("config", "check", written("preset: default\nval_split: 2.0"))
    assert code == 2
    assert [line.split(":")[0] for line in out.splitlines()[:-1]] == ["$.preset", "$.val_split"]


def test_a_config_comes_from_a_file_or_a_preset(run: Run, written: Callable[[str], Path]) -> None:
    code, _, err = run("config", "show", written("{}"), "--preset", "default")
    assert code == 2
    assert "from a file or a preset, got both" in err


def test_a_wrong_file_is_one_paragraph_where_it_is_not_the_subject(
    run: Run, written: Callable[[str], Path]
) -> None:
    path = written(WRONG)
    code, out, err = run("config", "show", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(
        f"error: {path}: unknown key 'num_row_choices'; closest: num_cols_choices @ $.database_"
    )


def test_a_shown_text_keeps_its_lines_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = "\n".join(f"  key_{number}: {'words ' * 30}" for number in range(3))
    reporter().text(text)
    reporter(json=True).text(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_presets_may_be_empty(run: Run) -> None:
    assert json.loads(run("config", "presets", "--json")[1]) == []


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_schema_prints_the_json_schema_of_what_is_installed(run: Run, options: tuple[str, ...]) -> None:
    code, out, err = run("config", "schema", *options)
    assert (code, err) == (0, "")
    schema: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    checks = jsonschema.Draft202012Validator(schema)
    assert checks.is_valid({"database_params": {"task_choices": {"name": "autocomplete", "max_tasks": 2}}})
    assert not checks.is_valid(
        {"database_params": {"task_choices": {"name": "autocomplete", "max_tasks": 0}}}
    )
    assert not checks.is_valid({"database_params": {"task_choices": "nothing"}})


def test_values_are_replaced_in_a_file_that_is_wrong_without_them(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("val_split: 7\ndatabase_params: nothing\n")
    mended = load(file, None, ["val_split=0.5", "database_params.num_tables_choices=3"])
    assert mended == Config().with_set(["val_split=0.5", "database_params.num_tables_choices=3"])
    with pytest.raises(ConfigError, match=r"config.yaml: this is a mapping, got 'nothing'"):
        load(file, None, ["val_split=0.5"])
    values = ("--set=val_split=0.5", "--set=dag_params.nothing=1")
    code, out, _ = run("config", "check", str(file), *values, "--json")
    assert code == 2
    assert [error["path"] for error in json.loads(out)["errors"]] == ["$.dag_params", "$.database_params"]
