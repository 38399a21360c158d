"""A sampler's batch as tensors on a device.

`from_sampler` is the border between numpy and torch: above it everything is the sampler's arrays, below it
everything is a `TensorBatch`. What only people and scores need (positions, cutoffs, node ids) stays behind in
the sampler's batch.

Shapes: B sequences, S cells of the longest sequence of the batch, L links, U unique texts, W text width.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import evolve, frozen
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel_sampler import AttentionPlan, Batch


class Encoding(IntEnum):
    """The store's five encodings of a cell, by the sampler's numbers; padding is -1."""

    NUMBER = 0
    TEXT = 1
    DATETIME = 2
    BOOLEAN = 3
    CATEGORY = 4


@frozen(eq=False)
class Targets:
    """The true values of some masked cells, N of them; what a head's `loss` and `predict` are given.

    Attributes:
        label: `[N]` f32 standardised value (number, boolean, datetime); 0 for text and category.
        label_vector: `[N, W]` embedding of the true text (text, category); 0 otherwise.
        mean: `[N]` f64; `label * std + mean` is the value in its own unit (microseconds for datetimes, 0 / 1
            for booleans).
        std: `[N]` f64.
    """

    label: Tensor
    label_vector: Tensor
    mean: Tensor
    std: Tensor


@frozen(eq=False)
class TensorBatch:
    """What the model reads of a batch; names and meanings are those of `plurel_sampler.Batch`.

    Attributes:
        value: `[B, S]` f32 standardised value; 0 at text cells, padding and the target.
        encoding: `[B, S]` int64, an `Encoding` or -1 for padding.
        text: `[B, S]` int64 index into `texts`, -1 where the cell is no visible text or category.
        column: `[B, S]` int64 column id, -1 for padding.
        column_text: `[B, S]` int64 index into `texts` of the column's name, -1 for padding.
        row: `[B, S]` int64 row number inside the sequence, -1 for padding.
        is_target: `[B, S]` bool, one cell a sequence.
        links: `[L, 3]` int64 (sequence, child row, parent row).
        texts: `[U, W]` float embeddings of the batch's distinct texts.
        label_encoding: `[B]` int64 encoding of each sequence's target.
        targets: the true values, N = B, in sequence order.
        attention: which cells see which as groups, in numbers of the cells without padding, where the sampler
            planned that and the device attends by groups (a CPU); None where it attends by masks, which
            follow from `column`, `row` and `links` (`plurel_rt.attention.by_groups`).
    """

    value: Tensor
    encoding: Tensor
    text: Tensor
    column: Tensor
    column_text: Tensor
    row: Tensor
    is_target: Tensor
    links: Tensor
    texts: Tensor
    label_encoding: Tensor
    targets: Targets
    attention: AttentionPlan | None = None

    def targets_at(self, sequences: Tensor) -> Targets:
        """The true values of some sequences only.

        Args:
            sequences: `[N]` int64 sequence numbers.
        """
        every = self.targets
        return Targets(
            label=every.label[sequences],
            label_vector=every.label_vector[sequences],
            mean=every.mean[sequences],
            std=every.std[sequences],
        )

    def packed(self) -> TensorBatch:
        """The same without padding: `[B, S]` arrays become `[N]`, the cells of sequence after sequence."""
        present = self.row >= 0
        return evolve(self, **{name: getattr(self, name)[present] for name in OF_CELLS})


OF_CELLS = ("value", "encoding", "text", "column", "column_text", "row", "is_target")
"""The attributes of a `TensorBatch` that have an entry for every cell."""


def from_sampler(
    batch: Batch, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> TensorBatch:
    """Moves a sampler's batch to a device and cuts away the padding that no sequence of it needs.

    Args:
        batch: as it comes from `plurel_sampler.Sampler`.
        device: where the model is.
        dtype: of the text block, the values and the labels; the sampler's bf16 is widened to it.
    """
    length = max(1, int((batch.encoding >= 0).sum(axis=1).max(initial=0)))

    def ids(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array[:, :length], dtype=np.int64)).to(device)

    def vector(array: NDArray[Any], kind: type[np.generic]) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=kind)).to(device)

    texts = torch.from_numpy(np.array(batch.texts).view(np.int16)).view(torch.bfloat16).to(device, dtype)
    label_text = vector(batch.label_text, np.int64)
    return TensorBatch(
        value=torch.from_numpy(np.array(batch.value[:, :length])).to(device, dtype),
        encoding=ids(batch.encoding),
        text=ids(batch.text),
        column=ids(batch.column),
        column_text=ids(batch.column_text),
        row=ids(batch.row),
        is_target=torch.from_numpy(np.array(batch.is_target[:, :length], dtype=bool)).to(device),
        links=torch.from_numpy(np.array(batch.links, dtype=np.int64).reshape(-1, 3)).to(device),
        texts=texts,
        label_encoding=vector(batch.label_encoding, np.int64),
        targets=Targets(
            label=vector(batch.label, np.float32).to(dtype),
            label_vector=texts[label_text.clamp(min=0)] * (label_text >= 0)[:, None],
            mean=vector(batch.label_mean, np.float64),
            std=vector(batch.label_std, np.float64),
        ),
        attention=batch.attention if torch.device(device).type == "cpu" else None,
    )
