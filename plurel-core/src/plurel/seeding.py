"""Random streams addressed by a path of names, never by the order of calls.

A draw belongs to what it is for: `Stream(7) / "table" / "orders" / "node" / 3 / "noise"` gives the same
numbers whatever else is drawn, in whatever order, on however many processes. There is no global state.
Not here: distributions. A stream hands out numpy generators, and the words that these are made of.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

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

    def __init__(self, key: bytes) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: object) -> NDArray[np.uint64]:  # noqa: ARG002
        """The key's two words, which is what Philox asks for."""
        import numpy as np

        return np.frombuffer(self.key, dtype="<u8").astype(np.uint64)


@cache
def _register_key_sequence() -> None:
    """Tell numpy, once it is there, that it may take `_KeySequence` for a seed sequence."""
    from numpy.random.bit_generator import ISeedSequence

    ISeedSequence.register(_KeySequence)


def _philox(key: bytes, block: int) -> np.random.Philox:
    import numpy as np

    _register_key_sequence()
    return np.random.Philox(cast("np.random.SeedSequence", _KeySequence(key)), counter=block << 192)


class _Reused(threading.local):
    """One Philox a thread, set to the key of whoever wants a few words: a new one costs four of these."""

    def __init__(self) -> None:
        import numpy as np

        self.philox = _philox(bytes(16), 0)
        self.read = np.frombuffer
        self.state: Any = self.philox.state

    def words(self, key: bytes, count: int) -> list[int]:
        self.state["state"]["key"] = self.read(key, dtype="<u8")
        self.philox.state = self.state
        return cast("list[int]", self.philox.random_raw(count).tolist())


@cache
def _reused() -> _Reused:
    return _Reused()


def _path(parts: Iterable[str | int]) -> tuple[str | int, ...]:
    return tuple(parts)


_set = object.__setattr__


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
    _hash: Any = field(init=False, eq=False, repr=False)

    @_hash.default
    def _hash_of_path(self) -> Any:
        digest = hashlib.blake2b(digest_size=16, person=b"plurel.stream.1")
        for part in (self.seed, *self.path):
            digest.update(_word(part))
        return digest

    def __truediv__(self, part: str | int) -> Stream:
        longer = self._hash.copy()
        longer.update(_word(part))
        # What attrs' own __init__ does, without hashing the whole path again.
        stream = object.__new__(Stream)
        _set(stream, "seed", self.seed)
        _set(stream, "path", (*self.path, part))
        _set(stream, "_hash", longer)
        return stream

    def __reduce__(self) -> tuple[Any, ...]:
        return Stream, (self.seed, self.path)

    @property
    def key(self) -> int:
        """The 128-bit key of this path (BLAKE2b of its tagged words)."""
        return int.from_bytes(self._hash.digest(), "little")

    def words(self, count: int) -> list[int]:
        """The first `count` words of `generator().bit_generator`, 64 bits each, at a fraction of its cost.

        Example:
            >>> Stream(7).words(3) == Stream(7).generator().bit_generator.random_raw(3).tolist()
            True
        """
        return _reused().words(self._hash.digest(), count)

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
        return np.random.Generator(_philox(self._hash.digest(), block))

    def __str__(self) -> str:
        return "/".join(str(part) for part in (self.seed, *self.path))
