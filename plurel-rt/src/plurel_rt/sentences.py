"""An embedder that reads meaning: any sentence-transformers model that a person names.

Needs the extra `sentence-transformers`. Nothing is loaded before the first vector, or what identifies the
vectors, is asked for. The network is used only for a model that is named by its name on the Hugging Face Hub
and is not on this machine yet. Not here: which vectors a run reads (`plurel_rt.embedders`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen, validators

from plurel.errors import ConfigError, NotInstalledError, RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTINGS = (
    "modules.json",
    "config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "tokenizer.json",
)
"""Files that say how a model computes; `tokenizer.json` or, without it, those of `VOCABULARY`."""
VOCABULARY = ("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model")
NOT_IDENTITY = ("__version__", "transformers_version", "_name_or_path")
"""Keys of the settings that tell who wrote the files and not what they compute."""


@frozen(kw_only=True)
class SentenceParams:
    """Parameters of the embedder.

    Attributes:
        model: folder of a model, or its name on the Hugging Face Hub (`all-MiniLM-L12-v2`).
        batch_size: texts that are embedded at once.
        device: where it computes, as torch names it; None for the fastest there is.
    """

    model: str = field(default="", validator=validators.instance_of(str))
    batch_size: int = field(default=64, validator=[validators.instance_of(int), validators.ge(1)])
    device: str | None = None


class SentenceEmbedder:
    """Vectors of a sentence-transformers model. Source: Reimers and Gurevych, "Sentence-BERT" (2019).

    Args:
        params: which model, and how it is run.
    """

    name = "sentence-transformers"

    def __init__(self, params: SentenceParams) -> None:
        self.params = params

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._encode([""]).shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """Of the model's files, wherever they lie: weights, tokenizer and settings."""
        _ = self._model  # a model that is not here yet is fetched first
        digest = hashlib.sha256()
        for name, content in _identity(_folder(self.params.model)):
            digest.update(f"{name} {len(content)}\n".encode() + content)
        return f"sentence-transformers-{digest.hexdigest()[:32]}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Gives `[texts, width] f32`."""
        return self._encode(list(texts)) if len(texts) else np.zeros((0, self.width), np.float32)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            texts, batch_size=self.params.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)

    @cached_property
    def _model(self) -> Any:
        """The loaded model.

        Raises:
            NotInstalledError: sentence-transformers is not installed.
            ConfigError: no model was named.
            RequestError: it is neither here nor to be had.
        """
        name, device = self.params.model, self.params.device
        if not name:
            raise ConfigError(
                "the embedder sentence-transformers needs a model: the folder of one, or its name on the "
                "Hugging Face Hub",
                ".embedder.model",
            )
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise NotInstalledError(
                "the embedder sentence-transformers needs a package that is not installed: "
                f"python -m pip install 'sentence-transformers>=6' ({error})",
                "sentence-transformers",
            ) from error
        # Whatever the hub, the network or a file comes up with: the request cannot be met.
        folder = _local(name)
        if folder is not None:
            try:
                return SentenceTransformer(str(folder), device=device, local_files_only=True)
            except Exception as error:
                raise RequestError(f"{name} holds no sentence-transformers model: {_line(error)}") from error
        try:
            return SentenceTransformer(name, device=device, local_files_only=True)
        except (OSError, ValueError):
            pass  # not downloaded yet
        try:
            return SentenceTransformer(name, device=device)
        except Exception as error:
            raise RequestError(
                f"the model {name!r} is no folder here, was not downloaded before, and cannot be downloaded "
                f"now: {_line(error)}; a folder with its files works without a network"
            ) from error


def _local(model: str) -> Path | None:
    """The folder that a model's name means, None where it is a name on the hub."""
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else None


def _folder(model: str) -> Path:
    """Where the files of a loaded model lie."""
    local = _local(model)
    if local is not None:
        return local
    from huggingface_hub import snapshot_download

    hub_name = model if "/" in model else f"sentence-transformers/{model}"
    return Path(snapshot_download(hub_name, local_files_only=True))


def _identity(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that decides about vectors.

    A download holds fewer files than a clone (no other formats, no cards), and the vectors are the same: so
    only what is loaded counts, and of settings only what they say.
    """
    modules = folder / "modules.json"
    listed = json.loads(modules.read_bytes()) if modules.is_file() else []
    for place in sorted({"", *(module["path"] for module in listed)}):
        here = folder / place
        for name in SETTINGS:
            if (here / name).is_file():
                yield f"{place}/{name}", _settings(here / name)
        if not (here / "tokenizer.json").is_file():
            for name in VOCABULARY:
                if (here / name).is_file():
                    yield f"{place}/{name}", (here / name).read_bytes()
        weights = sorted(here.glob("*.safetensors")) or sorted(here.glob("*.bin"))
        for file in weights:
            yield f"{place}/{file.name}", file.read_bytes()


def _settings(file: Path) -> bytes:
    """A file of settings without what is no part of the model, in one spelling."""
    content = json.loads(file.read_bytes())
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key not in NOT_IDENTITY}
    return json.dumps(content, sort_keys=True).encode()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
