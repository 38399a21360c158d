"""What the transformer must not depend on, what it must never read, and the names that published weights
have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel_rt.batch import Encoding, from_sampler
from plurel_rt.heads import HeadConfig
from plurel_rt.model import BUILTIN_HEADS, ModelConfig, RelationalTransformer, builtin_heads
from plurel_rt.norms import EPS, RMSNorm
from plurel_sampler import plan_attention

SMALL = ModelConfig(dim=16, depth=2, heads=4, ff=32, text_width=8)
MakeBatch = Callable[..., Any]


@pytest.fixture(scope="module")
def model() -> RelationalTransformer:
    return RelationalTransformer(SMALL).double()


def losses(model: RelationalTransformer, batch: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(from_sampler(batch, dtype=torch.float64))


def predictions(model: RelationalTransformer, batch: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.predict(from_sampler(batch, dtype=torch.float64))


SCALARS = (Encoding.NUMBER, Encoding.BOOLEAN, Encoding.DATETIME)


def test_the_state_dict_has_the_published_names_shapes_and_size() -> None:
    state = {
        name: tuple(tensor.shape)
        for name, tensor in RelationalTransformer(ModelConfig()).state_dict().items()
    }
    expected = {"norm_out.weight": (256,)}
    for kind, inputs in {"number": 1, "datetime": 1, "boolean": 1, "text": 384, "col_name": 384}.items():
        expected |= {f"enc_dict.{kind}.weight": (256, inputs), f"enc_dict.{kind}.bias": (256,)}
        expected |= {f"norm_dict.{kind}.weight": (256,)}
    for kind, outputs in {"number": 1, "datetime": 1, "boolean": 1, "text": 384}.items():
        expected |= {f"dec_dict.{kind}.weight": (outputs, 256), f"dec_dict.{kind}.bias": (outputs,)}
        expected |= {f"mask_embs.{kind}": (256,)}
    for block in range(12):
        at = f"blocks.{block}"
        expected |= {f"{at}.norms.{key}.weight": (256,) for key in ("col", "feat", "nbr", "ffn")}
        for key in ("col", "feat", "nbr"):
            expected |= {f"{at}.attns.{key}.{w}.weight": (256, 256) for w in ("wq", "wk", "wv", "wo")}
            expected |= {f"{at}.attns.{key}.{n}.weight": (32,) for n in ("q_norm", "k_norm")}
        expected |= {f"{at}.ffn.{w}.weight": (1024, 256) for w in ("w1", "w3")}
        expected |= {f"{at}.ffn.w2.weight": (256, 1024)}
    assert state == expected
    assert len(state) == 328
    assert sum(int(np.prod(shape)) for shape in state.values()) == 19_189_635


@given(seed=st.integers(0, 10_000), extra=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_padding_changes_nothing(
    make_batch: MakeBatch, model: RelationalTransformer, seed: int, extra: int
) -> None:
    batch = make_batch(np.random.default_rng(seed), length=24)
    longest = int((batch.encoding >= 0).sum(axis=1).max())
    before = losses(model, batch)
    alone = make_batch(np.random.default_rng(seed), length=longest)
    assert torch.equal(losses(model, alone), before)

    tensors = from_sampler(alone, dtype=torch.float64)
    padded = {}
    for name, fill in {"value": 0, "is_target": False}.items():
        padded[name] = torch.nn.functional.pad(getattr(tensors, name), (0, extra), value=fill)
    for name in ("encoding", "text", "column", "column_text", "row"):
        padded[name] = torch.nn.functional.pad(getattr(tensors, name), (0, extra), value=-1)
    with torch.no_grad():
        after = model(evolve(tensors, **padded))
    torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_cells_and_the_numbering_of_rows_mean_nothing(
    make_batch: MakeBatch, model: RelationalTransformer, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    batch = make_batch(rng)
    before = losses(model, batch)
    cells = rng.permutation(batch.row.shape[1])
    for name in ("value", "encoding", "text", "column", "column_text", "row", "is_target"):
        setattr(batch, name, getattr(batch, name)[:, cells])
    # permuted padding must not be cut off with the tail, so renumber after moving the cells to the front
    order = np.argsort(batch.row < 0, axis=1, kind="stable")
    for name in ("value", "encoding", "text", "column", "column_text", "row", "is_target"):
        setattr(batch, name, np.take_along_axis(getattr(batch, name), order, axis=1))
    rows = int(batch.row.max()) + 1
    renamed = rng.permutation(rows)
    batch.row = np.where(batch.row >= 0, renamed[batch.row], -1)
    batch.links = np.column_stack([batch.links[:, 0], renamed[batch.links[:, 1]], renamed[batch.links[:, 2]]])
    batch.attention = plan_attention(batch.column, batch.row, batch.links)
    torch.testing.assert_close(losses(model, batch), before, rtol=1e-9, atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_true_value_of_the_target_is_never_read(
    make_batch: MakeBatch, model: RelationalTransformer, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    batch = make_batch(rng, targets=SCALARS)
    before = predictions(model, batch)
    batch.label = batch.label + rng.normal(size=batch.label.shape).astype(np.float32) * 10
    batch.label_text = rng.integers(0, 12, batch.label_text.shape).astype(np.int32)
    batch.value[batch.is_target] = 1e6  # a sampler that leaked would leak to nobody
    batch.text[batch.is_target] = 3
    assert torch.equal(predictions(model, batch), before)


def test_other_cells_do_matter(make_batch: MakeBatch, model: RelationalTransformer) -> None:
    batch = make_batch(np.random.default_rng(3), targets=SCALARS)
    before = predictions(model, batch)
    shown = (batch.row == 0) & ~batch.is_target & np.isin(batch.encoding, SCALARS)
    batch.value[shown] += 1.0
    assert (predictions(model, batch) != before).any()


def test_every_encoding_has_a_loss_and_a_gradient(make_batch: MakeBatch) -> None:
    model = RelationalTransformer(SMALL)
    batch = make_batch(np.random.default_rng(0), sequences=10)
    model(from_sampler(batch)).mean().backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert missing == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_a_prediction_stands_in_the_unit_of_its_column(
    make_batch: MakeBatch, model: RelationalTransformer
) -> None:
    batch = make_batch(np.random.default_rng(1), sequences=6, targets=SCALARS)
    standard = predictions(model, batch)
    boolean = batch.label_encoding == Encoding.BOOLEAN
    z = (standard.numpy() - batch.label_mean) / batch.label_std
    batch.label_mean, batch.label_std = batch.label_mean + 100.0, batch.label_std * 3.0
    moved = predictions(model, batch).numpy()
    np.testing.assert_allclose(moved[~boolean], (z * batch.label_std + batch.label_mean)[~boolean])
    np.testing.assert_array_equal(moved[boolean], standard.numpy()[boolean])
    assert ((moved[boolean] > 0) & (moved[boolean] < 1)).all()


def test_vectors_are_not_passed_off_as_numbers(make_batch: MakeBatch, model: RelationalTransformer) -> None:
    batch = make_batch(np.random.default_rng(1), targets=(Encoding.TEXT,))
    with pytest.raises(ValueError, match="predicts vectors"):
        predictions(model, batch)


def test_the_seed_alone_decides_the_weights_and_global_generators_stay_put() -> None:
    torch.rand(3)
    before = torch.get_rng_state()
    first, second = RelationalTransformer(SMALL), RelationalTransformer(SMALL)
    assert torch.equal(torch.get_rng_state(), before)
    for (name, a), (_, b) in zip(first.state_dict().items(), second.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    other = RelationalTransformer(evolve(SMALL, seed=1))
    assert not torch.equal(first.blocks[0].ffn.w1.weight, other.blocks[0].ffn.w1.weight)


def test_a_fresh_model_predicts_about_the_mean(make_batch: MakeBatch) -> None:
    batch = make_batch(np.random.default_rng(2), sequences=9, targets=SCALARS)
    with torch.no_grad():
        predicted = RelationalTransformer(ModelConfig(text_width=8)).predict(from_sampler(batch)).numpy()
    numbers = batch.label_encoding != Encoding.BOOLEAN
    assert (np.abs((predicted - batch.label_mean) / batch.label_std)[numbers] < 1.5).all()


def test_each_encoding_needs_exactly_one_head() -> None:
    heads = builtin_heads(HeadConfig(dim=16, text_width=8))
    with pytest.raises(ValueError, match="no head answers for boolean cells"):
        RelationalTransformer(SMALL, {name: head for name, head in heads.items() if name != "boolean"})
    with pytest.raises(ValueError, match="both answer for text cells"):
        RelationalTransformer(SMALL, heads, {**BUILTIN_HEADS, "number": ("number", "text")})


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="not a multiple of heads"):
        ModelConfig(dim=10, heads=4)


def test_training_by_groups_and_by_masks_is_the_same_to_rounding(make_batch: MakeBatch) -> None:
    curves = []
    for by_groups in (True, False):
        model = RelationalTransformer(SMALL)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        rng = np.random.default_rng(0)
        curve = []
        for _ in range(6):
            batch = from_sampler(make_batch(rng, sequences=8, rows=8))
            loss = model(batch if by_groups else evolve(batch, attention=None)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        curves.append(curve)
    np.testing.assert_allclose(*curves, rtol=1e-4)
    assert curves[0][-1] != curves[0][0]


def test_narrow_weights_compute_about_the_same_by_groups_and_by_masks(make_batch: MakeBatch) -> None:
    batch = from_sampler(make_batch(np.random.default_rng(0), sequences=5), dtype=torch.bfloat16)
    model = RelationalTransformer(SMALL).bfloat16()
    losses = model(batch)
    assert losses.dtype == torch.bfloat16
    losses.mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    torch.testing.assert_close(losses, model(evolve(batch, attention=None)), rtol=0.05, atol=0.05)


def test_a_batch_for_another_device_brings_no_groups(make_batch: MakeBatch) -> None:
    batch = make_batch(np.random.default_rng(0))
    assert from_sampler(batch).attention is batch.attention
    assert from_sampler(batch, "meta").attention is None


@pytest.mark.parametrize("shape", [(3, 8), (2, 3, 4, 8), (0, 8)])
def test_the_norm_is_torchs_in_value_and_gradient(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
    ours, torchs = RMSNorm(8).double(), torch.nn.RMSNorm(8, eps=EPS).double()
    weight = torch.randn(8, generator=generator, dtype=torch.float64)
    gradients = []
    for norm in (ours, torchs):
        with torch.no_grad():
            norm.weight.copy_(weight)
        out = norm(x)
        gradients.append((out.detach(), *torch.autograd.grad(out.sin().sum(), [x, norm.weight])))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
    assert torch.autograd.gradcheck(ours, x)
