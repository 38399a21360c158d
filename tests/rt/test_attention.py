"""The masked attention against a double loop that states the rule, and its edges: no keys, padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel_rt.attention import KINDS, Kind, attend, dense_structure, visible_pairs


def may_see(
    kind: Kind, column: Any, row: Any, links: set[tuple[int, int, int]], b: int, q: int, k: int
) -> bool:
    if row[b, q] < 0 or row[b, k] < 0:
        return False
    if kind == "column":
        return bool(column[b, q] == column[b, k])
    if kind == "feature":
        return bool(row[b, q] == row[b, k]) or (b, int(row[b, q]), int(row[b, k])) in links
    return (b, int(row[b, k]), int(row[b, q])) in links


def loop_attention(query: Any, key: Any, value: Any, sees: Callable[[int, int, int], bool]) -> Any:
    out = np.zeros_like(query)
    sequences, heads, length, width = query.shape
    for b in range(sequences):
        for h in range(heads):
            for q in range(length):
                keys = [k for k in range(length) if sees(b, q, k)]
                if keys:
                    scores = np.array([query[b, h, q] @ key[b, h, k] for k in keys]) / np.sqrt(width)
                    weights = np.exp(scores - scores.max())
                    out[b, h, q] = (weights / weights.sum()) @ value[b, h, keys]
    return out


@st.composite
def contexts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of two sequences of up to eight cells, padded, with any links between their rows."""
    length = draw(st.integers(1, 8))
    row = np.full((2, length), -1)
    column = np.full((2, length), -1)
    links = set()
    for b in range(2):
        cells = draw(st.integers(1, length))
        row[b, :cells] = draw(st.lists(st.integers(0, 3), min_size=cells, max_size=cells))
        column[b, :cells] = draw(st.lists(st.integers(0, 2), min_size=cells, max_size=cells))
        present = sorted(set(row[b, :cells].tolist()))
        pairs = st.tuples(st.just(b), st.sampled_from(present), st.sampled_from(present))
        links |= set(draw(st.lists(pairs, max_size=6)))
    return column, row, np.array(sorted(links), dtype=np.int64).reshape(-1, 3)


@settings(deadline=None)
@given(context=contexts(), kind=st.sampled_from(KINDS))
def test_attention_equals_a_plain_loop(context: Any, kind: Kind) -> None:
    column, row, links = context
    rng = np.random.default_rng(int(row.sum()) + 100)
    query, key, value = (rng.normal(size=(2, 2, row.shape[1], 3)) for _ in range(3))
    pairs = visible_pairs(torch.from_numpy(column), torch.from_numpy(row), torch.from_numpy(links))
    structure = dense_structure(pairs, torch.float64)
    got = attend(*(torch.from_numpy(a) for a in (query, key, value)), structure, kind)

    edges = {tuple(edge) for edge in links.tolist()}
    expected = loop_attention(query, key, value, lambda b, q, k: may_see(kind, column, row, edges, b, q, k))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_without_keys_gives_exactly_zero_and_finite_gradients(kind: Kind) -> None:
    column = torch.tensor([[0, 1, -1]])
    row = torch.tensor([[0, 1, -1]])  # two rows that do not know each other, and padding
    structure = dense_structure(visible_pairs(column, row, torch.zeros(0, 3, dtype=torch.int64)))
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 1, 3, 4, generator=generator, requires_grad=True) for _ in range(3))
    out = attend(q, k, v, structure, kind)

    blind = [0, 1, 2] if kind == "neighbour" else [2]
    assert torch.equal(out[0, 0, blind], torch.zeros(len(blind), 4))
    out.square().sum().backward()
    for leaf in (q, k, v):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()
        assert torch.equal(leaf.grad[0, 0, 2], torch.zeros(4))  # padding learns nothing and teaches nothing
    if kind == "neighbour":
        assert all(torch.equal(leaf.grad, torch.zeros_like(leaf)) for leaf in (q, k, v))


def test_any_number_of_foreign_keys_in_a_row() -> None:
    row = torch.arange(12)[None]
    links = torch.tensor([(0, 0, parent) for parent in range(1, 12)])
    pairs = visible_pairs(torch.arange(12)[None], row, links)
    assert pairs["feature"][0, 0].all()
    assert pairs["neighbour"][0, 1:, 0].all()
    assert pairs["feature"][0, 1:].sum() == 11  # the parents see themselves only
