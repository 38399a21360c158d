"""The rows of a finished table, made in pieces from its values, its structure and its finish.

Not here: writing them (`plurel.relbench_io`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from plurel.generation.scratch import rest
from plurel.pieces import Pieces, in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.generation.finish import Finish
    from plurel.generation.structure import Structure
    from plurel.pieces import Work
    from plurel.schema import Table


def finished_rows(
    table: Table,
    structure: Structure,
    values: Mapping[str, NDArray[Any]],
    finish: Finish,
    work: Work = in_order,
) -> Pieces:
    """A table as people read it: primary key, foreign keys, features, time.

    Args:
        table: its schema; the features may include those that were dropped.
        structure: keys and times of the database.
        values: its values as the table model made them, `[rows]` each.
        finish: how its columns end.
        work: what makes the pieces.
    """
    ends = [table.primary_key], [key.column for key in table.foreign_keys], [table.time_column]
    key, links, time = ([name for name in names if name is not None] for names in ends)
    return Pieces(
        columns=(*key, *links, *finish.kept, *time),
        stop=table.rows,
        read=partial(_read, table, structure, values, finish),
        work=work,
    )


def _read(
    table: Table,
    structure: Structure,
    values: Mapping[str, NDArray[Any]],
    finish: Finish,
    start: int,
    stop: int,
    names: Sequence[str],
) -> pd.DataFrame:
    links, times, kept = structure.links[table.name], structure.times.get(table.name), finish.kept
    columns: dict[str, Any] = {}
    for name in names:
        if name == table.primary_key:
            columns[name] = np.arange(start, stop, dtype=np.int64)
        elif name in links:
            rows = links[name][start:stop]
            columns[name] = pd.arrays.IntegerArray(np.where(rows < 0, 0, rows), rows < 0)
        elif name == table.time_column and times is not None:
            columns[name] = times[start:stop].astype("datetime64[us]")
        else:
            columns[name] = kept[name].apply(values[name][start:stop], start)
    rest([*links.values(), *values.values(), *([] if times is None else [times])])
    return pd.DataFrame(columns)
