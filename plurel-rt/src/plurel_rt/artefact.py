"""Checkpoints as artefacts: what `plurel inspect` and `plurel validate` say of one, or of a run's.

The weights stay on disk: names, shapes and types stand in the head of their file. Not here: loading
(`plurel_rt.checkpoint`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from safetensors import SafetensorError, safe_open

from plurel.artefacts import Contents, Listing
from plurel.errors import NotInstalledError, PlurelError, UnknownNameError
from plurel.plugins.requests import ArtefactRequest
from plurel.validate import Breach
from plurel_rt.checkpoint import (
    CONFIG,
    STATE,
    WEIGHTS,
    CheckpointError,
    CheckpointFileError,
    CheckpointInfo,
    build_model,
    check_file,
    find_checkpoint,
    list_checkpoints,
    read_info,
    read_state,
    step_of,
)


@frozen
class Tensor:
    """What the head of a weights file says of a tensor."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class CheckpointArtefact:
    """Reads and checks checkpoints, and folders of runs for their checkpoints."""

    def inspect(self, request: ArtefactRequest) -> Contents:
        """What a checkpoint, or the last one of a run, holds; no plugin of its model is needed.

        Raises:
            CheckpointError: there is none, or it cannot be read.
        """
        path = find_checkpoint(request.path)
        info = read_info(path)
        tensors = read_tensors(path / WEIGHTS)
        steps = [step_of(each) for each in list_checkpoints(request.path)]
        parameters = sum(tensor.size for tensor in tensors.values())
        facts = {
            "step": info.step,
            "steps": steps,
            "model": info.model,
            "parameters": parameters,
            "tensors": {
                name: {"shape": list(tensor.shape), "dtype": tensor.dtype} for name, tensor in tensors.items()
            },
            "embedder": info.embedder,
            "context": info.context,
            "stores": info.stores,
            "recipe": info.recipe,
            "resumable": (path / STATE).is_file(),
        }
        return Contents(
            summary=f"{info.model['name']} after {info.step:,} steps of the recipe "
            f"{info.recipe.get('name', 'without a name')}; {parameters:,} parameters",
            facts=facts,
            listings=list(_listings(info, tensors, steps)),
            contributions=info.provenance,
        )

    def validate(self, request: ArtefactRequest) -> Sequence[Breach]:
        """Everything that keeps a checkpoint, or any of a run's, from being loaded or gone on with."""
        itself = any((request.path / name).exists() for name in (CONFIG, WEIGHTS))
        checkpoints = [request.path] if itself else list_checkpoints(request.path)
        if not checkpoints:
            find_checkpoint(request.path)  # says what was looked for
        return [breach for path in checkpoints for breach in _breaches(path, request.path)]


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Names, shapes and types of the tensors of a weights file.

    Raises:
        CheckpointFileError: it is missing, or its head is damaged.
    """
    try:
        with safe_open(file, framework="numpy") as weights:
            slices = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118
            return {name: Tensor(tuple(one.get_shape()), one.get_dtype()) for name, one in slices.items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointFileError(f"{file} does not hold weights that can be read: {error}") from error


def _listings(info: CheckpointInfo, tensors: Mapping[str, Tensor], steps: list[int]) -> Iterator[Listing]:
    yield Listing(
        title="model",
        columns=["what", "value"],
        rows=[
            ("name", info.model["name"]),
            *((name, _words(value)) for name, value in info.model.get("config", {}).items()),
            *((f"{dtype} tensors", count) for dtype, count in _by_dtype(tensors)),
        ],
    )
    yield Listing(title="embedder", columns=["what", "value"], rows=list(info.embedder.items()))
    yield Listing(title="context", columns=["what", "value"], rows=list(info.context.items()))
    yield Listing(
        title="recipe",
        columns=["what", "value"],
        rows=[
            (name, _words(value))
            for name, value in info.recipe.items()
            if name not in ("model", "context", "embedder")
        ],
    )
    if steps:
        yield Listing(
            title="checkpoints of the run", columns=["step"], rows=[(f"{step:,}",) for step in steps]
        )


def _by_dtype(tensors: Mapping[str, Tensor]) -> list[tuple[str, int]]:
    return sorted(Counter(tensor.dtype for tensor in tensors.values()).items())


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _breaches(path: Path, root: Path) -> Iterator[Breach]:
    """What is wrong with one checkpoint; files are named as seen from the path that was asked for."""

    def place(file: str) -> str:
        return (path / file).relative_to(root).as_posix()

    try:
        info = read_info(path)
    except CheckpointError as error:
        yield Breach("files", place(CONFIG), str(error))
        return  # what the other files should be stands there
    whole = set()
    for file in (WEIGHTS, STATE):
        try:
            check_file(path, file)
            whole.add(file)
        except CheckpointError as error:
            yield Breach("files", place(file), str(error))
    if STATE in whole:
        try:
            read_state(path)
        except CheckpointError as error:
            yield Breach("files", place(STATE), str(error))
    if WEIGHTS in whole:
        try:
            tensors = read_tensors(path / WEIGHTS)
        except CheckpointError as error:
            yield Breach("files", place(WEIGHTS), str(error))
        else:
            yield from _misfits(info, tensors, place(CONFIG), place(WEIGHTS))


def _misfits(
    info: CheckpointInfo, tensors: Mapping[str, Tensor], config: str, weights: str
) -> Iterator[Breach]:
    """Tensors that are not those of the model that the config describes."""
    try:
        model = build_model(info)
    except (UnknownNameError, NotInstalledError) as error:
        yield Breach("plugin", config, f"the weights could not be compared with their model: {error}")
        return
    except (PlurelError, TypeError, ValueError, KeyError) as error:
        yield Breach("model", config, f"the model that it describes cannot be built: {error}")
        return
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, shape in expected.items():
        if name not in tensors:
            yield Breach("tensors", weights, f"lacks the tensor {name} of shape {list(shape)}")
        elif tensors[name].shape != shape:
            found = list(tensors[name].shape)
            yield Breach(
                "tensors", weights, f"tensor {name} has shape {found}; the model's has {list(shape)}"
            )
    for name in tensors:
        if name not in expected:
            yield Breach("tensors", weights, f"holds a tensor {name}, which the model does not have")
