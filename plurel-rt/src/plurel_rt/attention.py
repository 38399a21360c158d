"""Who attends to whom in a context, and the one function that attends.

`Structure` says which cells a cell may look at, for each of the three kinds of attention, in one of two
forms: groups of cells (`plurel_rt.groups`, what a CPU attends by) or dense masks (here; other devices, short
contexts, and the oracle of the tests). `attend` is the only place that turns queries, keys and values into an
output, so it is where another backend goes. Projections and norms live in `plurel_rt.model`.

Shapes: B sequences, S cells a sequence, R rows a sequence, H heads, E = dim / H. A structure says how its
cells are laid out, `[*cells]`: `[B, S]` with padding for masks, `[N]` without for groups.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from attrs import field, frozen
from torch import Tensor
from torch.nn import functional

from plurel_rt.groups import Groups, attend_in_groups

MASKED_CELLS = 80
"""Contexts of so many cells at most are attended to by masks on a CPU too: there is little to leave out, and
groups cost more than they save. Measured with the models of the shipped recipes: masks are 1.25 times as fast
at 32 cells and as fast at 96; groups are 1.1 to 1.3 times as fast at 128 and 5 times at 1024."""

Kind = Literal["column", "feature", "neighbour"]
"""`column`: cells of the same column of the same table. `feature`: cells of the query's own row and of the
rows it points at (its parents). `neighbour`: cells of the rows that point at the query's row (its
children); a row that points at itself is one of its own."""

KINDS: tuple[Kind, ...] = get_args(Kind)


@frozen(eq=False)
class Masks:
    """The visible pairs of a batch as dense masks, and for each kind the queries that see any key at all.

    Attributes:
        bias: kind -> `[B, 1, S, S]` float, 0 where the query (third axis) may see the key (last axis) and
            -inf where not; a query that sees nothing has a row of zeros here (so that its softmax is finite)
            and False in `sees`.
        sees: kind -> `[B, 1, S, 1]` bool.
    """

    bias: dict[Kind, Tensor] = field(repr=False)
    sees: dict[Kind, Tensor] = field(repr=False)


Structure = Groups | Masks
"""The visible pairs of a batch, in the form that its device attends by."""


def by_groups(device: torch.device, cells: int) -> bool:
    """Whether contexts are attended to by groups, which the sampler then has to plan; by masks otherwise.

    Args:
        device: where the model is.
        cells: of a context at most. What a batch holds does not matter: a run has one form throughout.
    """
    return device.type == "cpu" and cells > MASKED_CELLS


def visible_pairs(column: Tensor, row: Tensor, links: Tensor) -> dict[Kind, Tensor]:
    """Says which cell may look at which, for every kind of attention.

    Args:
        column: `[B, S]` column id of each cell (of one table only), -1 for padding.
        row: `[B, S]` row number inside the sequence, -1 for padding.
        links: `[L, 3]` (sequence, child row, parent row), any number of foreign keys a row.

    Returns:
        kind -> `[B, S, S]` bool, `[b, query, key]`; padding is False on both sides.

    Source:
        The masks of the Relational Transformer (Ranjan et al., 2025).
    """
    sequences = row.shape[0]
    rows = int(row.max()) + 1 if row.numel() else 0
    points_at = torch.zeros(sequences, rows, rows, dtype=torch.bool, device=row.device)
    points_at[links[:, 0], links[:, 1], links[:, 2]] = True
    itself = torch.eye(rows, dtype=torch.bool, device=row.device)

    present = row >= 0
    both = present[:, :, None] & present[:, None, :]
    return {
        "column": both & (column[:, :, None] == column[:, None, :]),
        "feature": both & _of_cells(points_at | itself, row),
        "neighbour": both & _of_cells(points_at.transpose(1, 2), row),
    }


def _of_cells(of_rows: Tensor, row: Tensor) -> Tensor:
    """A relation between rows `[B, R, R]` as one between their cells `[B, S, S]` (padding: any value)."""
    index = row.clamp(min=0)
    sequence = torch.arange(row.shape[0], device=row.device)[:, None, None]
    return of_rows[sequence, index[:, :, None], index[:, None, :]]


def dense_masks(pairs: dict[Kind, Tensor], dtype: torch.dtype = torch.float32) -> Masks:
    """The masks in the form that `attend` reads, made once a batch and used by every block.

    Args:
        pairs: what `visible_pairs` returns.
        dtype: the dtype of the queries, keys and values.
    """
    bias, sees = {}, {}
    for kind, mask in pairs.items():
        any_key = mask.any(dim=-1, keepdim=True)
        hidden = any_key & ~mask
        zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        bias[kind] = zeros.masked_fill_(hidden, -torch.inf)[:, None]
        sees[kind] = any_key[:, None]
    return Masks(bias=bias, sees=sees)


def attend(query: Tensor, key: Tensor, value: Tensor, structure: Structure, kind: Kind) -> Tensor:
    """Scaled dot-product attention over the pairs that `kind` makes visible; scale 1 / sqrt(E).

    Args:
        query: `[*cells, H, E]`.
        key: likewise.
        value: likewise.
        structure: the batch's structure, of the same cells and dtype (groups: of the same H).
        kind: which of its pairs.

    Returns:
        `[*cells, H, E]`. A query that sees no key gets exactly 0 and sends back a gradient of exactly 0.
    """
    if isinstance(structure, Groups):
        return attend_in_groups(query, key, value, structure.of_kind[KINDS.index(kind)])
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=structure.bias[kind])
    return mixed.masked_fill(~structure.sees[kind], 0.0).transpose(1, 2)
