"""Checks of `manifest.yaml`: its keys, its cuts, the names of tables and columns."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plurel.errors import DatabaseError
from plurel.relbench_io.directory import TASKS_KEY
from plurel.relbench_io.moments import microseconds
from plurel.relbench_io.read import is_file_name, read_yaml
from plurel.validate.breaches import Breaches
from plurel.validate.database import Database, Table

FILE = "manifest.yaml"
_DATASET_KEYS = frozenset(
    {"name", "tables", "manifest_version", "description", "val_timestamp", "test_timestamp"}
)
_TABLE_KEYS = frozenset({"pkey", "time_col", "fkeys"})
_RESERVED = frozenset({"timestamps", TASKS_KEY})
_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_manifest(root: Path, breaches: Breaches) -> Database | None:
    """The database as its manifest describes it, with the manifest's own breaches noted.

    Returns:
        None where the manifest cannot be understood at all.
    """
    try:
        manifest = read_yaml(root / FILE)
    except DatabaseError as error:
        breaches.add("manifest", FILE, str(error))
        return None
    breaches.unknown_keys("manifest", FILE, manifest, _DATASET_KEYS)
    if not isinstance(manifest.get("name"), str):
        breaches.add("manifest", FILE, f"name must be a string, got {manifest.get('name')!r}")
    elif not is_file_name(manifest["name"]):
        breaches.add("names", FILE, f"name must be able to name a directory, got {manifest['name']!r}")
    if manifest.get("manifest_version", 1) != 1:
        breaches.add("manifest", FILE, f"manifest_version must be 1, got {manifest['manifest_version']!r}")
    val, test = (_cut(manifest, key, breaches) for key in ("val_timestamp", "test_timestamp"))
    if val is not None and test is not None and not val < test:
        breaches.add("cuts", FILE, "val_timestamp must lie before test_timestamp")
    specs = manifest.get("tables")
    if not isinstance(specs, dict) or not specs:
        breaches.add("manifest", FILE, f"tables must map names to keys, got {specs!r}")
        specs = {}
    tables = {str(name): _table(root, str(name), spec, breaches) for name, spec in specs.items()}
    _check_names(tables, breaches)
    name = manifest.get("name")
    return Database(root, name if isinstance(name, str) else None, tables, val, test)


def _cut(manifest: dict[str, Any], key: str, breaches: Breaches) -> int | None:
    value = manifest.get(key)
    if not _BARE_DATE.fullmatch(str(value)):
        breaches.add("cuts", FILE, f"{key} must be a bare date such as 2013-10-01, got {value!r}")
    try:
        return microseconds(value)
    except ValueError:
        return None


def _table(root: Path, name: str, spec: Any, breaches: Breaches) -> Table:
    where = f"{FILE}, tables.{name}"
    if not isinstance(spec, dict):
        breaches.add("manifest", where, f"expected pkey, time_col and fkeys, got {spec!r}")
        spec = {}
    breaches.unknown_keys("manifest", where, spec, _TABLE_KEYS)
    names: dict[str, str | None] = {}
    for key in ("pkey", "time_col"):
        value = spec.get(key)
        if value is not None and not isinstance(value, str):
            breaches.add("manifest", where, f"{key} must name a column, got {value!r}")
        names[key] = value if isinstance(value, str) else None
    links = spec.get("fkeys") or {}
    if not isinstance(links, dict):
        breaches.add("manifest", where, f"fkeys must map columns to tables, got {links!r}")
        links = {}
    return Table(
        file=root / "db" / f"{name}.parquet",
        name=name,
        primary_key=names["pkey"],
        time_column=names["time_col"],
        foreign_keys={str(column): str(parent) for column, parent in links.items()},
    )


def _check_names(tables: dict[str, Table], breaches: Breaches) -> None:
    for name, table in tables.items():
        where = f"{FILE}, tables.{name}"
        if name.lower() in _RESERVED:
            breaches.add("names", where, f"a table must not be named {name!r}: the name is reserved")
        check_plain(name, "table", where, breaches)
        if name and not is_file_name(name):
            breaches.add("names", where, f"a table must be able to name a file, got {name!r}")
        for column in sorted(table.keys - {table.time_column}):
            check_plain(column, "key", where, breaches)
        time = table.time_column
        if time is not None and (not time.isidentifier() or keyword.iskeyword(time)):
            breaches.add("names", where, f"time column {time!r} must be a Python identifier and no keyword")
        if table.schema is not None:
            _check_case(table.schema.names, f"columns of {name}", table.place(), breaches)
    _check_case(tables, "tables", FILE, breaches)


def check_plain(name: str, what: str, where: str, breaches: Breaches) -> None:
    """Note a name with spaces, which breaks the SQL of forecasts."""
    if not name or any(letter.isspace() for letter in name):
        breaches.add("names", where, f"{what} {name!r} must have a name without spaces")


def _check_case(names: Iterable[str], what: str, where: str, breaches: Breaches) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            breaches.add("names", where, f"the {what} {twin!r} and {name!r} differ only in case")
