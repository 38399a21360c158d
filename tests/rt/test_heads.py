"""Losses of the built-in heads against their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from plurel_rt.batch import Targets
from plurel_rt.heads import BooleanHead, DatetimeHead, Head, HeadConfig, NumberHead, TextHead
from plurel_rt.model import BUILTIN_HEADS
from plurel_rt.plugin import plurel_heads

CONFIG = HeadConfig(dim=2, text_width=3)


def targets(label: list[float], vectors: list[list[float]] | None = None) -> Targets:
    n = len(label)
    return Targets(
        label=torch.tensor(label),
        label_vector=torch.tensor(vectors) if vectors else torch.zeros(n, 3),
        mean=torch.full((n,), 10.0, dtype=torch.float64),
        std=torch.full((n,), 2.0, dtype=torch.float64),
    )


def ready(head: torch.nn.Linear, weight: list[list[float]], bias: list[float]) -> torch.nn.Linear:
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weight))
        head.bias.copy_(torch.tensor(bias))
    return head


@pytest.mark.parametrize("kind", [NumberHead, DatetimeHead])
def test_values_cost_huber_with_delta_one_on_the_standardised_value(kind: type[NumberHead]) -> None:
    head = ready(kind(CONFIG), [[1.0, 0.0]], [0.5])
    hidden = torch.tensor([[0.0, 9.0], [2.5, 9.0]])  # predictions 0.5 and 3.0
    truth = targets([0.0, 0.0])
    torch.testing.assert_close(head.loss(hidden, truth), torch.tensor([0.5 * 0.5**2, 3.0 - 0.5]))
    torch.testing.assert_close(head.predict(hidden, truth), torch.tensor([11.0, 16.0], dtype=torch.float64))


def test_booleans_cost_cross_entropy() -> None:
    """The second column below was always True: its mean is 1, its deviation counts as 1, and True is 0."""
    head = ready(BooleanHead(CONFIG), [[1.0, 0.0]], [0.0])
    hidden = torch.full((4, 2), 2.0)
    mean, std = torch.tensor([[0.2, 0.4], [1.0, 1.0]], dtype=torch.float64).repeat_interleave(2, dim=0).T
    value = torch.tensor([1.0, 0.0, 1.0, 0.0])
    truth = Targets(label=((value - mean) / std).float(), label_vector=torch.zeros(4, 3), mean=mean, std=std)
    p = 1 / (1 + math.exp(-2.0))
    torch.testing.assert_close(head.loss(hidden, truth), torch.tensor([-math.log(p), -math.log(1 - p)] * 2))
    torch.testing.assert_close(head.predict(hidden, truth), torch.full((4,), p, dtype=torch.float64))


def test_texts_cost_the_cosine_whatever_the_length_of_the_vectors() -> None:
    head = ready(TextHead(CONFIG), [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 0.0, 0.0])
    hidden = torch.tensor([[5.0, 0.0], [5.0, 0.0], [5.0, 0.0]])
    truth = targets([0.0] * 3, [[0.1, 0.0, 0.0], [0.0, 7.0, 0.0], [-3.0, 0.0, 0.0]])
    torch.testing.assert_close(head.loss(hidden, truth), torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(head.predict(hidden, truth)[0], torch.tensor([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("kind", [NumberHead, DatetimeHead, BooleanHead, TextHead])
def test_heads_keep_their_protocol_for_any_number_of_targets(kind: type[TextHead]) -> None:
    head = kind(CONFIG)
    assert isinstance(head, Head)
    for n in (0, 1, 2):
        hidden = torch.ones(n, 2, requires_grad=True)
        truth = targets([1.0] * n, [[1.0, 0.0, 0.0]] * n) if n else targets([])
        assert head.loss(hidden, truth).shape == (n,)
        assert len(head.predict(hidden, truth)) == n


def test_the_records_say_what_the_published_model_has() -> None:
    assert {record.name: record.encodings for record in plurel_heads()} == BUILTIN_HEADS
