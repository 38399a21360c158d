"""Which cells of a batch may look at which, as groups in buckets: the plan that attention on a CPU follows.

The plan comes with every batch; `plan_attention` makes one for arrays that were made or changed by hand. What
attends is not here: a plan knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plurel_sampler._ready import _native

ATTENTION_KINDS = ("column", "feature", "neighbour")
"""The kinds of attention by the numbers that a plan gives them."""


@dataclass(frozen=True, slots=True, eq=False)
class AttentionPlan:
    """Groups of cells that look, each with the cells that all of them see, in buckets of like size.

    There are three kinds of groups: a column's cells see each other (``column``); a row's cells see the
    cells of the row and of its parents (``feature``); a row's cells see those of its children
    (``neighbour``). Every visible pair is in exactly one group of its kind, and every cell looks in one group
    of a kind at most.

    Cells are numbered through the batch, sequence after sequence, padding left out: N of them.

    Attributes:
        buckets: ``[buckets, 4] i32`` kind (an index into ``ATTENTION_KINDS``), groups, queries of each, keys
            of each; kinds in order.
        query: ``[P] i32`` the groups x queries cells of every bucket, bucket after bucket; -1 fills a group.
        key: ``[R] i32`` the groups x keys cells of every bucket, likewise.
        query_place: ``[3, N] i32`` where in ``query`` a cell stands; -1 where it sees nothing.
        key_place: ``[T] i32`` places in ``key`` by kind and cell: the inverse of ``key``.
        key_start: ``[3, N + 1] i32`` where in ``key_place`` the places of a cell begin.
    """

    buckets: NDArray[np.int32]
    query: NDArray[np.int32]
    key: NDArray[np.int32]
    query_place: NDArray[np.int32]
    key_place: NDArray[np.int32]
    key_start: NDArray[np.int32]


def plan_attention(column: ArrayLike, row: ArrayLike, links: ArrayLike) -> AttentionPlan:
    """The plan of a batch whose arrays did not come from a sampler, or were changed since.

    Args:
        column: ``[B, S]`` column id of each cell.
        row: ``[B, S]`` row number inside the sequence, in any order; negative for padding.
        links: ``[L, 3]`` (sequence, child row, parent row); a link that comes twice counts once.

    Raises:
        ValueError: The arrays do not have these shapes.
        ContextError: A link's sequence does not exist.

    >>> plan = plan_attention([[0, 1, 0, -1]], [[0, 0, 1, -1]], [[0, 1, 0]])
    >>> plan.buckets.tolist()  # both columns; the child with its parent, the parent alone; its child
    [[0, 2, 2, 2], [1, 2, 2, 3], [2, 1, 2, 1]]
    """
    columns, rows = np.asarray(column, np.int32), np.asarray(row, np.int32)
    edges = np.asarray(links, np.int32).reshape(-1, 3)
    if columns.ndim != 2 or columns.shape != rows.shape:
        raise ValueError(
            f"columns {columns.shape} and rows {rows.shape}: expected arrays [sequences, cells] of one shape"
        )
    return AttentionPlan(**_native.plan_attention(columns, rows, edges))
