"""Random streams addressed by a path of names, never by the order of calls.

A draw belongs to what it is for: `Stream(7) / "table" / "orders" / "node" / 3 / "noise"` gives the same
numbers whatever else is drawn, in whatever order, on however many processes. There is no global state.
Not here: distributions. A stream hands out numpy generators and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, cast

from attrs import field, frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TAG_INT = b"i"
_TAG_STR = b"s"
_WORD = (1 << 64) - 1


@lru_cache(maxsize=1 << 14, typed=True)
def _word(part: str | int) -> bytes:
    """One path element as tagged, length-prefixed bytes: no two different paths share their bytes."""
    if isinstance(part, bool) or not isinstance(part, str | int):
        raise TypeError(f"a stream's path is made of str and int, got {type(part).__name__}: {part!r}")
    if isinstance(part, str):
        payload = part.encode()
        tag = _TAG_STR
    else:
        payload = part.to_bytes((part.bit_length() + 8) // 8, "little", signed=True)
        tag = _TAG_INT
    return tag + len(payload).to_bytes(8, "little") + payload


class _KeySequence:
    """What hands a key to Philox as it is.

    numpy's own `key=` first asks the system for entropy that it then throws away, which costs more than all
    the rest; a seed sequence that returns the key gives the same generator.
    """

    def __init__(self, key: int) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: object) -> NDArray[np.uint64]:  # noqa: ARG002
        """The key's two words, which is what Philox asks for."""
        import numpy as np

        return np.array([self.key & _WORD, self.key >> 64], dtype=np.uint64)


@cache
def _register_key_sequence() -> None:
    """Tell numpy, once it is there, that it may take `_KeySequence` for a seed sequence."""
    from numpy.random.bit_generator import ISeedSequence

    ISeedSequence.register(_KeySequence)


def _path(parts: Iterable[str | int]) -> tuple[str | int, ...]:
    return tuple(parts)


@frozen
class Stream:
    """A named source of random numbers: a seed and a path.

    Args:
        seed: any integer; it is the first element of the path.
        path: the names and numbers after it; use `/` to extend it.

    Example:
        >>> a = Stream(7) / "table" / "orders" / "node" / 3
        >>> b = Stream(7) / "table" / "orders" / "node" / 3
        >>> a.generator().integers(0, 1000, 3).tolist() == b.generator().integers(0, 1000, 3).tolist()
        True
        >>> a / 1 == a / "1"
        False
    """

    seed: int
    path: tuple[str | int, ...] = field(default=(), converter=_path)

    def __truediv__(self, part: str | int) -> Stream:
        _word(part)
        return Stream(self.seed, (*self.path, part))

    @property
    def key(self) -> int:
        """The 128-bit key of this path (BLAKE2b of its tagged words)."""
        digest = hashlib.blake2b(digest_size=16, person=b"plurel.stream.1")
        for part in (self.seed, *self.path):
            digest.update(_word(part))
        return int.from_bytes(digest.digest(), "little")

    def generator(self, block: int = 0) -> np.random.Generator:
        """A fresh generator at the start of a block of this stream.

        Args:
            block: number of the row block; it stands in the highest word of Philox's counter, so blocks
                never overlap (2**192 draws each).

        Returns:
            A numpy generator over Philox 4x64-10 (Salmon et al., 2011) keyed by `key`.
        """
        import numpy as np

        if not 0 <= block <= _WORD:
            raise ValueError(f"a block is a number from 0 to 2**64 - 1, got {block}")
        _register_key_sequence()
        sequence = cast("np.random.SeedSequence", _KeySequence(self.key))
        return np.random.Generator(np.random.Philox(sequence, counter=block << 192))

    def __str__(self) -> str:
        return "/".join(str(part) for part in (self.seed, *self.path))
