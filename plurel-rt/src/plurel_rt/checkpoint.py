"""Checkpoints: directories that hold a model, what it was made of, and enough to go on training it.

    step-00000500/
        model.safetensors   the weights, by the published names
        config.json         model and parameters, embedder, context, stores, recipe, step, provenance, and the
                            length and SHA-256 of every file
        state.pt            optimiser and position in the data; only training reads it

A checkpoint is written beside its place, synced and renamed: it exists whole or not at all, and is never
changed. Whatever is read is compared with its checksum before. Not here: published checkpoints of other
formats, and the choice of when to save (`plurel_rt.trainer`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from attrs import field, frozen
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from plurel.errors import RequestError

logger = logging.getLogger(__name__)

FORMAT_VERSION = 2
WEIGHTS, CONFIG, STATE = "model.safetensors", "config.json", "state.pt"
CHECKPOINTS = "checkpoints"
"""The folder of a run in which its checkpoints lie."""

_STEP = re.compile(r"step-(\d+)$")


class CheckpointError(RequestError):
    """A checkpoint that is not there, or does not fit what it is wanted for."""


class CheckpointFileError(CheckpointError):
    """A file of a checkpoint or a run that does not hold what was written, or cannot be written."""

    exit_code = 1


@frozen(kw_only=True)
class CheckpointInfo:
    """The content of `config.json`.

    Attributes:
        model: `{"name": "plurel-rt:rt-plurel", "config": {...}}`.
        embedder: `{"name", "width", "fingerprint"}` of the vectors that the model reads.
        context: parameters of the contexts that it was trained on.
        stores: those that it was trained on, as `plurel_rt.stores.identity` tells them apart.
        recipe: the whole recipe of the run.
        step: optimiser steps done.
        provenance: every contribution used, with distribution, version and revision.
    """

    model: dict[str, Any]
    embedder: dict[str, Any]
    context: dict[str, Any]
    stores: list[dict[str, Any]]
    recipe: dict[str, Any] = field(repr=False)
    step: int
    provenance: list[dict[str, Any]] = field(repr=False)


def checkpoint_dir(run: Path, step: int) -> Path:
    """Where a run's checkpoint of a step lies."""
    return run / CHECKPOINTS / f"step-{step:08d}"


def save_checkpoint(
    path: Path, weights: dict[str, torch.Tensor], info: CheckpointInfo, state: dict[str, Any]
) -> None:
    """Writes a checkpoint directory, whole or not at all.

    Args:
        path: where it shall lie, and nothing does yet; its parent is made.
        weights: the model's state dict.
        info: what goes into `config.json`.
        state: tensors, numbers, strings, lists and dicts only (it is read back without running code).

    Raises:
        CheckpointFileError: it cannot be written, or there is one already.
    """
    building = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        save_file({k: v.detach().contiguous().cpu() for k, v in weights.items()}, building / WEIGHTS)
        torch.save(_anew(state), building / STATE)
        document = {"format_version": FORMAT_VERSION, **_as_dict(info)}
        document["files"] = {name: _fingerprint(building / name) for name in (WEIGHTS, STATE)}
        document["sha256"] = _digest(document)
        (building / CONFIG).write_text(json.dumps(document, indent=2) + "\n")
        for file in building.iterdir():
            _sync(file)
        _sync(building)
        building.rename(path)
        _sync(path.parent)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointFileError(f"checkpoint {path} cannot be written: {_in_words(error)}") from error
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


def prune_checkpoints(checkpoints: Iterable[Path]) -> None:
    """Removes checkpoints that nobody needs any more; a warning names what of them cannot be removed."""
    for each in checkpoints:
        try:
            drop_checkpoint(each)
        except CheckpointFileError as error:
            logger.warning("%s; the run goes on", error)


def drop_checkpoint(path: Path) -> None:
    """Removes a checkpoint; at no moment does a part of it look like one.

    Raises:
        CheckpointFileError: it cannot be removed, or only in part.
    """
    dropped = path.with_name(f".{path.name}.{os.getpid()}")
    left = path
    try:
        path.rename(dropped)
        left = dropped
        shutil.rmtree(dropped)
    except OSError as error:
        rest = "" if left == path else f"; what is left of it lies at {left}"
        raise CheckpointFileError(f"checkpoint {path} cannot be removed: {_in_words(error)}{rest}") from error


def drop_drafts(run: Path) -> None:
    """Removes what processes left that ended while they wrote or removed a checkpoint of a run.

    No run needs that to be gone: a warning names what cannot be removed.
    """
    for draft in (run / CHECKPOINTS).glob(".step-*"):
        try:
            shutil.rmtree(draft)
        except OSError as error:
            logger.warning("%s, half a checkpoint, cannot be removed: %s", draft, _in_words(error))


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says about itself, without loading its weights.

    Raises:
        CheckpointError: of another format version, or with other fields.
        CheckpointFileError: not readable, or not what was written.
    """
    file = path / CONFIG
    document = _document(path)
    fields = {name: value for name, value in document.items() if name not in ("format_version", "files")}
    try:
        return CheckpointInfo(**fields)
    except TypeError as error:
        raise CheckpointError(
            f"{file} has other fields than a checkpoint of this version: {error}"
        ) from error


def check_file(path: Path, name: str) -> Path:
    """A file of a checkpoint, after it was compared with what was written.

    Args:
        path: the checkpoint.
        name: of its weights or its training state.

    Raises:
        CheckpointError: see `read_info`.
        CheckpointFileError: the file is missing or damaged.
    """
    file = path / name
    written = _document(path)["files"].get(name)
    try:
        found = _fingerprint(file)
    except OSError as error:
        raise CheckpointFileError(f"{file} cannot be read: {_in_words(error)}") from error
    if found != written:
        then, now = ("{bytes} bytes with SHA-256 {sha256}".format(**each) for each in (written, found))
        raise CheckpointFileError(
            f"{file} is damaged or was edited: it was written with {then}; it has {now}"
        )
    return file


def _document(path: Path) -> dict[str, Any]:
    """The content of `config.json` but for its own checksum, which fits."""
    file = path / CONFIG
    try:
        document: dict[str, Any] = json.loads(file.read_bytes())
        version = document["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointFileError(
            f"{file} is not the config of a plurel-rt checkpoint: {_in_words(error)}"
        ) from error
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{file} has format version {version!r}; this plurel-rt reads version {FORMAT_VERSION}"
        )
    if document.pop("sha256", None) != _digest(document):
        raise CheckpointFileError(f"{file} is damaged or was edited: it does not fit its own checksum")
    return document


def checksum(path: Path) -> str:
    """Stands for all content of a checkpoint: its `config.json` has the checksums of the other files."""
    return hashlib.sha256((path / CONFIG).read_bytes()).hexdigest()


def check_contributions(info: CheckpointInfo, path: Path) -> None:
    """Sees to it that what made a checkpoint is installed, and has not changed.

    Not its embedder: the vectors are in the stores, and are compared by their fingerprint.

    Raises:
        CheckpointError: names the contribution, its distribution and its version.
    """
    from plurel.artefacts import trace
    from plurel.plugins import get_ledger

    for origin in trace(info.provenance, get_ledger(), path / CONFIG):
        if origin.kind != "embedders" and origin.state != "installed":
            now = (
                f"{origin.dist} {origin.installed} has another revision of it, which computes something else"
                if origin.installed
                else "no installed plugin contributes it now"
            )
            raise CheckpointError(
                f"{path} was made with {origin.id} ({origin.kind}, revision {origin.revision}) of "
                f"{origin.dist} {origin.version}; {now}. Install that version again, or train anew"
            )


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
        CheckpointFileError: the file is missing or damaged.
        CheckpointError: a tensor is missing, left over or of another shape.
    """
    file = check_file(path, WEIGHTS)
    try:
        model.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"{file} does not hold the weights of this model: {_in_words(error)}"
        ) from error


def load_model(path: Path) -> tuple[nn.Module, CheckpointInfo]:
    """The trained model of a checkpoint, or of a run's last one, with what it says about itself.

    Raises:
        CheckpointError: see `find_checkpoint`, `read_info`, `check_contributions` and `load_weights`.
    """
    path = find_checkpoint(path)
    info = read_info(path)
    check_contributions(info, path)
    model = build_model(info)
    load_weights(model, path)
    return model.eval(), info


def read_state(path: Path) -> dict[str, Any]:
    """The training state of a checkpoint.

    Raises:
        CheckpointFileError: the file is missing or damaged.
    """
    file = check_file(path, STATE)
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, UnpicklingError) as error:
        raise CheckpointFileError(
            f"{file} is not a training state that can be resumed: {_in_words(error)}"
        ) from error
    return state


def _anew(value: Any) -> Any:
    """The same data as new objects, none of them twice: equal states then are equal bytes."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, Mapping):
        return {sys.intern(key) if isinstance(key, str) else key: _anew(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_anew(each) for each in value]
    return value


def _fingerprint(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _in_words(error: BaseException) -> str:
    """What an error says, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _as_dict(info: CheckpointInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in CheckpointInfo.__annotations__}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
