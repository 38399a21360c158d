"""Who points at whom, and when: event times and foreign keys of every table, before any value is made.

Plugins draw them (`timelines`, `links`); here they are asked in a fixed way and checked, because a wrong row
number would surface much later as a wrong value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming
from plurel.plugins.requests import BLOCK_ROWS, LinkRequest, TimelineRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.generation.schema import Period
    from plurel.plugins.requests import Parts
    from plurel.schema import ForeignKey, Schema, Table
    from plurel.seeding import Stream


@frozen(kw_only=True)
class Structure:
    """Keys and times of a database.

    Attributes:
        times: by table with a time column, `[rows] int64` microseconds since 1970, ascending.
        links: by table and foreign key column, the parent's row of each row, `[rows] int64`, -1 for null.
    """

    times: Mapping[str, NDArray[np.int64]]
    links: Mapping[str, Mapping[str, NDArray[np.int64]]]


def blocks(rows: int) -> list[tuple[int, int, int]]:
    """The blocks of a table as (index, start, stop).

    Example:
        >>> blocks(BLOCK_ROWS + 1)
        [(0, 0, 4096), (1, 4096, 4097)]
    """
    starts = range(0, rows, BLOCK_ROWS)
    return [(index, start, min(start + BLOCK_ROWS, rows)) for index, start in enumerate(starts)]


def draw_structure(schema: Schema, period: Period, parts: Parts, stream: Stream) -> Structure:
    """Draw times, then links, of every table.

    Args:
        schema: the tables.
        period: the time they cover.
        parts: the run's choices.
        stream: the database's stream.

    Raises:
        GenerationError: where a plugin hands back something that breaks its contract.
    """
    times = {
        table.name: _draw_times(table, period, parts, stream / "table" / table.name / "timeline")
        for table in schema
        if table.time_column is not None
    }
    links = {
        table.name: {
            key.column: _draw_links(
                key,
                table,
                schema[key.parent],
                times,
                parts,
                stream / "table" / table.name / "links" / key.column,
            )
            for key in table.foreign_keys
        }
        for table in schema
    }
    return Structure(times=times, links=links)


def _draw_times(table: Table, period: Period, parts: Parts, stream: Stream) -> NDArray[np.int64]:
    entry, timeline = parts.draw_entry("timeline_choices", stream / "choice")
    request = TimelineRequest(table=table, start=period.start, stop=period.stop, stream=stream / "draw")
    with blaming(f"the timeline {entry.id}", f"the times of {table.name}"):
        times = np.asarray(timeline.draw(request))
    if times.shape != (table.rows,) or times.dtype != np.int64 or (np.diff(times) < 0).any():
        raise GenerationError(
            f"the timeline {entry.id} broke its contract for {table.name}: expected "
            f"{table.rows} ascending int64 times, got shape {times.shape} of {times.dtype}"
        )
    return times


def _draw_links(
    key: ForeignKey,
    child: Table,
    parent: Table,
    times: Mapping[str, NDArray[np.int64]],
    parts: Parts,
    stream: Stream,
) -> NDArray[np.int64]:
    entry, links = parts.draw_entry("link_choices", stream / "choice")
    task = f"the links {child.name}.{key.column}"
    request = LinkRequest(
        foreign_key=key,
        child=child,
        parent=parent,
        child_times=times.get(child.name),
        parent_times=times.get(parent.name),
        stream=stream / "draw",
    )
    with blaming(f"the links {entry.id}", task):
        plan = links.plan(request)
    rows = np.empty(child.rows, dtype=np.int64)
    for index, start, stop in blocks(child.rows):
        with blaming(f"the links {entry.id}", task):
            block = np.asarray(plan.block(index))
        if block.shape != (stop - start,) or block.dtype != np.int64:
            raise GenerationError(
                f"the links {entry.id} broke its contract for {child.name}.{key.column}: block "
                f"{index} has {stop - start} rows of int64, got shape {block.shape} of {block.dtype}"
            )
        rows[start:stop] = block
    if rows.size and not (rows.min() >= -1 and rows.max() < parent.rows):
        raise GenerationError(
            f"the links {entry.id} broke its contract for {child.name}.{key.column}: "
            f"{parent.name} has the rows 0..{parent.rows - 1}, got {rows.min()}..{rows.max()}"
        )
    return rows
