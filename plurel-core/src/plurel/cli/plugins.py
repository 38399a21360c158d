"""`plurel plugins`: what is installed, what became of it, and what it contributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cyclopts import App

from plurel.cli.output import Reporter, reporter
from plurel.errors import UnknownNameError
from plurel.plugins.entries import Entry, PluginRow, singular
from plurel.plugins.ledger import get_ledger
from plurel.plugins.records import KINDS

app = App(name="plugins", help="List installed plugins and what they contribute.")


@app.command(name="list")
def list_plugins(*, kind: str | None = None, json: bool = False) -> None:
    """List plugins and their contributions.

    Args:
        kind: Contributions of this kind only, as in layouts.
        json: Print one JSON document.
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

    Args:
        name: Its name, alias or full name (dist:name).
        kind: Its kind, where several kinds have the name.
        json: Print one JSON document.
    """
    found = _find_everywhere(name, KINDS if kind is None else (kind,))
    say = reporter(json=json)
    documents = [{**_entry_document(entry), "parameters": _parameters(entry)} for entry in found]
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


def _find_everywhere(name: str, kinds: Sequence[str]) -> list[Entry]:
    """The contributions of a name, at most one a kind.

    Raises:
        UnknownNameError: if no kind has it.
        AmbiguousNameError: if a kind has it from several distributions.
    """
    found = []
    for kind in kinds:
        try:
            found.append(get_ledger().find(kind, name))
        except UnknownNameError:
            if len(kinds) == 1:
                raise
    if not found:
        raise UnknownNameError(f"no plugin contributes {name!r}; plurel plugins list shows what is there")
    return found


def _parameters(entry: Entry) -> dict[str, Any]:
    """Its parameters with their defaults, as plain data."""
    from plurel.config.choices import unstructure

    return unstructure(entry.parameters()) or {}


def _say_kind(say: Reporter, kind: str, entries: list[Entry]) -> None:
    if not entries:
        return
    say.result("")
    rows = [(entry.name, entry.dist, entry.record.summary) for entry in entries]
    say.table(kind, ["name", "distribution", "summary"], rows)


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
