"""`plurel plugins`: what is installed, what became of it, and what it contributes."""

from __future__ import annotations

from typing import Any

from cyclopts import App

from plurel.cli.output import Reporter, reporter
from plurel.errors import PluginError
from plurel.plugins.ledger import Entry, PluginRow, get_ledger, singular
from plurel.plugins.records import KINDS

app = App(name="plugins", help="List installed plugins and what they contribute.")


@app.command(name="list")
def list_plugins(*, kind: str | None = None, json: bool = False) -> None:
    """List plugins and their contributions.

    Parameters
    ----------
    kind
        Contributions of this kind only, as in layouts.
    json
        Print one JSON document.
    """
    say = reporter(json=json)
    ledger = get_ledger()
    entries = ledger.entries(kind)
    if json:
        say.emit(
            {
                "plugins": [_plugin_document(row) for row in ledger.plugins],
                "contributions": [_entry_document(entry) for entry in entries],
            }
        )
        return
    rows = [
        (row.id, row.version, row.status + (f" ({row.stage})" if row.stage else ""), row.reason)
        for row in ledger.plugins
    ]
    say.table("Plugins", ["plugin", "version", "status", "reason"], rows)
    for each in KINDS if kind is None else (kind,):
        _say_kind(say, each, [entry for entry in entries if entry.kind == each])


@app.command
def show(name: str, *, kind: str | None = None, json: bool = False) -> None:
    """Show one contribution with its parameters and their defaults.

    Parameters
    ----------
    name
        Its name, alias or full name (dist:name).
    kind
        Its kind, where several kinds have the name.
    json
        Print one JSON document.
    """
    from plurel.config.convert import unstructure
    from plurel.errors import AmbiguousNameError, UnknownNameError

    ledger = get_ledger()
    found = []
    failures: list[Exception] = []
    for each in KINDS if kind is None else (kind,):
        try:
            found.append(ledger.find(each, name))
        except AmbiguousNameError:
            raise
        except UnknownNameError as error:
            failures.append(error)
    if not found:
        if kind is not None:
            raise failures[0]
        raise UnknownNameError(f"no plugin contributes {name!r}; plurel plugins list shows what is there")
    say = reporter(json=json)
    documents = []
    for entry in found:
        try:
            parameters = unstructure(entry.parameters()) or {}
        except PluginError as error:
            parameters = {"error": str(error)}
        documents.append({**_entry_document(entry), "parameters": parameters})
    say.emit(documents)
    for document in documents:
        say.table(
            f"{singular(document['kind'])} {document['id']}",
            ["field", "value"],
            [
                *((key, _words(document[key])) for key in ("summary", "version", "revision", "aliases")),
                *((f"parameter {key}", _words(value)) for key, value in document["parameters"].items()),
            ],
        )


def _say_kind(say: Reporter, kind: str, entries: list[Entry]) -> None:
    if not entries:
        return
    say.result("")
    rows = [
        (entry.name, entry.dist, ", ".join(entry.record.aliases), entry.record.summary) for entry in entries
    ]
    say.table(kind, ["name", "distribution", "aliases", "summary"], rows)


def _plugin_document(row: PluginRow) -> dict[str, Any]:
    return {
        "plugin": row.id,
        "dist": row.dist,
        "version": row.version,
        "status": row.status,
        "stage": row.stage,
        "reason": row.reason,
        "contributions": len(row.contributions),
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "name": entry.name,
        "dist": entry.dist,
        "version": entry.version,
        "revision": entry.record.revision,
        "aliases": list(entry.record.aliases),
        "summary": entry.record.summary,
    }


def _words(value: Any) -> str:
    if isinstance(value, dict) and set(value) >= {"kind", "value"}:
        return f"{value['kind']} {', '.join(map(str, value['value']))}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
