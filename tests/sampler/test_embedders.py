"""The built-in embedder: what it makes of texts, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel_sampler import (
    BuildError,
    HashedEmbedder,
)


def test_only_strings_are_embedded() -> None:
    wrongs: list[Any] = ["one text", 3, None, [3], ["a", None]]
    for wrong in wrongs:
        with pytest.raises(BuildError, match=r"texts is .*; expected a sequence of \(str\)"):
            HashedEmbedder(4).embed(wrong)
    with pytest.raises(BuildError, match="cannot be written as UTF-8"):
        HashedEmbedder(4).embed(["\ud800"])


@given(texts=st.lists(st.text(max_size=20), max_size=5), width=st.integers(1, 40))
def test_hashed_vectors_are_unit_vectors_of_each_text_alone(texts: list[str], width: int) -> None:
    embedder = HashedEmbedder(width)
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), width)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(embedder.embed([text])[0], vector)
