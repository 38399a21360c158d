"""Checkpoints come back as they went, exist whole or not at all, and say what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plurel.plugins import get_ledger
from plurel_rt.batch import from_sampler
from plurel_rt.checkpoint import (
    CheckpointError,
    CheckpointInfo,
    checkpoint_dir,
    find_checkpoint,
    list_checkpoints,
    load_model,
    prune_checkpoints,
    read_info,
    read_state,
    save_checkpoint,
)

SIZE = {"dim": 16, "depth": 1, "heads": 2, "ff": 16, "text_width": 8, "seed": 4}
INFO = CheckpointInfo(
    model={"name": "plurel-rt:rt-plurel", "config": SIZE},
    embedder={"name": "hashed", "width": 8, "fingerprint": "x"},
    context={"length": 4},
    recipe={},
    step=3,
    provenance=[],
)


def model() -> torch.nn.Module:
    built = get_ledger().find("models", "rt-plurel").build(SIZE)
    assert isinstance(built, torch.nn.Module)
    return built


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = checkpoint_dir(tmp_path, 3)
    save_checkpoint(path, model().state_dict(), INFO, {"cursor": {"epoch": 2}, "random": [torch.arange(3)]})
    return path


def test_a_checkpoint_comes_back_as_it_went(saved: Path, make_batch: Callable[..., Any]) -> None:
    loaded, info = load_model(saved.parent.parent)
    assert info == INFO
    batch = from_sampler(make_batch(np.random.default_rng(0)))
    with torch.no_grad():
        assert torch.equal(loaded(batch), model()(batch))
    state = read_state(saved)
    assert state["cursor"] == {"epoch": 2}
    assert torch.equal(state["random"][0], torch.arange(3))


def test_a_failed_save_leaves_the_old_checkpoint_and_nothing_else(saved: Path) -> None:
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    with pytest.raises(AttributeError):
        save_checkpoint(saved, {"w": None}, INFO, {})  # type: ignore[dict-item]
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_save_replaces_a_checkpoint_of_the_same_step(saved: Path) -> None:
    save_checkpoint(saved, {"w": torch.ones(1)}, INFO, {"cursor": {}})
    assert read_state(saved) == {"cursor": {}}
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_run_means_its_last_whole_checkpoint(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        save_checkpoint(checkpoint_dir(tmp_path, step), {"w": torch.ones(1)}, INFO, {})
    (checkpoint_dir(tmp_path, 100) / "config.json").unlink()
    (tmp_path / "checkpoints" / ".step-00000101.77").mkdir()
    assert find_checkpoint(tmp_path) == checkpoint_dir(tmp_path, 10)
    prune_checkpoints(tmp_path, keep=1)
    assert list_checkpoints(tmp_path) == [checkpoint_dir(tmp_path, 10)]


def test_damage_is_named(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(CheckpointError, match=r"model\.safetensors does not hold the weights"):
        load_model(saved)
    (saved / "state.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match=r"state\.pt is not a training state"):
        read_state(saved)
    (saved / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is not the config"):
        read_info(saved)
    (saved / "config.json").write_text(json.dumps({"format_version": 99}))
    with pytest.raises(CheckpointError, match=r"format version 99; this plurel-rt reads version 1"):
        read_info(saved)
    (saved / "config.json").write_text(json.dumps({"format_version": 1, "colour": "red"}))
    with pytest.raises(CheckpointError, match="other fields"):
        read_info(saved)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        find_checkpoint(saved.parent)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    save_checkpoint(saved, {"w": torch.ones(1)}, INFO, {})
    with pytest.raises(CheckpointError, match="does not hold the weights of this model"):
        load_model(saved)
