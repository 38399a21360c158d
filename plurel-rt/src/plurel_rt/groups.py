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

import torch
from attrs import frozen
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

if TYPE_CHECKING:
    from plurel_sampler import AttentionPlan

SCORES = 1 << 22
"""Scores that are in memory at once, 16 MB of f32; a group with more (a long column's) goes through its
queries in parts. The sampler keeps the buckets of smaller groups below it."""


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
        query_place: `[N H]` int32, where among all buckets' queries a row of the table stands; `query_rows`
            where it sees nothing.
        key_place: int32 places among all buckets' keys, by row of the table.
        key_start: `[N H + 1]` int32, where in `key_place` the places of a row begin.
    """

    buckets: tuple[Bucket, ...]
    query_rows: int
    key_rows: int
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
    kinds = len(plan.query_place)
    rows = [_Rows(plan, kind, heads, dtype) for kind in range(kinds)]
    return Groups(of_kind=tuple(of_kind.groups() for of_kind in rows))


class _Rows:
    """Turns places of cells into places of (cell, head) rows, for one kind."""

    def __init__(self, plan: AttentionPlan, kind: int, heads: int, dtype: torch.dtype) -> None:
        table = plan.buckets
        sizes = {"query": table[:, 1] * table[:, 2], "key": table[:, 1] * table[:, 3]}
        before, upto = (int((table[:, 0] < limit).sum()) for limit in (kind, kind + 1))
        self.first = {side: int(size[:before].sum()) for side, size in sizes.items()}
        self.table = table[before:upto, 1:].tolist()
        self.cells = {
            side: torch.from_numpy(getattr(plan, side))[start : start + int(sizes[side][before:upto].sum())]
            for side, start in self.first.items()
        }
        self.query_place = torch.from_numpy(plan.query_place[kind])
        self.key_start = torch.from_numpy(plan.key_start[kind])
        self.key_place = torch.from_numpy(plan.key_place)[int(self.key_start[0]) : int(self.key_start[-1])]
        self.heads = torch.arange(heads, dtype=torch.int32)
        self.dtype = dtype

    def groups(self) -> KindGroups:
        heads = len(self.heads)
        key_place, key_start = self._key_places()
        return KindGroups(
            buckets=tuple(self._buckets()),
            query_rows=heads * len(self.cells["query"]),
            key_rows=heads * len(self.cells["key"]),
            query_place=self._query_places(),
            key_place=key_place,
            key_start=key_start,
        )

    def _buckets(self) -> Iterator[Bucket]:
        heads = len(self.heads)
        at_query = at_key = 0
        for groups, queries, keys in self.table:
            query = self.cells["query"][at_query : at_query + groups * queries].view(groups, 1, queries)
            key = self.cells["key"][at_key : at_key + groups * keys].view(groups, 1, keys)
            at_query, at_key = at_query + groups * queries, at_key + groups * keys
            of_query, of_key = (cells * heads + self.heads[:, None] for cells in (query, key))
            hidden = of_key < 0
            bias = torch.zeros(hidden.shape, dtype=self.dtype).masked_fill_(hidden, -torch.inf)
            idle = (of_query < 0).flatten().nonzero()[:, 0]
            yield Bucket(
                queries=queries,
                keys=keys,
                query=of_query.clamp_(min=0).flatten(),
                key=of_key.clamp_(min=0).flatten(),
                bias=bias.flatten(0, 1)[:, None] if hidden.any() else None,
                idle=idle if len(idle) else None,
            )

    def _row_places(self, side: str) -> tuple[Tensor, Tensor]:
        """For each place of a cell: the place of its row of head 0, and how far on the next head's is."""
        places, strides = [], []
        start, heads = 0, len(self.heads)
        for groups, *sizes in self.table:
            size = sizes[side == "key"]
            first = start + torch.arange(groups, dtype=torch.int32)[:, None] * (heads * size)
            places.append((first + torch.arange(size, dtype=torch.int32)).flatten())
            strides.append(torch.full((groups * size,), size, dtype=torch.int32))
            start += groups * heads * size
        empty = [torch.zeros(0, dtype=torch.int32)]
        return torch.cat(places or empty), torch.cat(strides or empty)

    def _query_places(self) -> Tensor:
        places, strides = self._row_places("query")
        sees = self.query_place >= 0
        cell_place = self.query_place[sees] - self.first["query"]
        out = torch.full((len(sees), len(self.heads)), len(self.heads) * len(places), dtype=torch.int32)
        out[sees] = places[cell_place][:, None] + strides[cell_place][:, None] * self.heads
        return out.flatten()

    def _key_places(self) -> tuple[Tensor, Tensor]:
        """The inverse list, spread from cells to rows: a cell's places come once for each head."""
        heads = len(self.heads)
        places, strides = self._row_places("key")
        cell_place = self.key_place - self.first["key"]
        of_heads = places[cell_place][:, None] + strides[cell_place][:, None] * self.heads  # [T, H]
        start = self.key_start - self.key_start[0]
        count = start.diff()
        row_start = torch.cat([(start[:-1] * heads)[:, None] + count[:, None] * self.heads]).flatten()
        cell = torch.repeat_interleave(torch.arange(len(count)), count)
        rank = torch.arange(len(cell)) - start[cell]
        slot = row_start.view(-1, heads)[cell] + rank[:, None]
        spread = torch.empty(of_heads.numel(), dtype=torch.int32)
        spread[slot.flatten().long()] = of_heads.flatten()
        return spread, torch.cat([row_start, row_start.new_tensor([len(spread)])])


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
    """O = W V with W = softmax(s Q K'): dV = W' dO, dS = W (dO V' - sum(dO O)), dQ = s dS K, dK = s dS' Q."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, groups: KindGroups) -> Tensor:
        queries, keys, values = (_table(tensor) for tensor in (query, key, value))
        mixed = queries.new_empty(groups.query_rows + 1, queries.shape[1])
        mixed[-1] = 0.0  # what a query in no group gets
        start = 0
        for bucket in groups.buckets:
            q = _gather(queries, bucket.query, bucket.queries)
            k, v = (_gather(table, bucket.key, bucket.keys) for table in (keys, values))
            out = mixed[start : start + len(bucket.query)].view_as(q)
            start += len(bucket.query)
            for part in _parts(q, k):
                torch.bmm(_weights(q[:, part], k, bucket), v, out=out[:, part])
        out = mixed.index_select(0, groups.query_place).view(query.shape)
        ctx.save_for_backward(query, key, value, out)
        ctx.groups = groups
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        groups: KindGroups = ctx.groups
        query, key, value, out = ctx.saved_tensors
        queries, keys, values, of_out = (_table(tensor) for tensor in (query, key, value, gradient))
        along = (gradient * out).sum(-1).neg_().view(-1, 1)
        scale = queries.shape[1] ** -0.5
        of_queries = queries.new_empty(groups.query_rows + 1, queries.shape[1])
        of_queries[-1] = 0.0
        of_keys = keys.new_zeros(groups.key_rows, keys.shape[1])
        of_values = keys.new_zeros(groups.key_rows, keys.shape[1])
        query_start = key_start = 0
        for bucket in groups.buckets:
            q, dout, dot = (_gather(t, bucket.query, bucket.queries) for t in (queries, of_out, along))
            k, v = (_gather(table, bucket.key, bucket.keys) for table in (keys, values))
            dq = of_queries[query_start : query_start + len(bucket.query)].view_as(q)
            dk, dv = (
                table[key_start : key_start + len(bucket.key)].view_as(k) for table in (of_keys, of_values)
            )
            query_start, key_start = query_start + len(bucket.query), key_start + len(bucket.key)
            for part in _parts(q, k):
                weights = _weights(q[:, part], k, bucket)
                dv.baddbmm_(weights.mT, dout[:, part])
                dscores = torch.baddbmm(dot[:, part], dout[:, part], v.mT).mul_(weights)
                torch.baddbmm(dq[:, part], dscores, k, beta=0, alpha=scale, out=dq[:, part])
                dk.baddbmm_(dscores.mT, q[:, part], alpha=scale)
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


def _parts(query: Tensor, key: Tensor) -> list[slice]:
    """Queries that are computed at once: all, but for a bucket whose one group is very large."""
    queries = query.shape[1]
    size = max(1, SCORES // (key.shape[0] * key.shape[1]))
    return [slice(start, start + size) for start in range(0, queries, size)]


def _weights(query: Tensor, key: Tensor, bucket: Bucket) -> Tensor:
    """Softmax of the scaled scores, `[G H, Q, K]`; 0 at padding on both sides."""
    scale = query.shape[-1] ** -0.5
    bias, beta = (query.new_zeros(1, 1, 1), 0) if bucket.bias is None else (bucket.bias, 1)
    weights = torch.softmax(torch.baddbmm(bias, query, key.mT, beta=beta, alpha=scale), dim=-1)
    if bucket.idle is not None:
        weights.view(-1, weights.shape[-1]).index_fill_(0, bucket.idle, 0.0)
    return weights
