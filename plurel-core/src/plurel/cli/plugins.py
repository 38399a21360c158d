"""`plurel plugins`: what is installed, what became of it, and what it contributes."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import asdict
from cyclopts import App

from plurel.cli.output import Reporter, reporter
from plurel.errors import AmbiguousNameError, UnknownNameError
from plurel.plugins.entries import Entry, PluginRow, closest, normalized, singular
from plurel.plugins.ledger import get_ledger
from plurel.plugins.parameters import describe_parameters
from plurel.plugins.records import KINDS, Contribution

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
    """Show one contribution with its parameters, their types and defaults.

    Args:
        name: Its name or alias, its full name (dist:name), or either after its kind (layouts/chain).
        kind: Its kind, where several kinds have the name.
        json: Print one JSON document.
    """
    entry = _find(name, kind)
    parameters = describe_parameters(entry)
    say = reporter(json=json)
    document = _entry_document(entry)
    say.emit({**document, "parameters": [asdict(one) for one in parameters]})
    facts = [(key, _words(value)) for key, value in document.items() if key not in ("id", "kind", "name")]
    say.table(f"{singular(entry.kind)} {entry.id}", ["what", "value"], facts)
    say.result("")
    if parameters:
        rows = [
            (one.name, one.type, "(required)" if one.required else _words(one.default), one.about)
            for one in parameters
        ]
        say.table("parameters", ["name", "type", "default", "what it is"], rows)
    else:
        say.result("it takes no parameters")


@app.command
def check(dist: str | None = None, *, json: bool = False) -> int:
    """Check what plugins bring: records, names, imports, references, parameters and protocols.

    Ends with 1 where anything is wrong.

    Args:
        dist: The plugins of this distribution only; those of all without it.
        json: Print one JSON document.
    """
    from plurel.plugins.checking import check_plugin

    say = reporter(json=json)
    ledger = get_ledger()
    rows = [row for row in ledger.plugins if dist is None or row.dist == normalized(dist)]
    if not rows:
        known = sorted({row.dist for row in ledger.plugins})
        raise UnknownNameError(
            f"no installed distribution {dist!r} names plugins; those that do: {', '.join(known)}"
            f"{closest(str(dist), known)}"
        )
    checks = []
    with say.progress("checking plugins", len(rows)) as bar:
        for row in rows:
            checks.append(check_plugin(row, ledger))
            bar.advance(words=f"checked {row.id}")
    findings = [finding for each in checks for finding in each.findings]
    say.emit(
        {
            "plugins": [
                {
                    **_plugin_document(each.row),
                    "import_seconds": each.seconds,
                    "heavy_imports": list(each.heavy),
                }
                for each in checks
            ],
            "findings": [asdict(finding) for finding in findings],
        }
    )
    say.table(
        "plugins",
        ["plugin", "version", "status", "contributions", "import", "brings"],
        [
            (
                each.row.id,
                each.row.version,
                each.row.status,
                len(each.row.contributions),
                None if each.seconds is None else f"{1000 * each.seconds:.0f} ms",
                ", ".join(each.heavy),
            )
            for each in checks
        ],
    )
    say.result("")
    for finding in findings:
        say.result(f"{finding.about} [{finding.rule}]: {finding.words}")
    say.result(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0


def _find(name: str, kind: str | None) -> Entry:
    """The one contribution that a person means.

    Raises:
        UnknownNameError: if nobody contributes it.
        AmbiguousNameError: if several kinds or distributions have it; lists them.
    """
    ledger = get_ledger()
    head, slash, rest = name.partition("/")
    if slash:
        kind, name = head, rest
    if kind is not None:
        return ledger.find(kind, name)
    candidates = [entry for each in KINDS for entry in ledger.providers(each, name)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = ", ".join(f"{entry.kind}/{entry.id} ({entry.version})" for entry in candidates)
        raise AmbiguousNameError(
            f"{name!r} is the name of several contributions: {listed}; write one of these"
        )
    known = {entry.name for entry in ledger.entries()}
    raise UnknownNameError(
        f"no plugin contributes {name!r}{closest(name, known)}; plurel plugins list shows what is there",
        ledger.absences,
    )


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
        "plugin": entry.plugin,
        **_of_its_kind(entry),
    }


def _of_its_kind(entry: Entry) -> dict[str, Any]:
    """What a record says beyond what all records do, such as the encodings of a head."""
    common = {item.name for item in attrs.fields(Contribution)}
    own = [item.name for item in attrs.fields(type(entry.record)) if item.name not in common]
    return {name: _plain(getattr(entry.record, name)) for name in own}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _words(value: Any) -> str:
    if isinstance(value, dict) and set(value) >= {"kind", "value"}:
        return f"{value['kind']} {', '.join(map(str, value['value']))}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
