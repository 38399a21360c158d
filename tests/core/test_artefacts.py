"""`plurel inspect` and the forms on disk: recognised by their signs, told whole, with what made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from plurel.artefacts import contributions_in, recognise, trace
from plurel.artefacts.database import DatabaseArtefact
from plurel.cli import main
from plurel.errors import DatabaseError, RequestError, UnknownNameError
from plurel.graph import read_causal_graph
from plurel.plugins import Entry, Ledger, PluginRow, get_ledger
from plurel.plugins.records import Artefact
from plurel.plugins.requests import ArtefactRequest


def form(name: str, *signs: str) -> Entry:
    record = Artefact(name=name, summary="a form", signs=signs, factory=DatabaseArtefact)
    return Entry(record=record, dist="acme", version="1.0", plugin="acme:main")


def ledger_of(*entries: Entry) -> Ledger:
    return Ledger([PluginRow(name="main", dist="acme", version="1.0", status="ok", contributions=entries)])


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_database_tells_its_tables_columns_keys_and_cuts(
    kept_shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = document(capsys, "inspect", kept_shop)
    assert (told["form"], told["name"], told["rows"]) == ("database", "shop", 126)
    assert (told["val_timestamp"], told["test_timestamp"]) == ("2020-02-10", "2020-03-01")
    orders = told["tables"]["orders"]
    assert (orders["rows"], orders["primary_key"], orders["time_column"]) == (90, "order_id", "ordered_at")
    assert orders["foreign_keys"] == {"customer_id": "customers"}
    assert orders["columns"]["amount"] == {"type": "double", "encoding": None, "known_at": "delivered_at"}
    assert told["origin"] == {"from": "a test"}


def test_a_database_tells_its_tasks_with_the_rows_of_each_split(
    kept_shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = document(capsys, "inspect", kept_shop)["tasks"]
    assert set(tasks) == {"order-amount", "order-paid", "customer-orders"}
    assert tasks["customer-orders"]["rows"] == {"train": 24, "val": 6, "test": 6}
    assert tasks["order-amount"]["hidden"] == ["amount", "delivered_at"]


def test_sizes_are_those_of_the_files(kept_shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, "inspect", kept_shop)
    sizes = {
        f.relative_to(kept_shop).as_posix(): f.stat().st_size for f in kept_shop.rglob("*") if f.is_file()
    }
    assert told["files"] == sizes
    assert told["bytes"] == sum(sizes.values())


def test_people_get_the_same_as_tables(kept_shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(kept_shop)]) == 0
    words = capsys.readouterr().out
    for told in ("3 tables, 126 rows, 3 tasks", "customer_id -> customers", "timestamp[us]", "on disk"):
        assert told in words


@pytest.mark.parametrize("file", ["db/orders.parquet", "tasks/order-paid/train.parquet"])
@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_damaged_file_is_named(
    shop: Path, file: str, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / file).write_bytes(damage)
    assert main(["inspect", str(shop)]) == 1
    assert file in capsys.readouterr().err


@pytest.mark.parametrize("graph", [None, [], {"nodes": [], "edges": [{"source": "a", "target": "b"}]}])
def test_a_damaged_causal_graph_is_told_with_its_file(
    shop: Path, graph: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop / "plurel.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "causal_graph": graph}))
    assert main(["inspect", str(shop)]) == 1
    said = capsys.readouterr().err
    assert f"{file} is damaged: " in said
    with pytest.raises(DatabaseError) as refused:
        read_causal_graph(shop)
    assert str(refused.value) in said


@pytest.mark.parametrize("command", ["inspect", "validate"])
def test_what_has_no_form_is_a_wrong_request_that_says_what_was_looked_for(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path)]) == 2
    assert "a database (with manifest.yaml)" in capsys.readouterr().err
    file = tmp_path / "notes.txt"
    file.touch()
    assert main([command, str(file)]) == 2
    assert "notes.txt is a file; expected a directory" in capsys.readouterr().err
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert "is not there" in capsys.readouterr().err


def test_the_folder_of_databases_names_those_inside(kept_shop: Path) -> None:
    with pytest.raises(RequestError, match=r"inside it: shop \(a database\)"):
        recognise(kept_shop.parent, get_ledger())


def test_the_signs_of_two_forms_are_settled_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "step-7").touch()
    ledger = ledger_of(form("left", "a.json"), form("right", "deep/step-*"), form("other", "c.json"))
    with pytest.raises(RequestError, match=r"a left \(with a.json\) or a right \(with deep/step-\*\)"):
        recognise(tmp_path, ledger)
    assert recognise(tmp_path, ledger, "right").id == "acme:right"
    with pytest.raises(UnknownNameError, match=r"unknown artefact 'rihgt'.*closest: right"):
        recognise(tmp_path, ledger, "rihgt")


def test_a_form_is_recognised_without_importing_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    entry = form("left", "a.json")
    lazy = evolve(entry, record=evolve(entry.record, factory="acme.not_there:Reader"))
    assert recognise(tmp_path, ledger_of(lazy)).name == "left"


@pytest.mark.parametrize("signs", [(), ("",), ("/etc/passwd",), ["a.json"], "a.json"])
def test_signs_are_paths_inside_the_artefact(signs: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Artefact(name="left", summary="a form", signs=signs, factory=DatabaseArtefact)


HERE = Path("shop/plurel.json")


def recorded(name: str, revision: int = 1) -> dict[str, Any]:
    return {"id": name, "kind": "artefacts", "version": "0.9", "revision": revision, "params": {}}


def test_each_contribution_is_looked_up_once() -> None:
    ledger = ledger_of(form("left", "a.json"))
    names = ["acme:left", "acme:gone", "other:left", "acme:left"]
    states = {
        origin.id: (origin.installed, origin.state) for origin in trace(map(recorded, names), ledger, HERE)
    }
    assert states == {
        "acme:left": ("1.0", "installed"),
        "acme:gone": (None, "missing"),
        "other:left": (None, "missing"),
    }
    (changed,) = trace([recorded("acme:left", revision=2)], ledger, HERE)
    assert changed.state == "other revision"


@pytest.mark.parametrize(
    "damage", ["acme:left", {"id": "acme:left"}, {**recorded("acme:left"), "revision": "1"}]
)
def test_a_damaged_record_of_contributions_is_said(damage: Any) -> None:
    with pytest.raises(
        DatabaseError, match=r"^shop/plurel\.json: a contribution .* expected id, kind, version and"
    ):
        trace([damage], get_ledger(), HERE)


def test_a_database_is_inspectable_without_the_plugin_that_made_it(
    write_shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = {"id": "acme:spiral", "kind": "layouts", "version": "1.2", "revision": 3, "params": {}}
    shop = write_shop(extra={"contributions": [lost]})
    told = document(capsys, "inspect", shop)
    assert told["contributions"] == [
        {k: lost[k] for k in ("id", "kind", "version", "revision")} | {"installed": None, "state": "missing"}
    ]
    assert main(["inspect", str(shop)]) == 0
    assert "missing: acme:spiral (layouts) of acme 1.2" in capsys.readouterr().out


def test_the_seed_the_preset_and_the_period_are_told(
    write_shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    day = 86_400_000_000
    config = {"preset": {"name": "default", "revision": 2}, "dag_params": {}}
    period = {"start": 0, "stop": 2 * day}
    shop = write_shop(extra={"seed": 7, "config": config, "period": period})
    assert document(capsys, "inspect", shop)["origin"] == {"seed": 7, "config": config, "period": period}
    assert main(["inspect", str(shop)]) == 0
    said = capsys.readouterr().out
    assert "name default, revision 2" in said
    assert "start 1970-01-01, stop 1970-01-03" in said


def test_the_keys_that_an_importer_found_are_told_one_by_one(
    write_shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"table": "orders", "column": "customer_id", "parent": "customers"}
    counts = {"rows": 1234, "null": 5, "unresolved": 0}
    shop = write_shop(extra={"keys": [key | counts]})
    assert document(capsys, "inspect", shop)["origin"] == {"keys": [key | counts]}
    assert main(["inspect", str(shop)]) == 0
    said = capsys.readouterr().out
    assert "orders.customer_id  customers  1,234  5     0" in said
    assert "entries" not in said


@pytest.mark.parametrize(
    "extra", [{"period": {"start": 10**30}}, {"config": 3, "period": [1]}, {"keys": [3]}, {"keys": []}]
)
def test_an_origin_of_another_shape_is_told_as_it_is(
    write_shop: Any, extra: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert document(capsys, "inspect", write_shop(extra=extra))["origin"] == extra
    assert main(["inspect", str(write_shop("again", extra=extra))]) == 0


def test_the_artefact_gives_what_the_command_prints(kept_shop: Path) -> None:
    contents = DatabaseArtefact().inspect(ArtefactRequest(path=kept_shop))
    assert json.loads(json.dumps(contents.facts)) == contents.facts


@pytest.mark.parametrize("damage", ["acme:left", {"id": "acme:left"}, 3])
def test_contributions_that_are_no_list_are_damage(damage: Any, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"plurel.json: contributions must be a list, got "):
        contributions_in({"contributions": damage}, tmp_path)
    assert contributions_in({}, tmp_path) == []


def test_checksums_are_compared_on_request(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "inspect", shop, "--verify", "checksums")["breaches"] == []
    (shop / "columns.yaml").write_text((shop / "columns.yaml").read_text() + "# a remark\n")
    assert "breaches" not in document(capsys, "inspect", shop)
    assert main(["inspect", str(shop), "--verify", "checksums", "--json"]) == 1
    (breach,) = json.loads(capsys.readouterr().out)["breaches"]
    assert (breach["rule"], breach["where"]) == ("checksum", "columns.yaml")
    assert main(["inspect", str(shop), "--verify", "checksums"]) == 1
    assert "columns.yaml: is not as it was written" in capsys.readouterr().out
