"""The hooks' examples of a model and a head do what a run asks of them."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import torch

from plurel.plugins import hookspecs
from plurel_rt.batch import TensorBatch, from_sampler
from plurel_rt.heads import HeadConfig
from plurel_rt.model import ModelConfig, RelationalTransformer, builtin_heads


def record_of(hook: Callable[..., Any]) -> Any:
    """The record that a hook's example contributes."""
    names: dict[str, Any] = {"__name__": "example"}
    for example in doctest.DocTestParser().get_examples(inspect.cleandoc(hook.__doc__ or "")):
        if not example.want:
            exec(example.source, names)  # noqa: S102
    [record] = names[hook.__name__]()
    return record


def a_batch(make_batch: Callable[..., Any]) -> TensorBatch:
    return from_sampler(make_batch(np.random.default_rng(0), targets=(0, 3, 2)))


def test_the_example_of_a_model_trains_and_predicts(make_batch: Callable[..., Any]) -> None:
    record = record_of(hookspecs.plurel_models)
    assert {field.name for field in attrs.fields(record.config)} >= {"text_width", "seed"}
    model = record.factory(record.config())
    batch = a_batch(make_batch)
    losses = model(batch)
    assert losses.shape == batch.label_encoding.shape
    losses.mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.predict(batch).shape == batch.label_encoding.shape


def test_the_example_of_a_head_stands_where_a_built_in_head_does(make_batch: Callable[..., Any]) -> None:
    record = record_of(hookspecs.plurel_heads)
    batch = a_batch(make_batch)
    width = batch.texts.shape[1]
    heads = builtin_heads(HeadConfig(dim=16, text_width=width))
    heads["number"] = record.factory()
    model = RelationalTransformer(ModelConfig(dim=16, depth=1, heads=2, ff=16, text_width=width), heads)
    assert torch.isfinite(model(batch)).all()
    assert torch.isfinite(model.predict(batch)[batch.label_encoding == 0]).all()
