"""Both forms of attention against a loop that states the rule, and against each other in their gradients; and
the edges: hubs, rows without parents, self references, queries without keys, padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from plurel_rt import groups as groups_module
from plurel_rt.attention import KINDS, Kind, Structure, attend, dense_masks, visible_pairs
from plurel_rt.groups import groups_of
from plurel_sampler import ATTENTION_KINDS, plan_attention

FORMS = ("groups", "masks")


class Context:
    """Columns, rows and links of a batch, and queries, keys and values for it."""

    def __init__(self, column: Any, row: Any, links: Any, heads: int = 2, width: int = 3) -> None:
        self.column, self.row = np.asarray(column), np.asarray(row)
        self.links = np.asarray(links, dtype=np.int64).reshape(-1, 3)
        self.shown = torch.from_numpy(self.row >= 0)
        rng = np.random.default_rng(self.row.size)
        shape = (*self.row.shape, heads, width)
        self.query, self.key, self.value, self.weight = (
            torch.from_numpy(rng.normal(size=shape)) for _ in range(4)
        )

    def structure(self, form: str, dtype: torch.dtype) -> Structure:
        if form == "groups":
            plan = plan_attention(self.column, self.row, self.links)
            return groups_of(plan, self.query.shape[-2], dtype)
        arrays = (torch.from_numpy(array) for array in (self.column, self.row, self.links))
        return dense_masks(visible_pairs(*arrays), dtype)

    def attend(self, form: str, kind: Kind, dtype: torch.dtype = torch.float64) -> list[Tensor]:
        """The output and the gradients of query, key and value, `[B, S, H, E]` each, 0 at padding."""
        leaves = [
            tensor.to(dtype, copy=True).requires_grad_() for tensor in (self.query, self.key, self.value)
        ]
        inputs = [leaf[self.shown] if form == "groups" else leaf for leaf in leaves]
        out = attend(*inputs, self.structure(form, dtype), kind)
        weight = self.weight.to(dtype)
        (out * (weight[self.shown] if form == "groups" else weight)).sum().backward()
        if form == "groups":
            out = torch.zeros_like(weight).masked_scatter(self.shown[..., None, None], out)
        return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]

    def loop(self, kind: Kind) -> np.ndarray:
        query, key, value = (tensor.numpy() for tensor in (self.query, self.key, self.value))
        links = {tuple(link) for link in self.links.tolist()}
        out = np.zeros_like(query)
        for b, q, h in np.ndindex(*query.shape[:3]):
            keys = [k for k in range(query.shape[1]) if self.may_see(kind, links, b, q, k)]
            if keys:
                scores = np.array([query[b, q, h] @ key[b, k, h] for k in keys]) / np.sqrt(query.shape[3])
                weights = np.exp(scores - scores.max())
                out[b, q, h] = (weights / weights.sum()) @ value[b, keys, h]
        return out

    def may_see(self, kind: Kind, links: set[tuple[int, ...]], b: int, q: int, k: int) -> bool:
        column, row = self.column, self.row
        if row[b, q] < 0 or row[b, k] < 0:
            return False
        if kind == "column":
            return bool(column[b, q] == column[b, k])
        if kind == "feature":
            return bool(row[b, q] == row[b, k]) or (b, int(row[b, q]), int(row[b, k])) in links
        return (b, int(row[b, k]), int(row[b, q])) in links


@st.composite
def contexts(draw: st.DrawFn, longest: int = 8, rows: int = 4) -> Context:
    """Two sequences of cells in any order, padded, with any links between their rows."""
    length = draw(st.integers(1, longest))
    row = np.full((2, length), -1)
    column = np.full((2, length), -1)
    links = set()
    for b in range(2):
        cells = draw(st.integers(0 if b else 1, length))
        row[b, :cells] = draw(st.lists(st.integers(0, rows - 1), min_size=cells, max_size=cells))
        column[b, :cells] = draw(st.lists(st.integers(0, 2), min_size=cells, max_size=cells))
        pairs = st.tuples(st.just(b), st.integers(0, rows - 1), st.integers(0, rows - 1))
        links |= set(draw(st.lists(pairs.filter(lambda pair: max(pair[1:]) <= row.max()), max_size=6)))
    return Context(column, row, sorted(links))


def hub(children: int, cells: int = 2) -> Context:
    """A row that many others point at, twice each (two keys), a row that points at itself, a stranger."""
    row = np.repeat(np.arange(children + 3), cells)
    column = np.where(row == 0, 0, 2) + np.tile(np.arange(cells), children + 3)
    links = [(0, child, 0) for child in range(1, children + 1)] * 2 + [(0, children + 1, children + 1)]
    return Context(column[None], row[None], links)


@settings(deadline=None)
@given(context=contexts(), kind=st.sampled_from(KINDS), form=st.sampled_from(FORMS))
def test_attention_equals_a_plain_loop(context: Context, kind: Kind, form: str) -> None:
    out = context.attend(form, kind)[0]
    np.testing.assert_allclose(out.numpy(), context.loop(kind), rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(context=contexts(longest=40, rows=9), kind=st.sampled_from(KINDS))
def test_groups_and_masks_agree_in_outputs_and_gradients(context: Context, kind: Kind) -> None:
    for mine, oracle in zip(*(context.attend(form, kind, torch.float32) for form in FORMS), strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scores", [groups_module.SCORES, 300])
def test_a_hub_is_computed_in_parts_and_exactly(
    kind: Kind, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_module, "SCORES", scores)
    context = hub(70)
    for mine, oracle in zip(*(context.attend(form, kind) for form in FORMS), strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_function(kind: Kind) -> None:
    context = hub(4)
    structure = context.structure("groups", torch.float64)
    inputs = [
        tensor[context.shown].requires_grad_() for tensor in (context.query, context.key, context.value)
    ]
    assert torch.autograd.gradcheck(lambda *leaves: attend(*leaves, structure, kind), inputs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_query_without_keys_gives_exactly_zero_and_finite_gradients(kind: Kind, form: str) -> None:
    context = Context([[0, 1, -1]], [[0, 1, -1]], [])  # two rows that do not know each other, and padding
    out, *gradients = context.attend(form, kind)
    blind = [0, 1, 2] if kind == "neighbour" else [2]
    assert torch.equal(out[0, blind], torch.zeros_like(out[0, blind]))
    for gradient in gradients:
        assert torch.isfinite(gradient).all()
        assert not gradient[0, 2].any()  # padding learns nothing and teaches nothing
        assert gradient.any() == (kind != "neighbour" and gradient is gradients[2])


@pytest.mark.parametrize("form", FORMS)
def test_a_sequence_of_one_cell_sees_itself(form: str) -> None:
    context = Context([[0, -1]], [[0, -1]], [])
    for kind in ("column", "feature"):
        torch.testing.assert_close(context.attend(form, kind)[0][0, 0], context.value[0, 0])
    assert not context.attend(form, "neighbour")[0].any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_is_near_to_f32(kind: Kind, form: str) -> None:
    context = hub(4)
    wide = context.attend(form, kind, torch.float32)
    context.value = (
        context.value.bfloat16()
    )  # what a projection gives there; queries and keys come from norms
    with torch.autocast("cpu", torch.bfloat16):
        mixed = context.attend(form, kind, torch.float32)
    for narrow, exact in zip(mixed, wide, strict=True):
        torch.testing.assert_close(narrow.float(), exact, rtol=0.02, atol=0.05)


def test_any_number_of_foreign_keys_in_a_row() -> None:
    row = torch.arange(12)[None]
    links = torch.tensor([(0, 0, parent) for parent in range(1, 12)])
    pairs = visible_pairs(torch.arange(12)[None], row, links)
    assert pairs["feature"][0, 0].all()
    assert pairs["neighbour"][0, 1:, 0].all()
    assert pairs["feature"][0, 1:].sum() == 11  # the parents see themselves only


def test_plans_and_attention_number_the_kinds_alike() -> None:
    assert KINDS == ATTENTION_KINDS


def test_no_score_is_computed_for_pairs_that_cannot_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = 0
    weights: Callable[..., Tensor] = groups_module._weights

    def counted(*arguments: Any) -> Tensor:
        nonlocal computed
        computed += (out := weights(*arguments)).numel()
        return out

    monkeypatch.setattr(groups_module, "_weights", counted)
    context = hub(400)
    plan = plan_attention(context.column, context.row, context.links)
    structure = groups_of(plan, 2, torch.float64)
    inputs = [tensor[context.shown] for tensor in (context.query, context.key, context.value)]
    attend(*inputs, structure, "feature")
    attend(*inputs, structure, "neighbour")
    assert computed < 2 * 2 * (2 * 4 * 400 + 2 * 800)
