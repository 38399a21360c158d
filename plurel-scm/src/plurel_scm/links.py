"""Which parent row a child row points at: the hierarchical stochastic block model.

Both sides of a foreign key are cut into contiguous blocks of rows; a block's number, written level by level,
says which cluster it belongs to on each level; clusters that match on a level attract each other. The
probability of a parent row is proportional to the product of the affinities over the levels, so it is the
same for all rows of a block: a child row draws the parent's block, then a row inside it, which costs
O(children) instead of O(children * parents). Not here: popularity of parents, or times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws
from plurel.config.params import MOST_CLUSTERS, MOST_LEVELS
from plurel.errors import GenerationError
from plurel.plugins.requests import BLOCK_ROWS
from plurel_scm import _kernel

if TYPE_CHECKING:
    from plurel.plugins.requests import LinkRequest
    from plurel.seeding import Stream

F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]

MATCHING_AFFINITY = 0.9
OTHER_AFFINITY = (0.001, 0.002)
MOST_PAIRS = 1 << 25
"""Most pairs of a child's and a parent's block, 256 MB of probabilities."""


def level_affinity(child_clusters: int, parent_clusters: int, stream: Stream) -> F64:
    """Affinities of one level, `[child clusters, parent clusters]`."""
    low, high = OTHER_AFFINITY
    uniform = _kernel.uniform(stream.key, 0, child_clusters * parent_clusters)
    affinity: F64 = (low + (high - low) * uniform).reshape(child_clusters, parent_clusters)
    diagonal = np.arange(max(child_clusters, parent_clusters))
    affinity[diagonal % child_clusters, diagonal % parent_clusters] = MATCHING_AFFINITY
    return affinity


def chunk_rows(rows: int, blocks: int) -> int:
    """Rows of a contiguous block: all have this many, but the last ones that hold what is left."""
    return max(1, -(-rows // blocks))


def filled_blocks(rows: int, blocks: int) -> int:
    """How many blocks hold a row, at least 1: the first ones."""
    return max(1, -(-rows // chunk_rows(rows, blocks)))


def level_clusters(blocks: int, clusters: Sequence[int], level: int) -> I64:
    """The cluster of each of the first blocks on a level, `[blocks]`: a digit, the first level's slowest."""
    step = math.prod(clusters[level + 1 :])
    if step >= blocks:  # perhaps beyond 64 bits
        return np.zeros(blocks, dtype=np.int64)
    return np.arange(blocks) // step % clusters[level]


def block_sizes(rows: int, blocks: int) -> I64:
    """Rows in each block, `[blocks]`; trailing blocks may be empty."""
    starts = np.minimum(np.arange(blocks + 1) * chunk_rows(rows, blocks), rows)
    return np.diff(starts)


@frozen(eq=False)
class BlockLinks:
    """The links of one foreign key.

    Attributes:
        stream: the key's stream of draws.
        child_rows: rows of the child table.
        child_chunk: child rows of a child block.
        parent_chunk: parent rows of a parent block.
        parent_sizes: rows in each parent block, `[parent blocks]`.
        cumulated: for each child block the distribution function over parent blocks, each row shifted by its
            number so that the flat array ascends: `[child blocks * parent blocks]`.
    """

    stream: Stream
    child_rows: int
    child_chunk: int
    parent_chunk: int
    parent_sizes: I64
    cumulated: F64

    def block(self, index: int) -> I64:
        """Parent row of every row of a block, `[rows] int64`; -1 everywhere where the parent has no row."""
        start = index * BLOCK_ROWS
        rows = np.arange(start, min(start + BLOCK_ROWS, self.child_rows))
        filled = np.count_nonzero(self.parent_sizes)
        if not filled:
            return np.full(len(rows), -1, dtype=np.int64)
        blocks = len(self.parent_sizes)
        child_block = rows // self.child_chunk
        uniform = _kernel.uniform(self.stream.key, index, 2 * len(rows)).reshape(2, -1)
        parent_block: I64 = np.searchsorted(self.cumulated, uniform[0] + child_block, side="right")
        parent_block -= child_block * blocks
        np.minimum(parent_block, filled - 1, out=parent_block)
        inside = (uniform[1] * self.parent_sizes[parent_block]).astype(np.int64)
        parent_rows: I64 = parent_block * self.parent_chunk + inside
        return parent_rows


def _default_levels() -> Choices:
    return Choices(kind="range", value=[1, 5])


def _default_clusters() -> Choices:
    return Choices(kind="range", value=[1, 3])


@frozen(kw_only=True)
class HierarchicalBlocks:
    """Parameters of `hierarchical_blocks`, and the links themselves.

    Attributes:
        levels: number of levels, the same for both sides.
        clusters_per_level: number of clusters of a side on a level.
    """

    levels: Choices = field(factory=_default_levels, validator=Draws(0, MOST_LEVELS, integers=True))
    clusters_per_level: Choices = field(
        factory=_default_clusters, validator=Draws(1, MOST_CLUSTERS, integers=True)
    )

    def plan(self, request: LinkRequest) -> BlockLinks:
        """Draw levels, clusters and affinities of one foreign key.

        Raises:
            GenerationError: for more pairs of blocks than fit into memory.
        """
        stream = request.stream
        levels = range(int(self.levels.draw(stream / "levels")))
        clusters = [
            [int(self.clusters_per_level.draw(stream / f"{side} clusters" / level)) for level in levels]
            for side in ("child", "parent")
        ]
        child_blocks, parent_blocks = (
            filled_blocks(table.rows, math.prod(counts))
            for table, counts in zip((request.child, request.parent), clusters, strict=True)
        )
        if child_blocks * parent_blocks > MOST_PAIRS:
            raise GenerationError(
                f"the links {request.child.name}.{request.foreign_key.column} would have {child_blocks:,} x "
                f"{parent_blocks:,} pairs of blocks, at most {MOST_PAIRS:,} are computed: levels or "
                "clusters_per_level must be smaller"
            )
        affinity: F64 = np.ones((child_blocks, parent_blocks))
        for level in levels:
            child, parent = (counts[level] for counts in clusters)
            affinities = level_affinity(child, parent, stream / "affinities" / level)
            rows = level_clusters(child_blocks, clusters[0], level)
            affinity *= affinities[rows][:, level_clusters(parent_blocks, clusters[1], level)]
        sizes = block_sizes(request.parent.rows, parent_blocks)
        cumulated: F64 = np.cumsum(affinity * sizes, axis=1)
        if request.parent.rows:
            cumulated = cumulated / cumulated[:, -1:]
        cumulated = cumulated + np.arange(child_blocks)[:, None]
        return BlockLinks(
            stream=stream / "draws",
            child_rows=request.child.rows,
            child_chunk=chunk_rows(request.child.rows, child_blocks),
            parent_chunk=chunk_rows(request.parent.rows, parent_blocks),
            parent_sizes=sizes,
            cumulated=cumulated.ravel(),
        )
