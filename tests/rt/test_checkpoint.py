"""Checkpoints come back as they went, exist whole or not at all, and say what is wrong with them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

from plurel.plugins import get_ledger
from plurel_rt.batch import from_sampler
from plurel_rt.checkpoint import (
    CheckpointError,
    CheckpointFileError,
    CheckpointInfo,
    checkpoint_dir,
    drop_checkpoint,
    drop_drafts,
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
    stores=[],
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


def test_a_failed_save_leaves_nothing(saved: Path) -> None:
    with pytest.raises(AttributeError):
        save_checkpoint(checkpoint_dir(saved.parent.parent, 4), {"w": None}, INFO, {})  # type: ignore[dict-item]
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_checkpoint_is_never_changed(saved: Path) -> None:
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    with pytest.raises(CheckpointFileError, match=r"step-00000003 cannot be written: Directory not empty"):
        save_checkpoint(saved, {"w": torch.ones(1)}, INFO, {"cursor": {}})
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("room", [0, 700, 2500])
def test_a_full_disk_is_said_and_leaves_nothing(
    saved: Path, room: int, file_limit: Callable[[int], AbstractContextManager[None]]
) -> None:
    with (
        file_limit(room),
        pytest.raises(CheckpointFileError, match=r"step-00000004 cannot be written: \S+"),
    ):
        save_checkpoint(checkpoint_dir(saved.parent.parent, 4), model().state_dict(), INFO, {})
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_equal_states_are_equal_bytes(tmp_path: Path) -> None:
    text = "be" + "tas"
    shared = torch.ones(3)
    states = [
        {"betas": (0.9, 0.99), "a": {"betas": shared}, "b": shared},
        {text: [0.9, 0.99], "a": {"betas": torch.ones(3)}, "b": torch.ones(2, 3)[0]},
    ]
    for step, state in enumerate(states):
        save_checkpoint(checkpoint_dir(tmp_path, step), {"w": torch.ones(1)}, INFO, state)
    first, second = ((path / "state.pt").read_bytes() for path in list_checkpoints(tmp_path))
    assert first == second


def test_a_run_means_its_last_whole_checkpoint(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        save_checkpoint(checkpoint_dir(tmp_path, step), {"w": torch.ones(1)}, INFO, {})
    (checkpoint_dir(tmp_path, 100) / "config.json").unlink()
    (tmp_path / "checkpoints" / ".step-00000101.77").mkdir()
    assert find_checkpoint(tmp_path) == checkpoint_dir(tmp_path, 10)
    prune_checkpoints(list_checkpoints(tmp_path)[:-1])
    assert list_checkpoints(tmp_path) == [checkpoint_dir(tmp_path, 10)]
    drop_drafts(tmp_path)
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_a_checkpoint_that_cannot_be_removed_is_named_and_stays(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (saved.with_name(f".{saved.name}.{os.getpid()}") / "in the way").mkdir(parents=True)
    said = re.escape(f"checkpoint {saved} cannot be removed: Directory not empty")
    with pytest.raises(CheckpointFileError, match=f"^{said}$"):
        drop_checkpoint(saved)
    prune_checkpoints([saved])
    assert re.search(said, caplog.text)
    read_everything(saved)


def test_half_a_checkpoint_that_cannot_be_removed_is_named(
    saved: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("plurel_rt.checkpoint.shutil.rmtree", refused)
    rest = saved.with_name(f".{saved.name}.{os.getpid()}")
    with pytest.raises(CheckpointFileError, match=f"Permission denied; what is left of it lies at {rest}"):
        drop_checkpoint(saved)
    drop_drafts(saved.parent.parent)
    assert f"{rest}, half a checkpoint, cannot be removed: Permission denied" in caplog.text


def read_everything(path: Path) -> None:
    load_model(path)
    read_state(path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "state.pt"])
def test_every_cut_and_every_flip_is_noticed(saved: Path, name: str) -> None:
    file = saved / name
    whole = file.read_bytes()
    read_everything(saved)
    places = sorted({*range(0, len(whole), max(1, len(whole) // 40)), 0, 1, 7, 8, len(whole) - 2})
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        for damaged in (whole[:place], bytes(flipped)):
            if name == "config.json" and json_equal(whole, damaged):
                continue  # a blank between two words of JSON
            file.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=re.escape(str(file))):
                read_everything(saved)
    file.unlink()
    with pytest.raises(CheckpointError, match=re.escape(str(saved))):
        read_everything(saved)


def json_equal(a: bytes, b: bytes) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return False


def test_an_edited_config_is_refused(saved: Path) -> None:
    file = saved / "config.json"
    file.write_text(file.read_text().replace('"step": 3', '"step": 4'))
    with pytest.raises(CheckpointFileError, match=r"config\.json is damaged or was edited"):
        read_info(saved)
    file.write_text("{")
    with pytest.raises(CheckpointFileError, match=r"config\.json is not the config"):
        read_info(saved)
    file.write_text(json.dumps({"format_version": 99}))
    with pytest.raises(CheckpointError, match=r"format version 99; this plurel-rt reads version 2"):
        read_info(saved)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        find_checkpoint(saved.parent)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"id": "plurel-gone:rt"},
            r"plurel-gone:rt \(models, revision 1\) of plurel-gone 0\.1\.0; no installed",
        ),
        ({"revision": 7}, r"revision 7\) of plurel-rt 0\.1\.0; plurel-rt \S+ has another revision"),
    ],
)
def test_what_made_it_must_be_there_unchanged(saved: Path, changes: dict[str, Any], message: str) -> None:
    record = {"id": "plurel-rt:rt-plurel", "kind": "models", "version": "0.1.0", "revision": 1, "params": {}}
    path = checkpoint_dir(saved.parent.parent, 4)
    info = evolve(INFO, provenance=[{**record, **changes}])
    save_checkpoint(path, model().state_dict(), info, {})
    with pytest.raises(CheckpointError, match=message):
        load_model(path)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    other = checkpoint_dir(saved.parent.parent, 4)
    save_checkpoint(other, {"w": torch.ones(1)}, INFO, {})
    with pytest.raises(CheckpointError, match="does not hold the weights of this model"):
        load_model(other)
