"""Checkpoints: directories that hold a model, what it was made of, and enough to go on training it.

    step-00000500/
        model.safetensors   the weights, by the published names
        config.json         model and parameters, embedder, context, recipe, step, provenance
        state.pt            optimiser, position in the data, random states; only training reads it

A checkpoint is written beside its place, synced and renamed: it exists whole or not at all. Not here:
published checkpoints of other formats, and the choice of when to save (`plurel_rt.trainer`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from plurel.errors import RequestError

FORMAT_VERSION = 1
WEIGHTS, CONFIG, STATE = "model.safetensors", "config.json", "state.pt"
CHECKPOINTS = "checkpoints"
"""The folder of a run in which its checkpoints lie."""

_STEP = re.compile(r"step-(\d+)$")


class CheckpointError(RequestError):
    """A checkpoint that is not there, not whole, or of another format."""


@frozen(kw_only=True)
class CheckpointInfo:
    """The content of `config.json`.

    Attributes:
        model: `{"name": "plurel-rt:rt-plurel", "config": {...}}`.
        embedder: `{"name", "width", "fingerprint"}` of the vectors that the model reads.
        context: parameters of the contexts that it was trained on.
        recipe: the whole recipe of the run.
        step: optimiser steps done.
        provenance: every contribution used, with distribution, version and revision.
    """

    model: dict[str, Any]
    embedder: dict[str, Any]
    context: dict[str, Any]
    recipe: dict[str, Any] = field(repr=False)
    step: int
    provenance: list[dict[str, Any]] = field(repr=False)


def checkpoint_dir(run: Path, step: int) -> Path:
    """Where a run's checkpoint of a step lies."""
    return run / CHECKPOINTS / f"step-{step:08d}"


def save_checkpoint(
    path: Path, weights: dict[str, torch.Tensor], info: CheckpointInfo, state: dict[str, Any]
) -> None:
    """Writes a checkpoint directory, whole or not at all; an older one of the same step is replaced.

    Args:
        path: where it shall lie; its parent is made.
        weights: the model's state dict.
        info: what goes into `config.json`.
        state: tensors, numbers, strings, lists and dicts only (it is read back without running code).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        save_file({k: v.detach().contiguous().cpu() for k, v in weights.items()}, building / WEIGHTS)
        document = {"format_version": FORMAT_VERSION, **_as_dict(info)}
        (building / CONFIG).write_text(json.dumps(document, indent=2) + "\n")
        torch.save(state, building / STATE)
        for file in building.iterdir():
            _sync(file)
        _sync(building)
        if path.exists():
            shutil.rmtree(path)
        building.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint that a path means: itself, or the last one of the run that it is the folder of.

    Raises:
        CheckpointError: there is none.
    """
    if (path / CONFIG).is_file():
        return path
    found = list_checkpoints(path)
    if not found:
        raise CheckpointError(
            f"{path} is no checkpoint (a folder with {CONFIG} and {WEIGHTS}) and no run with one under "
            f"{CHECKPOINTS}/"
        )
    return found[-1]


def list_checkpoints(run: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest step first."""
    folder = run / CHECKPOINTS
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if _STEP.match(entry.name) and (entry / CONFIG).is_file()]
    return sorted(found, key=step_of)


def step_of(path: Path) -> int:
    """The step that a run's checkpoint is named after; 0 for a folder that is named otherwise."""
    match = _STEP.match(path.name)
    return int(match[1]) if match else 0


def prune_checkpoints(run: Path, keep: int) -> None:
    """Removes a run's oldest checkpoints until `keep` are left."""
    for old in list_checkpoints(run)[:-keep]:
        drop_checkpoint(old)


def drop_checkpoint(path: Path) -> None:
    """Removes a checkpoint; at no moment does a part of it look like one."""
    dropped = path.with_name(f".{path.name}.dropped.{os.getpid()}")
    path.rename(dropped)
    shutil.rmtree(dropped)


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says about itself, without loading its weights.

    Raises:
        CheckpointError: not readable, or of another format version.
    """
    file = path / CONFIG
    try:
        document = json.loads(file.read_text())
        version = document.pop("format_version")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{file} is not the config of a plurel-rt checkpoint: {error}") from error
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{file} has format version {version!r}; this plurel-rt reads version {FORMAT_VERSION}"
        )
    try:
        return CheckpointInfo(**document)
    except TypeError as error:
        raise CheckpointError(
            f"{file} has other fields than a checkpoint of this version: {error}"
        ) from error


def build_model(info: CheckpointInfo) -> nn.Module:
    """The untrained model that a checkpoint describes, built through the plugin that contributes it.

    Raises:
        plurel.errors.UnknownNameError: the plugin of the model or of a head is not installed.
    """
    from plurel.plugins import get_ledger

    model = get_ledger().find("models", info.model["name"]).build(info.model["config"])
    if not isinstance(model, nn.Module):
        raise TypeError(f"model {info.model['name']!r} made a {type(model).__name__}, not a torch module")
    return model


def load_weights(model: nn.Module, path: Path) -> None:
    """Puts a checkpoint's weights into a model.

    Raises:
        CheckpointError: the file is missing or damaged, or a tensor is missing, left over or of another
            shape.
    """
    file = path / WEIGHTS
    try:
        model.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{file} does not hold the weights of this model: {error}") from error


def load_model(path: Path) -> tuple[nn.Module, CheckpointInfo]:
    """The trained model of a checkpoint, or of a run's last one, with what it says about itself.

    Raises:
        CheckpointError: see `find_checkpoint`, `read_info` and `load_weights`.
    """
    path = find_checkpoint(path)
    info = read_info(path)
    model = build_model(info)
    load_weights(model, path)
    return model.eval(), info


def read_state(path: Path) -> dict[str, Any]:
    """The training state of a checkpoint.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    file = path / STATE
    if not zipfile.is_zipfile(file):
        raise CheckpointError(f"{file} is not a training state that can be resumed: no such file, or damaged")
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{file} is not a training state that can be resumed: {error}") from error
    return state


def _as_dict(info: CheckpointInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in CheckpointInfo.__annotations__}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
