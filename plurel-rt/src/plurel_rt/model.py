"""The Relational Transformer, variant `rt-plurel`: cells as tokens, one masked cell predicted.

Reads from top to bottom. Which cells see which is `plurel_rt.attention`; what a prediction is worth is
`plurel_rt.heads`; training is `plurel_rt.trainer`. Parameter names are those of the published PluRel
checkpoints.

Shapes:
    B  sequences of a batch               D  dim, the width of a token
    S  cells of a sequence                H  attention heads, each E = D / H wide
    *cells  B, S with padding, or all cells of the batch without: as the device attends
    U  distinct texts of a batch          W  width of a text embedding
    F  ff, the inner width of SwiGLU

Source: Ranjan et al., "Relational Transformer" (2025); PluRel, arXiv 2602.04029.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from attrs import field, frozen
from torch import Tensor, nn
from torch.nn import functional

from plurel.config import Within
from plurel.plugins import CHOOSES, Entry
from plurel_rt.attention import Kind, Structure, attend, dense_masks, visible_pairs
from plurel_rt.batch import Encoding, TensorBatch
from plurel_rt.groups import groups_of
from plurel_rt.heads import BooleanHead, DatetimeHead, Head, HeadConfig, NumberHead, TextHead
from plurel_rt.norms import RMSNorm

ENCODER_OF = {
    Encoding.NUMBER: "number",
    Encoding.TEXT: "text",
    Encoding.DATETIME: "datetime",
    Encoding.BOOLEAN: "boolean",
    Encoding.CATEGORY: "text",
}
"""Which encoder, norm and mask embedding a cell uses: categories are read as texts."""

SCALAR = (Encoding.NUMBER, Encoding.DATETIME, Encoding.BOOLEAN)

BUILTIN_HEADS: dict[str, tuple[str, ...]] = {
    "number": ("number",),
    "datetime": ("datetime",),
    "boolean": ("boolean",),
    "text": ("text", "category"),
}
"""The heads of the published model and the encodings that they answer for."""

KIND_KEYS: dict[str, Kind] = {"col": "column", "feat": "feature", "nbr": "neighbour"}
"""Published parameter names of the three attentions, in the order in which a block runs them."""


MOST_BLOCKS = 1024
MOST_WIDTH = 65_536
"""Sizes beyond which a model is a mistake: making it would take all memory."""


@frozen(kw_only=True)
class ModelConfig:
    """An `rt-plurel` before training. The defaults are the published size (19.2 million parameters).

    Attributes:
        dim: D, width of a token.
        depth: number of blocks.
        heads: H, attention heads; divides `dim`.
        ff: F, inner width of SwiGLU.
        text_width: W, width of the embedder's vectors; a training run sets it to that of its stores.
        seed: of the initial parameters; a training run derives it from its own.
        decoders: names of the contributed heads, one for every encoding.
    """

    dim: int = field(default=256, validator=Within(1, MOST_WIDTH, integers=True))
    depth: int = field(default=12, validator=Within(1, MOST_BLOCKS, integers=True))
    heads: int = field(default=8, validator=Within(1, MOST_WIDTH, integers=True))
    ff: int = field(default=1024, validator=Within(1, MOST_WIDTH, integers=True))
    text_width: int = field(default=384, validator=Within(1, integers=True))
    seed: int = field(default=0, validator=Within(0, integers=True))
    decoders: tuple[str, ...] = field(
        default=("number", "datetime", "boolean", "text"), metadata={CHOOSES: "heads"}
    )

    def __attrs_post_init__(self) -> None:
        if self.dim % self.heads:
            raise ValueError(
                f"dim {self.dim} is not a multiple of heads {self.heads}; every head takes dim / heads of it"
            )


class Attention(nn.Module):
    """One kind of attention: q/k RMSNorm per head, heads are contiguous slices of D."""

    def __init__(self, config: ModelConfig, kind: Kind) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.heads = config.heads
        self.wq = nn.Linear(config.dim, config.dim, bias=False)
        self.wk = nn.Linear(config.dim, config.dim, bias=False)
        self.wv = nn.Linear(config.dim, config.dim, bias=False)
        self.wo = nn.Linear(config.dim, config.dim, bias=False)
        self.q_norm = RMSNorm(config.dim // config.heads)
        self.k_norm = RMSNorm(config.dim // config.heads)

    def forward(self, x: Tensor, structure: Structure) -> Tensor:
        """`[*cells, D]` -> `[*cells, D]`; exactly 0 for a cell that sees no key."""

        def split(y: Tensor) -> Tensor:  # [*cells, D] -> [*cells, H, E]
            return y.view(*y.shape[:-1], self.heads, -1)

        query, key = self.q_norm(split(self.wq(x))), self.k_norm(split(self.wk(x)))
        mixed = attend(query, key, split(self.wv(x)), structure, self.kind)
        return self.wo(mixed.flatten(-2))  # type: ignore[no-any-return]


class SwiGLU(nn.Module):
    """w2(silu(w1 x) * w3 x)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.dim, config.ff, bias=False)
        self.w3 = nn.Linear(config.dim, config.ff, bias=False)
        self.w2 = nn.Linear(config.ff, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[*cells, D]` -> `[*cells, D]`."""
        return self.w2(functional.silu(self.w1(x)) * self.w3(x))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Column, feature and neighbour attention, then SwiGLU; each adds f(norm(x)) to x."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleDict({key: RMSNorm(config.dim) for key in (*KIND_KEYS, "ffn")})
        self.attns = nn.ModuleDict({key: Attention(config, kind) for key, kind in KIND_KEYS.items()})
        self.ffn = SwiGLU(config)

    def forward(self, x: Tensor, structure: Structure) -> Tensor:
        """`[*cells, D]` -> `[*cells, D]`."""
        for key, attention in self.attns.items():
            x = x + attention(self.norms[key](x), structure)
        return x + self.ffn(self.norms["ffn"](x))  # type: ignore[no-any-return]


class RelationalTransformer(nn.Module):
    """`rt-plurel` with its heads. Calling it gives the loss of every sequence; `predict` gives values.

    Every parameter is drawn from `config.seed`; the global generators are left as they were. Matrices start
    as N(0, 1 / inputs), those that write to the residual stream (wo, w2) divided by sqrt(4 depth), the number
    of branches that add up there; mask embeddings as N(0, 1), like the normalised cells they stand for;
    biases as 0, norms as 1, decoders as their heads say.

    Args:
        config: its size. (`config.decoders` are names for `build` to look up; this class knows no plugins.)
        heads: head name -> head; the built-in four by default.
        encodings: head name -> the encodings that it answers for; every encoding exactly once.

    Raises:
        ValueError: an encoding has no head, or two.
    """

    def __init__(
        self,
        config: ModelConfig,
        heads: Mapping[str, Head] | None = None,
        encodings: Mapping[str, tuple[str, ...]] = BUILTIN_HEADS,
    ) -> None:
        super().__init__()
        self.config = config
        with seeded(config.seed):  # torch's layers draw when they are made; `_initialise` draws again
            if heads is None:
                heads = builtin_heads(HeadConfig(dim=config.dim, text_width=config.text_width))
            width = config.text_width
            inputs = {"number": 1, "datetime": 1, "boolean": 1, "text": width, "col_name": width}
            self.enc_dict = nn.ModuleDict({k: nn.Linear(n, config.dim) for k, n in inputs.items()})
            self.norm_dict = nn.ModuleDict({k: RMSNorm(config.dim) for k in inputs})
            self.mask_embs = nn.ParameterDict(
                {k: nn.Parameter(torch.empty(config.dim)) for k in inputs if k != "col_name"}
            )
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
            self.norm_out = RMSNorm(config.dim)
        self.dec_dict = nn.ModuleDict(heads)  # type: ignore[arg-type]
        self.head_of = _head_of({name: encodings[name] for name in heads})
        self._initialise(torch.Generator().manual_seed(config.seed))

    def _initialise(self, generator: torch.Generator) -> None:
        branches = 4 * self.config.depth
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and not name.startswith("dec_dict."):
                std = 1.0 / math.sqrt(module.in_features)
                if name.endswith((".wo", ".w2")):
                    std /= math.sqrt(branches)
                nn.init.normal_(module.weight, std=std, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for embedding in self.mask_embs.values():
            nn.init.normal_(embedding, generator=generator)

    def tokens(self, batch: TensorBatch) -> Tensor:
        """Every cell as the sum of what its column is called and what it holds.

        Returns:
            `[*cells, D]`: RMSNorm(W name + b) + RMSNorm(W_type value + b); a masked cell has its type's
            learned vector in place of the second term; padding has 0 in both.
        """
        names: Tensor = self.norm_dict["col_name"](self.enc_dict["col_name"](batch.texts))  # [U, D]
        texts = self.norm_dict["text"](self.enc_dict["text"](batch.texts))  # [U, D]
        name = names[batch.column_text.clamp(min=0)].masked_fill((batch.column_text < 0)[..., None], 0.0)
        content = torch.zeros_like(name)
        for encoding, key in ENCODER_OF.items():
            of_type = batch.encoding == encoding
            masked = of_type & batch.is_target
            shown = of_type & ~batch.is_target
            if encoding in SCALAR:
                content[shown] = self.norm_dict[key](self.enc_dict[key](batch.value[shown][:, None]))
            else:
                content[shown] = texts[batch.text[shown]]
            content[masked] = self.mask_embs[key]
        return name + content

    def encode(self, batch: TensorBatch) -> Tensor:
        """Last hidden state of every cell, `[B, S, D]`, after the output norm; padding has no meaning."""
        if batch.attention is None:
            x = self.tokens(batch)
            pairs = visible_pairs(batch.column, batch.row, batch.links)
            return self._states(x, dense_masks(pairs, x.dtype))
        x = self.tokens(batch.packed())
        states = self._states(x, groups_of(batch.attention, self.config.heads, x.dtype))
        padded = states.new_zeros(*batch.row.shape, states.shape[-1])
        padded[batch.row >= 0] = states
        return padded

    def _states(self, x: Tensor, structure: Structure) -> Tensor:
        """Tokens through all blocks and the output norm: `[*cells, D]` -> `[*cells, D]`."""
        for block in self.blocks:
            x = block(x, structure)
        return self.norm_out(x)  # type: ignore[no-any-return]

    def forward(self, batch: TensorBatch) -> Tensor:
        """The loss of every sequence, `[B]`: that of its one masked cell, by its encoding's head."""
        hidden = self.encode(batch)[batch.is_target]  # [B, D], in sequence order
        losses = hidden.new_zeros(hidden.shape[0])
        for head, sequences in self._by_head(batch):
            losses[sequences] = head.loss(hidden[sequences], batch.targets_at(sequences))
        return losses

    def predict(self, batch: TensorBatch) -> Tensor:
        """The masked cells' values, `[B]` f64, in their own units (booleans: the probability of True).

        Raises:
            ValueError: a target is a text or a category; those are vectors, ask their head.
        """
        hidden = self.encode(batch)[batch.is_target]
        values = torch.zeros(hidden.shape[0], dtype=torch.float64, device=hidden.device)
        for head, sequences in self._by_head(batch):
            predicted = head.predict(hidden[sequences], batch.targets_at(sequences))
            if predicted.dim() != 1:
                raise ValueError(
                    f"{type(head).__name__} predicts vectors, not numbers; ask its own `predict`"
                )
            values[sequences] = predicted
        return values

    def _by_head(self, batch: TensorBatch) -> list[tuple[Head, Tensor]]:
        """The heads that this batch needs, each with its sequences `[N]`."""
        needed: dict[str, Tensor] = {}
        for encoding, name in self.head_of.items():
            mask = batch.label_encoding == encoding
            needed[name] = needed[name] | mask if name in needed else mask
        pairs = [(self.dec_dict[name], mask.nonzero()[:, 0]) for name, mask in needed.items()]
        return [(head, sequences) for head, sequences in pairs if len(sequences)]  # type: ignore[misc]


def build(config: ModelConfig) -> RelationalTransformer:
    """An untrained `rt-plurel` with the heads that its config names; the contribution's factory.

    Raises:
        plurel.errors.UnknownNameError: a decoder that no installed plugin contributes.
        ValueError: an encoding has no head, or two.
    """
    from plurel.plugins import get_ledger, records

    sizes = {"dim": config.dim, "text_width": config.text_width}
    entries = _by_name([get_ledger().find("heads", name) for name in config.decoders])
    with seeded(config.seed):
        heads = {
            name: entry.build(sizes if entry.config_class() else None) for name, entry in entries.items()
        }
    encodings = {name: cast(records.Head, entry.record).encodings for name, entry in entries.items()}
    return RelationalTransformer(config, heads, encodings)


def _by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Heads by what their parameters are called after: the bare name, or in full where two have the same."""
    times = Counter(entry.name for entry in entries)
    return {entry.name if times[entry.name] == 1 else entry.id: entry for entry in entries}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's default CPU generator starts from `seed` inside, and goes on as if nothing had been outside."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def builtin_heads(config: HeadConfig) -> dict[str, Head]:
    """The four heads that `rt-plurel` comes with, by their published names."""
    return {
        "number": NumberHead(config),
        "datetime": DatetimeHead(config),
        "boolean": BooleanHead(config),
        "text": TextHead(config),
    }


def _head_of(encodings: Mapping[str, tuple[str, ...]]) -> dict[Encoding, str]:
    """Encoding -> name of the one head that answers for it."""
    head_of: dict[Encoding, str] = {}
    for name, answers in encodings.items():
        for encoding in (Encoding[answer.upper()] for answer in answers):
            if encoding in head_of:
                raise ValueError(
                    f"heads {head_of[encoding]!r} and {name!r}"
                    f" both answer for {encoding.name.lower()} cells; choose one"
                )
            head_of[encoding] = name
    missing = [encoding.name.lower() for encoding in Encoding if encoding not in head_of]
    if missing:
        raise ValueError(f"no head answers for {', '.join(missing)} cells; heads: {', '.join(encodings)}")
    return head_of
