"""An embedder that counts letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Letters:
    """How often each letter stands in a text, divided by its length."""

    name, width, fingerprint = "letters", 26, "letters-1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """`[texts, 26]`."""
        rows = [[text.lower().count(chr(97 + place)) for place in range(26)] for text in texts]
        lengths = np.array([[max(len(text), 1)] for text in texts], dtype=np.float32)
        return np.array(rows, dtype=np.float32).reshape(-1, 26) / lengths.reshape(-1, 1)
