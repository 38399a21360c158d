"""A torch model over contexts, and a head."""

from __future__ import annotations

import torch
from attrs import field, frozen, validators
from torch import Tensor, nn

from plurel.plugins import CHOOSES, get_ledger
from plurel_rt.batch import Encoding, Targets, TensorBatch
from plurel_rt.heads import HeadConfig, ValueHead


@frozen(kw_only=True)
class PooledParams:
    """Parameters of `pooled`.

    Attributes:
        dim: width of a hidden state.
        decoders: names of the contributed heads, one for every encoding.
        text_width: width of the embedder's vectors; a run sets it.
        seed: of the initial weights; a run sets it.
    """

    dim: int = field(default=32, validator=validators.ge(1))
    decoders: tuple[str, ...] = field(default=("absolute", "boolean", "text"), metadata={CHOOSES: "heads"})
    text_width: int = field(default=256, validator=validators.ge(1))
    seed: int = 0


class Pooled(nn.Module):
    """The mean over a context's cells beside the target's column name, through one hidden layer."""

    def __init__(self, params: PooledParams) -> None:
        super().__init__()
        sizes = {"dim": params.dim, "text_width": params.text_width}
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(params.seed)
            self.name = nn.Linear(params.text_width, params.dim)
            self.value = nn.Linear(1, params.dim)
            self.hidden = nn.Linear(2 * params.dim, params.dim)
            entries = [get_ledger().find("heads", name) for name in params.decoders]
            self.heads = nn.ModuleList([entry.build(sizes) for entry in entries])
        self.answers = [
            [int(Encoding[encoding.upper()]) for encoding in entry.record.encodings] for entry in entries
        ]

    def encode(self, batch: TensorBatch) -> Tensor:
        """Hidden states of the target cells, `[B, dim]`."""
        names = self.name(batch.texts)[batch.column_text.clamp(min=0)]  # [B, S, dim]
        cells = torch.relu(names * (1 + self.value(batch.value[..., None])))
        seen = ((batch.encoding >= 0) & ~batch.is_target)[..., None]
        mean = (cells * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
        return torch.relu(self.hidden(torch.cat([mean, names[batch.is_target]], dim=-1)))

    def forward(self, batch: TensorBatch) -> Tensor:
        """Losses, `[B]`."""
        hidden = self.encode(batch)
        losses = hidden.new_zeros(len(hidden))
        for head, own in self._shared_out(batch):
            losses[own] = head.loss(hidden[own], batch.targets_at(own))
        return losses

    def predict(self, batch: TensorBatch) -> Tensor:
        """Values in their own units, `[B]` f64."""
        hidden = self.encode(batch)
        values = torch.zeros(len(hidden), dtype=torch.float64)
        for head, own in self._shared_out(batch):
            values[own] = head.predict(hidden[own], batch.targets_at(own))
        return values

    def _shared_out(self, batch: TensorBatch) -> list[tuple[nn.Module, Tensor]]:
        """Each head with the sequences that it answers for."""
        shares = [
            (head, torch.isin(batch.label_encoding, torch.tensor(answers)).nonzero()[:, 0])
            for head, answers in zip(self.heads, self.answers, strict=True)
        ]
        return [(head, own) for head, own in shares if len(own)]


class AbsoluteHead(ValueHead):
    """A number or a moment; the loss is the absolute error of the standardised value."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)

    def loss(self, hidden: Tensor, targets: Targets) -> Tensor:
        """`[N]`."""
        return (self(hidden)[:, 0] - targets.label).abs()
