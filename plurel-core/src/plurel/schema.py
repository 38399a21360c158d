"""Records of a relational schema: tables, columns and keys, whether generated, imported or read from SQL.

Not here: rows. A schema says what a database is made of, never what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from attrs import field, frozen

from plurel.errors import GenerationError

ColumnKind = Literal["number", "boolean", "category", "datetime", "text"]
Role = Literal["entity", "activity"]


@frozen(kw_only=True)
class Column:
    """A feature column.

    Attributes:
        name: its name, unique inside its table.
        kind: what its values are.
        categories: number of categories of a `category` column, None for others.
        nullable: whether a cell may be missing.
    """

    name: str
    kind: ColumnKind
    categories: int | None = None
    nullable: bool = True


@frozen(kw_only=True)
class ForeignKey:
    """A column whose cells name rows of a parent table (`parent` may be the table itself)."""

    column: str
    parent: str
    nullable: bool = False


def _keys(value: Iterable[ForeignKey]) -> tuple[ForeignKey, ...]:
    return tuple(value)


def _columns(value: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(value)


@frozen(kw_only=True)
class Table:
    """A table: its size, role, keys, features and event time."""

    name: str
    rows: int
    role: Role
    primary_key: str | None = None
    foreign_keys: tuple[ForeignKey, ...] = field(default=(), converter=_keys)
    columns: tuple[Column, ...] = field(default=(), converter=_columns)
    time_column: str | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the parent tables, one for each foreign key."""
        return tuple(key.parent for key in self.foreign_keys)


def _tables(value: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(value)


@frozen(kw_only=True)
class Schema:
    """The tables of a database, in the order in which they are named."""

    tables: tuple[Table, ...] = field(converter=_tables)

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __getitem__(self, name: str) -> Table:
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"no table {name!r}; tables: {', '.join(table.name for table in self.tables)}")

    def parents_first(self) -> Sequence[Table]:
        """The tables ordered so that every table stands after its parents.

        Ties keep the schema's own order.

        Raises:
            GenerationError: where foreign keys run in a circle.
        """
        done: set[str] = set()
        waiting = list(self.tables)
        ordered: list[Table] = []
        while waiting:
            ready = [table for table in waiting if set(table.parents) - {table.name} <= done]
            if not ready:
                names = ", ".join(table.name for table in waiting)
                raise GenerationError(f"foreign keys run in a circle through the tables {names}")
            ordered += ready
            done |= {table.name for table in ready}
            waiting = [table for table in waiting if table.name not in done]
        return ordered
