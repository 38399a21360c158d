"""Who points at whom, and when: event times and foreign keys of every table, before any value is made.

Plugins draw them (`timelines`, `links`); here they are asked in a fixed way and checked, because a wrong row
number would surface much later as a wrong value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming
from plurel.generation.scratch import ScratchColumns, rest
from plurel.pieces import in_order
from plurel.plugins.protocols import BlockTimeline
from plurel.plugins.requests import BLOCK_ROWS, LinkRequest, TimelineRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.generation.schema import Period
    from plurel.pieces import Work
    from plurel.plugins.requests import Parts
    from plurel.schema import ForeignKey, Schema, Table
    from plurel.seeding import Stream

_INT64 = np.dtype(np.int64)

RESTED = 64
"""Columns in the making are let go of after this many blocks, a quarter of a million rows."""


@frozen(kw_only=True)
class Structure:
    """Keys and times of a database.

    Attributes:
        times: by table with a time column, `[rows] int64` microseconds since 1970, ascending; those of large
            tables are mapped from disk, as are links.
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


def draw_structure(
    schema: Schema, period: Period, parts: Parts, stream: Stream, scratch: Path, work: Work = in_order
) -> Structure:
    """Draw times, then links, of every table.

    Args:
        schema: the tables.
        period: the time they cover.
        parts: the run's choices.
        stream: the database's stream.
        scratch: a directory for memory-mapped columns.
        work: what does the blocks of a table.

    Raises:
        GenerationError: where a plugin hands back something that breaks its contract.
    """
    times = {
        table.name: _draw_times(
            table, period, parts, stream / "table" / table.name / "timeline", scratch, work
        )
        for table in schema
        if table.time_column is not None
    }
    links: dict[str, Mapping[str, NDArray[np.int64]]] = {}
    for table in schema:
        drawn = ScratchColumns(scratch, table.rows, {key.column: _INT64 for key in table.foreign_keys})
        for key in table.foreign_keys:
            own = stream / "table" / table.name / "links" / key.column
            _draw_links(drawn[key.column], key, table, schema[key.parent], times, parts, own, work)
        links[table.name] = drawn
    return Structure(times=times, links=links)


def _draw_times(
    table: Table, period: Period, parts: Parts, stream: Stream, scratch: Path, work: Work
) -> NDArray[np.int64]:
    entry, timeline = parts.draw_entry("timeline_choices", stream / "choice")
    task = f"the times of {table.name}"
    request = TimelineRequest(table=table, start=period.start, stop=period.stop, stream=stream / "draw")
    times: NDArray[np.int64] = ScratchColumns(scratch, table.rows, {"times": _INT64})["times"]
    with blaming(f"the timeline {entry.id}", task):
        blockwise = isinstance(timeline, BlockTimeline)
    runs = blocks(table.rows) if blockwise else [(0, 0, table.rows)]

    def fill(run: tuple[int, int, int]) -> tuple[int, int]:
        index, start, stop = run
        with blaming(f"the timeline {entry.id}", task):
            drawn = timeline.block(request, start, stop) if blockwise else timeline.draw(request)
        drawn = np.asarray(drawn)
        if drawn.shape != (stop - start,) or drawn.dtype != np.int64 or (np.diff(drawn) < 0).any():
            raise GenerationError(
                f"the timeline {entry.id} broke its contract for {table.name}: expected "
                f"{stop - start} ascending int64 times, got shape {drawn.shape} of {drawn.dtype}"
            )
        times[start:stop] = drawn
        if index % RESTED == 0:
            rest([times])
        return int(drawn[0]), int(drawn[-1])

    before: int | None = None
    for first, last in work(fill, runs):
        if before is not None and first < before:
            raise GenerationError(
                f"the timeline {entry.id} broke its contract for {table.name}: expected ascending times, "
                "but a block starts before the one before it has ended"
            )
        before = last
    return times


def _draw_links(
    rows: NDArray[np.int64],
    key: ForeignKey,
    child: Table,
    parent: Table,
    times: Mapping[str, NDArray[np.int64]],
    parts: Parts,
    stream: Stream,
    work: Work,
) -> None:
    """Fill in the parent's row of every row."""
    entry, links = parts.draw_entry("link_choices", stream / "choice")
    task = f"the links {child.name}.{key.column}"
    broke = f"the links {entry.id} broke its contract for {child.name}.{key.column}"
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

    def fill(span: tuple[int, int, int]) -> None:
        index, start, stop = span
        with blaming(f"the links {entry.id}", task):
            block = np.asarray(plan.block(index))
        if block.shape != (stop - start,) or block.dtype != np.int64:
            raise GenerationError(
                f"{broke}: block {index} has {stop - start} rows of int64, "
                f"got shape {block.shape} of {block.dtype}"
            )
        if not (block.min() >= -1 and block.max() < parent.rows):
            raise GenerationError(
                f"{broke}: {parent.name} has the rows 0..{parent.rows - 1}, got {block.min()}..{block.max()}"
            )
        rows[start:stop] = block
        if index % RESTED == 0:
            rest([rows])

    for _ in work(fill, blocks(child.rows)):
        pass
