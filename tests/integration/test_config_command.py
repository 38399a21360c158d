"""`plurel config` with the whole family: what it shows is a config, in every form."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from plurel import Config
from plurel.cli import main
from plurel.config import resolve
from plurel.plugins import get_ledger


def say(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["yaml", "toml", "json"])
def test_what_is_shown_is_a_config_that_resolves_to_itself(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    assignments = ("--set", "database_params.num_tables_choices=3", "--set", "val_split=0.7")
    path = tmp_path / f"shown.{form}"
    path.write_text(say(capsys, "config", "show", "--format", form, *assignments))
    shown = Config.from_file(path)
    assert shown == resolve(Config().with_set(assignments[1::2]), get_ledger()).config
    assert shown.from_preset is not None
    assert (shown.from_preset.name, shown.from_preset.dist) == ("default", "plurel-scm")
    assert resolve(shown, get_ledger()).config == shown
    assert say(capsys, "config", "show", path, "--format", form) == path.read_text()
    assert say(capsys, "config", "check", path).endswith(" contributions\n")


def test_show_gives_the_provenance_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(say(capsys, "config", "show", "--preset", "default", "--json"))
    assert Config.from_dict(document["config"]) == resolve(Config(), get_ledger()).config
    assert {"plurel-scm:scm", "plurel-layouts:barabasi_albert"} <= {
        one["id"] for one in document["contributions"]
    }


def test_presets_say_who_brings_them_and_their_revision(capsys: pytest.CaptureFixture[str]) -> None:
    presets = json.loads(say(capsys, "config", "presets", "--json"))
    known = {preset["id"]: preset for preset in presets}
    default = known["plurel-scm:default"]
    assert (default["name"], default["revision"]) == ("default", 2)
    assert default["summary"] == "the same as plurel-1.1"
    assert "1.1.0 (arXiv 2602.04029)" in known["plurel-scm:plurel-1.1"]["summary"]
    assert "v1.0.0" in known["plurel-scm:plurel-paper"]["summary"]


def test_the_schema_holds_for_the_default_config_before_and_after_it_is_resolved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = jsonschema.Draft202012Validator(json.loads(say(capsys, "config", "schema")))
    checks.validate(Config().to_dict())
    checks.validate(resolve(Config(), get_ledger()).to_dict())
    layered = {"name": "Layered", "depth": {"kind": "range", "value": [2, 5]}}
    assert checks.is_valid({"database_params": {"table_layout_choices": layered}})
    assert not checks.is_valid({"database_params": {"table_layout_choices": layered | {"depth": 1}}})
