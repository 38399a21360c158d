"""Draw a schema: tables, their roles, sizes, keys and columns, and the period they cover.

Not here: rows, keys' values or times. Every draw has a stream of its own, so a table's size never depends on
another table's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming
from plurel.generation.surface import draw_encoding
from plurel.plugins.requests import LayoutRequest
from plurel.schema import Column, ColumnKind, ForeignKey, Role, Schema, Table

if TYPE_CHECKING:
    from plurel.graph import Dag
    from plurel.plugins.requests import Parts
    from plurel.seeding import Stream

DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds of a day."""

PRIMARY_KEY = "row_idx"
TIME_COLUMN = "date"

_KINDS: dict[str, ColumnKind] = {"categorical": "category", "numerical": "number"}


@frozen(kw_only=True)
class Period:
    """The time that a database covers; all four are midnights, microseconds since 1970.

    Attributes:
        start: the first day.
        stop: the last day.
        val: the day on which validation starts.
        test: the day on which test starts.
    """

    start: int
    stop: int
    val: int
    test: int


def draw_period(earliest: str, latest: str, *, val_split: float, test_split: float, stream: Stream) -> Period:
    """Draw two distinct days and cut what lies between them.

    Args:
        earliest: first day that may be drawn, `YYYY-MM-DD`.
        latest: last day that may be drawn.
        val_split: share of the period's days (ends included) before validation starts.
        test_split: the same for test.
        stream: the period's own stream.

    Raises:
        GenerationError: where there are no two days to draw.

    Example:
        >>> from plurel.seeding import Stream
        >>> period = draw_period("2020-01-01", "2020-01-02", val_split=0.8, test_split=0.9, stream=Stream(0))
        >>> (period.stop - period.start) // DAY
        1
    """
    first, last = (int(np.datetime64(str(day), "D").astype(np.int64)) for day in (earliest, latest))
    if last <= first:
        raise GenerationError(f"a period takes two distinct days, but {earliest}..{latest} holds fewer")
    start, stop = sorted(stream.generator().choice(last - first + 1, size=2, replace=False).tolist())
    days = stop - start + 1
    return Period(
        start=(first + start) * DAY,
        stop=(first + stop) * DAY,
        val=(first + start + int(val_split * days)) * DAY,
        test=(first + start + int(test_split * days)) * DAY,
    )


def draw_schema(parts: Parts, stream: Stream, *, typed: bool = False) -> Schema:
    """Draw tables from a layout: an edge parent -> child is a foreign key of the child.

    A table that no other points at is an activity table with an event time, any other an entity table.
    Columns stand in random order of their names, so that a name tells nothing of where its column stands:
    table models put columns on causal nodes in their order.

    Args:
        parts: the run's choices.
        stream: the database's stream.
        typed: whether columns get their kinds from drawn column types.

    Raises:
        GenerationError: where the layout's graph has another number of nodes than was asked for.
    """
    nodes = parts.draw("num_tables_choices", stream / "schema" / "num_tables")
    entry, layout = parts.draw_entry("table_layout_choices", stream / "schema" / "layout")
    with blaming(f"the table layout {entry.id}", f"a graph of {nodes} tables"):
        dag: Dag = layout.draw(LayoutRequest(nodes=nodes), stream / "schema" / "graph")
    if dag.nodes != nodes:
        raise GenerationError(
            f"the table layout {entry.id} drew {dag.nodes} nodes where {nodes} were asked for"
        )
    activity = dag.out_degrees() == 0
    return Schema(
        tables=[
            _draw_table(
                f"table_{node}",
                "activity" if activity[node] else "entity",
                [f"table_{parent}" for parent in dag.parents(node)],
                parts,
                stream / "table" / f"table_{node}",
                typed,
            )
            for node in range(nodes)
        ]
    )


def _draw_table(
    name: str, role: Role, parents: list[str], parts: Parts, stream: Stream, typed: bool
) -> Table:
    columns = parts.draw("num_cols_choices", stream / "num_cols")
    order = (stream / "column order").generator().random(columns).argsort(kind="stable").tolist()
    rows = parts.draw(f"num_rows_{role}_table_choices", stream / "num_rows")
    if rows < 1:
        raise GenerationError(f"a table has at least one row, but num_rows_{role}_table_choices drew {rows}")
    return Table(
        name=name,
        rows=rows,
        role=role,
        primary_key=PRIMARY_KEY,
        foreign_keys=[
            ForeignKey(column=f"foreign_row_{number}", parent=parent) for number, parent in enumerate(parents)
        ],
        columns=[
            _draw_column(name, parts, stream / "column" / name, typed)
            for name in (f"feature_{number}" for number in order)
        ],
        time_column=TIME_COLUMN if role == "activity" else None,
    )


def _draw_column(name: str, parts: Parts, stream: Stream, typed: bool) -> Column:
    stype = None if typed else parts.draw("col_stype_choices", stream / "kind")
    kind: ColumnKind = _KINDS[stype] if stype else draw_encoding(parts, stream)
    labels = kind in ("category", "text")
    categories = parts.draw("num_categories_choices", stream / "categories") if labels else None
    return Column(name=name, kind=kind, categories=categories)
