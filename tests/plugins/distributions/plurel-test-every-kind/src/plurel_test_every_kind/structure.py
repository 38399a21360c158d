"""Who points at whom, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen, validators

from plurel.graph import Dag
from plurel.plugins.requests import BLOCK_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest, LinkRequest, TimelineRequest
    from plurel.seeding import Stream


@frozen(kw_only=True)
class ChainParams:
    """Parameters of `chain`.

    Attributes:
        jumps: chance that a node also has the node before its parent as a parent.
    """

    jumps: float = field(default=0.25, validator=[validators.ge(0), validators.le(1)])


@frozen
class Chain:
    """All nodes on one path in a drawn order."""

    params: ChainParams

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A path, with jumps."""
        generator = stream.generator()
        order = generator.permutation(request.nodes)
        jumping = np.flatnonzero(generator.random(max(request.nodes - 2, 0)) < self.params.jumps)
        path = np.stack([order[:-1], order[1:]], axis=1)
        jumps = np.stack([order[jumping], order[jumping + 2]], axis=1)
        return Dag(nodes=request.nodes, edges=np.concatenate([path, jumps]))


@frozen(kw_only=True)
class PopularParams:
    """Parameters of `popular`.

    Attributes:
        exponent: how steeply popularity falls with the parent's rank.
    """

    exponent: float = field(default=1.0, validator=validators.ge(0))


@frozen
class Popular:
    """A parent's chance of a child falls with its rank."""

    params: PopularParams

    def plan(self, request: LinkRequest) -> PopularPlan:
        """Draw the ranks."""
        ranks = (request.stream / "ranks").generator().permutation(request.parent.rows)
        shares = np.cumsum((1.0 + ranks) ** -self.params.exponent)
        return PopularPlan(shares / shares[-1], request.child.rows, request.stream / "rows")


@frozen(eq=False)
class PopularPlan:
    """Shares of the parents, added up."""

    shares: NDArray[np.float64]
    rows: int
    stream: Stream

    def block(self, index: int) -> NDArray[np.int64]:
        """Parent rows of a block."""
        rows = min(BLOCK_ROWS, self.rows - index * BLOCK_ROWS)
        drawn = np.searchsorted(self.shares, self.stream.generator(index).random(rows), side="right")
        return np.minimum(drawn, len(self.shares) - 1).astype(np.int64)


class UniformTimes:
    """Independent moments."""

    def draw(self, request: TimelineRequest) -> NDArray[np.int64]:
        """Ascending times of the rows."""
        drawn = request.stream.generator().integers(request.start, request.stop + 1, request.table.rows)
        return np.sort(drawn)
