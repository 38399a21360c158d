"""`SyntheticDataset`: a generated database as RelBench's own code expects a dataset, with its causes.

Nothing is generated before it is asked for, and pandas and relbench are imported then. Not here: the steps of
a generation (`plurel.generation`) and files (`plurel.relbench_io`).
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plurel.config import Config, resolve
from plurel.errors import RequestError
from plurel.places import expanded
from plurel.plugins import get_ledger

if TYPE_CHECKING:
    import pandas as pd
    from relbench.base import Database

    from plurel.config import ResolvedConfig
    from plurel.generation.database import Generated
    from plurel.generation.schema import Period
    from plurel.graph import CausalGraph
    from plurel.plugins import Ledger
    from plurel.plugins.requests import Parts
    from plurel.schema import Schema
    from plurel.tasks import TaskDefinition


class SyntheticDataset:
    """The database of a seed and a config.

    Args:
        seed: any integer, numpy's included; another seed is another database.
        config: how databases are drawn; the preset `default` where it is None.
        ledger: the plugins to take contributions from; the process's own where it is None.
        threads: how many threads work on blocks of rows, at least 1; the database is the same for any number.

    Raises:
        RequestError: where the seed is no integer, or the config no config.
        UnknownNameError: where the config names a contribution that nobody installed brings; the message says
            what to install.
    """

    def __init__(
        self, seed: int, config: Config | None = None, *, ledger: Ledger | None = None, threads: int = 1
    ) -> None:
        self.seed = _integer(seed)
        self.config = Config() if config is None else config
        self.threads = threads
        self._ledger = get_ledger() if ledger is None else ledger
        self.resolved: ResolvedConfig = resolve(self.config, self._ledger)

    def __repr__(self) -> str:
        return f"SyntheticDataset(seed={self.seed})"

    @property
    def name(self) -> str:
        """The database's name: `rel-synthetic-<seed>`."""
        return f"rel-synthetic-{self.seed}"

    def make_db(self) -> Database:
        """The whole database; from the cache where the config has one and it is there.

        Raises:
            DatabaseError: where the database in the cache is damaged; the message says what to remove.
            RequestError: where something else lies in its place.
        """
        if self.config.cache_dir is not None:
            return _load(self._cached_directory())
        return _database(self._generated.frames, self._generated.schema)

    def get_db(self, upto_test_timestamp: bool = True) -> Database:
        """The database as RelBench's tasks ask for it.

        Args:
            upto_test_timestamp: leave out rows after `test_timestamp`; keys to them become null.
        """
        from relbench.base import Dataset

        database = self.make_db()
        if upto_test_timestamp:
            database = database.upto(self.test_timestamp)
        Dataset().validate_and_correct_db(database)
        return database

    @property
    def val_timestamp(self) -> pd.Timestamp:
        """Start of validation."""
        return _timestamp(self._period.val)

    @property
    def test_timestamp(self) -> pd.Timestamp:
        """Start of test."""
        return _timestamp(self._period.test)

    @property
    def schema(self) -> Schema:
        """The schema as it stands, without the columns that were dropped."""
        return self._generated.schema

    @property
    def causal_graph(self) -> CausalGraph:
        """What caused what: tables, columns, hidden nodes, edges with their mechanisms and weights.

        `causal_graph.effects("orders.amount")` names the columns that an intervention may change,
        `causal_graph.to_networkx()` gives a graph to draw. It is read from the cache where the config has
        one.
        """
        if self.config.cache_dir is not None and "_generated" not in self.__dict__:
            from plurel.graph import read_causal_graph

            return read_causal_graph(self._cached_directory())
        return self._generated.graph

    @cached_property
    def tasks(self) -> Sequence[TaskDefinition]:
        """The prediction tasks that the config's proposers found."""
        from plurel.generation.database import propose_tasks

        return propose_tasks(self._generated, self._parts)

    def intervene(self, column: str, value: float) -> Database:
        """The database under do(column = value): the same noise and mechanisms, another cause.

        The value is that of the column's causal node, before the column's transform; a category is held at a
        label, of which `True` is every label above 0.

        Args:
            column: `<table>.<column>`, also one that was dropped for being constant.
            value: what the column is held at.

        Keys, times and missing cells stay where they are; a column that was left out stays out. Columns that
        are no effects of this one in the causal graph keep every bit.

        Raises:
            RequestError: where the database has no such column, the column no such label, or the value is no
                number that single precision holds.
        """
        from plurel.generation.database import intervene

        return _database(intervene(self._generated, self._parts, column, value), self._generated.schema)

    def save(self, out: str | Path) -> Path:
        """Write the database, its tasks and its causes as one directory that RelBench reads.

        Args:
            out: the directory to make.

        Returns:
            Its path.

        Raises:
            RequestError: where it is already there, or nothing can be made there.
        """
        from plurel.generation.manifest import database_manifest
        from plurel.relbench_io import write_directory

        generated = self._generated
        return write_directory(
            expanded(out),
            name=self.name,
            tables=generated.tables,
            schema=generated.schema,
            val_timestamp=generated.period.val,
            test_timestamp=generated.period.test,
            tasks=self.tasks,
            columns=_stated_encodings(generated.schema),
            extra=database_manifest(generated, self.resolved),
        )

    def generate(self, progress: Callable[[str, int], None] = lambda *_: None) -> None:
        """Generate now what the other methods would generate when asked.

        Args:
            progress: told a table's name and how many more of its rows are made, perhaps on several threads.
        """
        if "_generated" not in self.__dict__:
            self.__dict__["_generated"] = self._generate(progress)

    @cached_property
    def _generated(self) -> Generated:
        return self._generate(lambda *_: None)

    def _generate(self, progress: Callable[[str, int], None]) -> Generated:
        from plurel.generation.database import generate
        from plurel.generation.threads import Threads

        return generate(self.seed, self.config, self._parts, progress=progress, work=Threads(self.threads))

    @cached_property
    def _period(self) -> Period:
        """The time it covers, which is known before any table is: a cached database asks for no more."""
        from plurel.generation.database import period_of

        return period_of(self.seed, self.config)

    @cached_property
    def _parts(self) -> Parts:
        return self.resolved.parts(self._ledger)

    def _cached_directory(self) -> Path:
        """This database's directory in the cache, whole and checked; written if it is not there yet."""
        from plurel.generation.batch import take_over
        from plurel.generation.manifest import config_identity

        identity = json.dumps([self.seed, config_identity(self.resolved)], sort_keys=True)
        key = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
        directory = expanded(str(self.config.cache_dir)) / f"{self.name}-{key}"
        if not directory.exists():
            try:
                return self.save(directory)
            except RequestError:
                # Another process may have written the same database meanwhile; any other reason stays one.
                if not directory.exists():
                    raise
        take_over(directory, self.seed, self.resolved, another="cache_dir")
        return directory


def _integer(seed: object) -> int:
    try:
        if isinstance(seed, bool):
            raise TypeError
        return operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise RequestError(f"a seed is an integer, got {seed!r}") from None


def _database(frames: Mapping[str, pd.DataFrame], schema: Schema) -> Database:
    from relbench.base import Database, Table

    return Database(
        {
            table.name: Table(
                df=frames[table.name].copy(),
                fkey_col_to_pkey_table={key.column: key.parent for key in table.foreign_keys},
                pkey_col=table.primary_key,
                time_col=table.time_column,
            )
            for table in schema
        }
    )


def _load(directory: Path) -> Database:
    from relbench import load_dataset

    return load_dataset(str(directory)).get_db(upto_test_timestamp=False)


def _timestamp(microseconds: int) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(microseconds, unit="us")


def _stated_encodings(schema: Schema) -> dict[str, dict[str, Any]]:
    """What dtypes alone would not tell: which columns hold labels, and which hold texts."""
    stated = {
        table.name: {
            column.name: {"encoding": column.kind}
            for column in table.columns
            if column.kind in ("category", "text")
        }
        for table in schema
    }
    return {name: columns for name, columns in stated.items() if columns}
