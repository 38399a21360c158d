"""The record of runs of `plurel generate`, beside their databases: what made them, and which bytes they are.

It depends on the databases alone, not on when, where or in how many goes they were made. Not here: what each
database says of itself (`generation.manifest`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from plurel.errors import DatabaseError, GenerationError, RequestError
from plurel.generation.identity import config_difference
from plurel.generation.manifest import config_identity
from plurel.places import write_whole
from plurel.relbench_io.origin import ORIGIN

if TYPE_CHECKING:
    from plurel.config import ResolvedConfig
    from plurel.generation.batch import Failed, Made

RECORD = "plurel-run.json"
FORMAT_VERSION = 1


@frozen(kw_only=True)
class Earlier:
    """What earlier runs left on record.

    Attributes:
        databases: the entries of the databases that are still there, by name.
        failed: those of databases that could not be made.
    """

    databases: dict[str, Any] = field(factory=dict)
    failed: dict[str, Any] = field(factory=dict)


def read_earlier(out: Path, resolved: ResolvedConfig) -> Earlier:
    """What earlier runs of a config left on record; nothing where there is no record that can be read.

    Args:
        out: the directory of databases.
        resolved: the config.

    Raises:
        RequestError: where the record is another config's, and databases of it are still there.
    """
    try:
        said = json.loads(_text(out / RECORD) or "{}")
        databases = {
            name: entry
            for name, entry in said["databases"].items()
            if isinstance(entry["seed"], int) and (out / name / ORIGIN).is_file()
        }
        failed = {name: entry for name, entry in said.get("failed", {}).items() if entry["seed"] is not None}
        changed = config_difference(resolved, said, format_version=FORMAT_VERSION)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return Earlier()  # none, or none of ours; it is written anew
    if changed is None:
        return Earlier(databases=databases, failed=failed)
    if databases:
        raise RequestError(
            f"{out} holds databases of another config, {next(iter(databases))} among them, as {RECORD} says: "
            f"{changed}; choose another --out"
        )
    return Earlier()


def write_record(
    out: Path, resolved: ResolvedConfig, made: Sequence[Made], failed: Sequence[Failed] = ()
) -> None:
    """Write `plurel-run.json`, whole or not at all.

    What earlier runs of the same config left on record stays there: databases that still exist, and failures
    of those that do not.

    Args:
        out: the directory of databases.
        resolved: the config of the run.
        made: its databases.
        failed: those that could not be made.

    Raises:
        RequestError: see `read_earlier`.
        GenerationError: where it cannot be written.
    """
    earlier = read_earlier(out, resolved)
    databases = earlier.databases | {database.path.name: _entry(database) for database in made}
    failures = earlier.failed | {one.path.name: {"seed": one.seed, "reason": one.reason} for one in failed}
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        **config_identity(resolved, but=("cache_dir",)),
        "databases": _by_seed(databases),
    }
    missing = {name: entry for name, entry in failures.items() if name not in databases}
    if missing:
        document["failed"] = _by_seed(missing)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if _text(out / RECORD) == text:
        return
    try:
        write_whole(out / RECORD, text)
    except OSError as error:
        raise GenerationError(f"{out / RECORD} could not be written: {error.strerror}") from error


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _entry(database: Made) -> dict[str, Any]:
    """A database's entry; the `sha256` is that of its `plurel.json`, which has those of its other files."""
    file = database.path / ORIGIN
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
    return {
        "seed": database.seed,
        "tables": database.tables,
        "rows": database.rows,
        "sha256": digest,
        "computed_by": dict(database.computed_by),
    }


def _by_seed(entries: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(entries.items(), key=lambda entry: int(entry[1]["seed"])))
