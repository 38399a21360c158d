"""Attention over groups of cells, on a CPU: the pairs that are visible are computed, and hardly any other.

The sampler plans which cells look at which (`plurel_sampler.AttentionPlan`): groups of queries with the keys
that all of them see, in buckets of like size. Here a plan becomes rows of tables `[N H, E]` (a row for every
cell and head), and a bucket two batched matrix products between what is gathered from them. The gradient is
written out: nothing that is gathered or scored is kept for it, and keys that many groups see are summed
through the plan's inverse list. Which cells see which is not decided here.

Shapes: N cells, H heads, E = width of a head; a bucket has G groups of Q queries and K keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel_sampler import AttentionPlan

    Ints = NDArray[np.int32]

SCORES = 1 << 22
"""Scores of a kind that are kept for the gradient at most, 16 MB of f32: where there are more, they are
computed again. A bucket with more (one group's: a long column's) goes through its queries in parts."""


@frozen(eq=False)
class Bucket:
    """One bucket's rows in the tables, for every group and head.

    Attributes:
        queries: Q.
        keys: K.
        query: `[G H Q]` int32 rows, any row for padding.
        key: `[G H K]` int32 rows, likewise.
        bias: `[G H, 1, K]` float, 0 and at padding -inf; None where no group is padded with keys.
        idle: int64 numbers among the G H Q queries of those that are padding; None where there are none.
    """

    queries: int
    keys: int
    query: Tensor
    key: Tensor
    bias: Tensor | None
    idle: Tensor | None


@frozen(eq=False)
class KindGroups:
    """The groups of one kind of attention.

    Attributes:
        buckets: in the plan's order.
        query_rows: sum of G H Q over the buckets.
        key_rows: sum of G H K.
        scores: sum of G H Q K.
        query_place: `[N H]` int32, where among all buckets' queries a row of the table stands; `query_rows`
            where it sees nothing.
        key_place: int32 places among all buckets' keys, by row of the table.
        key_start: `[N H + 1]` int32, where in `key_place` the places of a row begin.
    """

    buckets: tuple[Bucket, ...]
    query_rows: int
    key_rows: int
    scores: int
    query_place: Tensor
    key_place: Tensor
    key_start: Tensor


@frozen(eq=False)
class Groups:
    """A plan for a number of heads, made once a batch and used by every block.

    Attributes:
        of_kind: in the order of `plurel_rt.attention.KINDS`.
    """

    of_kind: tuple[KindGroups, ...]


def groups_of(plan: AttentionPlan, heads: int, dtype: torch.dtype = torch.float32) -> Groups:
    """A sampler's plan as rows of tables `[N H, E]`.

    Args:
        plan: as it comes with a batch.
        heads: H.
        dtype: of the queries, keys and values.
    """
    kinds = plan.buckets[:, 0]
    sizes = {"query": plan.buckets[:, 1] * plan.buckets[:, 2], "key": plan.buckets[:, 1] * plan.buckets[:, 3]}
    of_kind = []
    for kind in range(len(plan.query_place)):
        table = plan.buckets[kinds == kind, 1:]
        first = {side: int(size[kinds < kind].sum()) for side, size in sizes.items()}
        query = _Rows(plan.query[first["query"] :], table[:, 0], table[:, 1], heads)
        key = _Rows(plan.key[first["key"] :], table[:, 0], table[:, 2], heads)
        start = plan.key_start[kind]
        key_place, key_start = key.inverse(
            plan.key_place[start[0] : start[-1]] - first["key"], start - start[0]
        )
        of_kind.append(
            KindGroups(
                buckets=tuple(_buckets(table.tolist(), query, key, dtype)),
                query_rows=len(query.rows),
                key_rows=len(key.rows),
                scores=heads * int(table.astype(np.int64).prod(axis=1).sum()),
                query_place=query.places(plan.query_place[kind] - first["query"]),
                key_place=key_place,
                key_start=key_start,
            )
        )
    return Groups(of_kind=tuple(of_kind))


class _Rows:
    """One side of a kind's groups: cells spread to (cell, head) rows, and where each went.

    Attributes:
        rows: `[P H]` int32 row of the table at each place, by bucket, group, head and number; below 0 for
            padding.
        place: `[P, H]` int32 where in `rows` the heads of a place of cells are.
    """

    def __init__(self, cells: Ints, groups: Ints, sizes: Ints, heads: int) -> None:
        counts = groups * sizes
        total = int(counts.sum())
        size = np.repeat(sizes, counts)
        start = np.repeat(np.cumsum(counts, dtype=np.int32) - counts, counts)
        number = np.arange(total, dtype=np.int32) - start
        first = start * heads + number + number // size * size * (heads - 1)
        self.heads = np.arange(heads, dtype=np.int32)
        self.place = first[:, None] + size[:, None] * self.heads
        self.rows = np.empty(total * heads, np.int32)
        self.rows[self.place] = cells[:total, None] * heads + self.heads

    def places(self, of_cells: Ints) -> Tensor:
        """`[N]` place of each cell, below 0 for none -> `[N H]` place of each row, `len(rows)` for none."""
        missing = len(self.rows)
        padded = np.concatenate([self.place, np.full((1, len(self.heads)), missing, np.int32)])
        return torch.from_numpy(padded[np.maximum(of_cells, -1)].reshape(-1))

    def inverse(self, of_cells: Ints, starts: Ints) -> tuple[Tensor, Tensor]:
        """Places by cell (`of_cells`, beginning at `starts`) as places by row, and where each row's begin."""
        heads = len(self.heads)
        counts = np.diff(starts)
        row_starts = starts[:-1, None] * heads + counts[:, None] * self.heads  # [N, H]
        rank = np.arange(len(of_cells), dtype=np.int32) - np.repeat(starts[:-1], counts)
        spread = np.empty(len(of_cells) * heads, np.int32)
        spread[np.repeat(row_starts, counts, axis=0) + rank[:, None]] = self.place[of_cells]
        ends = np.array([len(spread)], np.int32)
        return torch.from_numpy(spread), torch.from_numpy(np.concatenate([row_starts.reshape(-1), ends]))


def _buckets(table: list[list[int]], query: _Rows, key: _Rows, dtype: torch.dtype) -> Iterator[Bucket]:
    """A bucket for each line (groups, queries, keys) of the table."""
    heads = len(query.heads)
    at_query = at_key = 0
    for groups, queries, keys in table:
        looking = query.rows[at_query : at_query + groups * heads * queries]
        seen = key.rows[at_key : at_key + groups * heads * keys]
        at_query, at_key = at_query + len(looking), at_key + len(seen)
        bias = idle = None
        if (seen < 0).any():
            hidden = torch.from_numpy(seen < 0).view(groups * heads, 1, keys)
            bias = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -torch.inf)
        if (looking < 0).any():
            idle = torch.from_numpy(np.flatnonzero(looking < 0))
        yield Bucket(
            queries=queries,
            keys=keys,
            query=torch.from_numpy(np.maximum(looking, 0)),
            key=torch.from_numpy(np.maximum(seen, 0)),
            bias=bias,
            idle=idle,
        )


def attend_in_groups(query: Tensor, key: Tensor, value: Tensor, groups: KindGroups) -> Tensor:
    """Scaled dot-product attention of every group's queries to its keys; scale 1 / sqrt(E).

    Args:
        query: `[N, H, E]`.
        key: likewise.
        value: likewise.
        groups: for the same N and H.

    Returns:
        `[N, H, E]`; exactly 0, and a gradient of exactly 0, for a query in no group.
    """
    mixed: Tensor = _Attend.apply(query, key, value, groups)
    return mixed


class _Attend(torch.autograd.Function):
    """O = W V with W = softmax(s Q K'): dV = W' dO, dS = W (dO V' - sum(dO O)), dQ = s dS K, dK = s dS' Q.

    Under autocast everything is f32: queries and keys come so from their norms, and values are widened.
    """

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, groups: KindGroups) -> Tensor:
        queries, keys, values = (_table(tensor) for tensor in (query, key, value))
        mixed = queries.new_empty(groups.query_rows + 1, queries.shape[1])
        mixed[-1] = 0.0  # what a query in no group gets
        kept: list[Tensor] = []
        start = 0
        for bucket in groups.buckets:
            q = _gather(queries, bucket.query, bucket.queries)
            k, v = (_gather(table, bucket.key, bucket.keys) for table in (keys, values))
            out = mixed[start : start + len(bucket.query)].view_as(q)
            start += len(bucket.query)
            for part in _parts(bucket):
                weights = _weights(q[:, part], k, bucket)
                torch.bmm(weights, v, out=out[:, part])
                if groups.scores <= SCORES:
                    kept.append(weights)
        out = mixed.index_select(0, groups.query_place).view(query.shape)
        ctx.save_for_backward(query, key, value, out, *kept)
        ctx.groups = groups
        return out

    @staticmethod
    @custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        groups: KindGroups = ctx.groups
        query, key, value, out, *kept = ctx.saved_tensors
        queries, keys, values, of_out = (_table(tensor) for tensor in (query, key, value, gradient))
        along = (gradient * out).sum(-1).neg_().view(-1, 1)
        scale = queries.shape[1] ** -0.5
        of_queries = queries.new_empty(groups.query_rows + 1, queries.shape[1])
        of_queries[-1] = 0.0
        of_keys = keys.new_empty(groups.key_rows, keys.shape[1])
        of_values = keys.new_empty(groups.key_rows, keys.shape[1])
        query_start = key_start = 0
        for number, bucket in enumerate(groups.buckets):
            q, dout, dot = (_gather(t, bucket.query, bucket.queries) for t in (queries, of_out, along))
            k, v = (_gather(table, bucket.key, bucket.keys) for table in (keys, values))
            dq = of_queries[query_start : query_start + len(bucket.query)].view_as(q)
            dk, dv = (
                table[key_start : key_start + len(bucket.key)].view_as(k) for table in (of_keys, of_values)
            )
            query_start, key_start = query_start + len(bucket.query), key_start + len(bucket.key)
            for part in _parts(bucket):
                weights = kept[number] if kept else _weights(q[:, part], k, bucket)
                dscores = torch.baddbmm(dot[:, part], dout[:, part], v.mT).mul_(weights)
                torch.baddbmm(dq[:, part], dscores, k, beta=0, alpha=scale, out=dq[:, part])
                beta = 0 if part.start == 0 else 1  # the parts of a group add up in its keys
                torch.baddbmm(dv, weights.mT, dout[:, part], beta=beta, out=dv)
                torch.baddbmm(dk, dscores.mT, q[:, part], beta=beta, alpha=scale, out=dk)
        return (
            of_queries.index_select(0, groups.query_place).view(query.shape),
            _scatter(of_keys, groups).view(key.shape),
            _scatter(of_values, groups).view(value.shape),
            None,
        )


def _table(tensor: Tensor) -> Tensor:
    """`[N, H, E]` -> `[N H, E]`."""
    return tensor.reshape(-1, tensor.shape[-1])


def _gather(table: Tensor, rows: Tensor, size: int) -> Tensor:
    """`[N H, E]` -> `[G H, size, E]`."""
    return table.index_select(0, rows).view(-1, size, table.shape[1])


def _scatter(gathered: Tensor, groups: KindGroups) -> Tensor:
    """Sums over the places of each row: `[key rows, E]` -> `[N H, E]`."""
    return functional.embedding_bag(
        groups.key_place, gathered, groups.key_start, mode="sum", include_last_offset=True
    )


def _parts(bucket: Bucket) -> list[slice]:
    """Queries that are computed at once: all, but for a bucket whose one group is very large."""
    size = max(1, SCORES // len(bucket.key))
    return [slice(start, start + size) for start in range(0, bucket.queries, size)]


def _weights(query: Tensor, key: Tensor, bucket: Bucket) -> Tensor:
    """Softmax of the scaled scores, `[G H, Q, K]`; 0 at padding on both sides."""
    scale = query.shape[-1] ** -0.5
    bias, beta = (query.new_zeros(1, 1, 1), 0) if bucket.bias is None else (bucket.bias, 1)
    weights = torch.softmax(torch.baddbmm(bias, query, key.mT, beta=beta, alpha=scale), dim=-1)
    if bucket.idle is not None:
        weights.view(-1, weights.shape[-1]).index_fill_(0, bucket.idle, 0.0)
    return weights
