"""The built-in embedder. It knows spelling, not meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plurel_sampler._checks import check, check_range
from plurel_sampler._ready import _native
from plurel_sampler.errors import BuildError


class HashedEmbedder:
    """Words and character n-grams (3 to 5) hashed into a vector of unit length.

    Deterministic, needs no download, and is no semantic model: texts that share spelling are near each
    other, synonyms are not. Source: Weinberger et al., "Feature hashing for large scale multitask learning"
    (2009).

    Args:
        width: Length of a vector, 1 to 1,048,576.

    Raises:
        BuildError: ``width`` is no such number.

    Example:
        >>> vectors = HashedEmbedder(64).embed(["arrival delay", "arrival delays", "carrier"])
        >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
        ((3, 64), True)
    """

    name = "hashed"

    def __init__(self, width: int = 256) -> None:
        check("width", width, int, BuildError)
        check_range("width", width, 1, 2**20, BuildError)
        self._native = _native.HashedEmbedder(width)
        self.width = width

    @property
    def fingerprint(self) -> str:
        """Version and width: changes whenever the same text would get another vector."""
        return self._native.fingerprint

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Gives ``[texts, width]`` f32, each row of length 1.

        Raises:
            BuildError: ``texts`` is no sequence of strings, or one of them has no spelling in UTF-8.
        """
        check("texts", texts, Sequence[str], BuildError)
        try:
            return self._native.embed(list(texts))
        except UnicodeEncodeError as error:
            raise BuildError(f"a text that cannot be written as UTF-8: {error}") from error

    def __reduce__(self) -> tuple[type[HashedEmbedder], tuple[int]]:
        return (HashedEmbedder, (self.width,))

    def __repr__(self) -> str:
        return f"HashedEmbedder(width={self.width})"
