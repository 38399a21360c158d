"""A choice: what a parameter may be, and how one value of it is drawn.

Pure data and pure draws. Not here: what a chosen name stands for, which the ledger knows
(`plurel.config.resolution`).
"""

from __future__ import annotations

import datetime as dt
import math
import numbers
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs
from attrs import Attribute, field, frozen

from plurel.config.plain import WIDEST, check_plain, is_finite, moment_text
from plurel.config.problems import known_keywords, shown, unknown_key
from plurel.errors import ConfigError
from plurel.plugins.entries import closest

if TYPE_CHECKING:
    from plurel.seeding import Stream

Scalar = str | int | float | bool

_KEYS = ("kind", "value", "weights")
_MOST_ZIPF = 1_000_000
WORD_BITS = 64


def _plain_word(kind: Any) -> Any:
    return str(kind) if isinstance(kind, str) else kind  # numpy's texts are texts


def _frozen_value(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return tuple(unstructure(item) for item in value)
    raise ConfigError(f"the value of a choice is a list, got {shown(value)}", ".value")


def _frozen_weights(weights: Any) -> tuple[float, ...] | None:
    if weights is None:
        return None
    if not isinstance(weights, list | tuple):
        raise ConfigError(f"the weights of a choice are a list, got {shown(weights)}", ".weights")
    return tuple(unstructure(weight) for weight in weights)


@known_keywords
@frozen
class Choices:
    """A distribution that a parameter is drawn from.

    Attributes:
        kind: `set`: one of the values, equally likely or by `weights`; `range`: between two bounds, both
            included (integers where both are, floats otherwise); `log_range`: the same, uniform in the
            logarithm; `zipf_range`: an integer k between two bounds with P(k) proportional to 1/k;
            `normal`, `lognormal`: mean and standard deviation (of the logarithm); `beta`: its two shapes.
        value: the values, bounds or parameters. In a set of contributions a value is a name or
            `{"name": ..., parameter: ...}`.
        weights: relative weights of a set's values.

    Raises:
        ConfigError: for values that do not fit the kind.

    Example:
        >>> from plurel.seeding import Stream
        >>> 5 <= Choices(kind="range", value=[5, 10]).draw(Stream(0)) <= 10
        True
        >>> Choices.constant("relu").draw(Stream(0))
        'relu'
        >>> Choices(kind="range", value=[10, 5])
        Traceback (most recent call last):
        ...
        plurel.errors.ConfigError: a range needs its smaller bound first, got [10, 5] @ $.value
    """

    kind: str = field(converter=_plain_word)
    value: tuple[Any, ...] = field(converter=_frozen_value)
    weights: tuple[float, ...] | None = field(default=None, converter=_frozen_weights)

    @kind.validator
    def _check_kind(self, _: Attribute[str], kind: str) -> None:
        if kind not in KINDS:
            near = closest(str(kind), KINDS)
            raise ConfigError(
                f"unknown kind of choice {shown(kind)}; known: {', '.join(KINDS)}{near}", ".kind"
            )

    @value.validator
    def _check_value(self, _: Attribute[tuple[Any, ...]], value: tuple[Any, ...]) -> None:
        if self.kind == "set":
            _check_set(value)
        elif self.kind in _DRAWS:
            _check_pair(self.kind, value)

    @weights.validator
    def _check_weights(
        self, _: Attribute[tuple[float, ...] | None], weights: tuple[float, ...] | None
    ) -> None:
        if weights is None:
            return
        if self.kind != "set":
            raise ConfigError(f"only a set has weights, this is a {self.kind}", ".weights")
        if len(weights) != len(self.value):
            raise ConfigError(
                f"{len(self.value)} values need as many weights, got {len(weights)}", ".weights"
            )
        fits = all(is_finite(weight) and weight >= 0 for weight in weights)
        if not fits or not 0 < sum(weights) < math.inf:
            raise ConfigError(
                f"weights are numbers from 0 upwards, not all 0, got {shown(list(weights))}", ".weights"
            )

    @classmethod
    def constant(cls, value: Scalar | Mapping[str, Any]) -> Choices:
        """The choice of one value."""
        return cls(kind="set", value=[value])

    def draw(self, stream: Stream) -> Any:
        """One value: the same for the same stream."""
        return self.draw_many(1, stream)[0]

    def draw_many(self, count: int, stream: Stream) -> list[Any]:
        """`count` independent values from the words of one stream."""
        if self.kind == "set":
            return [self.value[place] for place in self.draw_indices(count, stream)]
        return _DRAWS[self.kind](self.value, count, stream)

    def draw_index(self, stream: Stream) -> int:
        """Place of the value that `draw` gives; for sets."""
        return self.draw_indices(1, stream)[0]

    def draw_indices(self, count: int, stream: Stream) -> list[int]:
        """Places of the values that `draw_many` gives; for sets."""
        if len(self.value) == 1:
            return [0] * count
        if self.weights is None:
            return [word * len(self.value) >> WORD_BITS for word in stream.words(count)]
        return _weighted_places(self.weights, count, stream)


def unstructure(value: Any) -> Any:
    """Plain data of a value: attrs instances as mappings, tuples as lists, numpy's numbers as Python's.

    A member of an enumeration stands for its value, a day for its text. What is none of those stays as it is.
    """
    if isinstance(value, Choices):
        weights = {} if value.weights is None else {"weights": list(value.weights)}
        return {"kind": value.kind, "value": unstructure(value.value), **weights}
    if attrs.has(type(value)):
        return {
            item.alias or item.name: unstructure(getattr(value, item.name))
            for item in attrs.fields(type(value))
            if item.init
        }
    if isinstance(value, Mapping):
        return {key: unstructure(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [unstructure(item) for item in value]
    if isinstance(value, Enum):
        return unstructure(value.value)
    if isinstance(value, dt.date):
        return moment_text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def as_choices(value: Any) -> Choices:
    """A choice, or a plain value as the choice of that value (converter of config fields).

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(value, Choices):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        raise ConfigError(f"a choice among values is written {{kind: set, value: [...]}}, got {shown(value)}")
    if isinstance(value, Mapping) and "name" not in value:
        unknown = [key for key in value if key not in _KEYS]
        if unknown and {"kind", "value"} <= set(value):
            raise unknown_key(str(unknown[0]), _KEYS)
        if unknown or not {"kind", "value"} <= set(value):
            raise ConfigError(
                "a choice has the keys kind and value (and weights), or name and parameters; got "
                f"{sorted(map(str, value))}"
            )
        return Choices(**value)
    return Choices.constant(value)


def _check_set(values: tuple[Any, ...]) -> None:
    if not values:
        raise ConfigError("a set needs at least one value, got none", ".value")
    for place, item in enumerate(values):
        path = f".value[{place}]"
        if isinstance(item, dict) and not isinstance(item.get("name"), str):
            raise ConfigError(f"a contribution with parameters has a name, got {shown(item)}", path)
        if item is None or isinstance(item, list):
            raise ConfigError(
                f"a value is a name, a number or {{name: ..., parameters}}, got {shown(item)}", path
            )
        check_plain(item, path)


def _check_pair(kind: str, value: tuple[Any, ...]) -> None:
    if len(value) != 2 or not all(is_finite(item) for item in value):
        raise ConfigError(f"a {kind} has two numbers, got {shown(list(value))}", ".value")
    first, second = value
    if kind.endswith("range") and first > second:
        raise ConfigError(f"a {kind} needs its smaller bound first, got {shown(list(value))}", ".value")
    if kind in ("log_range", "zipf_range") and first <= 0:
        raise ConfigError(f"the bounds of a {kind} are above 0, got {shown(list(value))}", ".value")
    if kind.endswith("range") and _integers(value) and not all(-WIDEST <= bound < WIDEST for bound in value):
        raise ConfigError(f"the integers of a {kind} have 64 bits, got {shown(list(value))}", ".value")
    if kind == "zipf_range" and not (_integers(value) and second - first < _MOST_ZIPF):
        many = f"{_MOST_ZIPF:,}"
        raise ConfigError(
            f"the bounds of a zipf_range are integers, at most {many} of them, got {shown(list(value))}",
            ".value",
        )
    if kind in ("normal", "lognormal") and second < 0:
        raise ConfigError(f"a standard deviation is not below 0, got {shown(second)}", ".value[1]")
    if kind == "beta" and (first <= 0 or second <= 0):
        raise ConfigError(f"the shapes of a beta are above 0, got {shown(list(value))}", ".value")


def _integers(value: tuple[Any, ...]) -> bool:
    return all(isinstance(item, int) for item in value)


def _uniforms(count: int, stream: Stream) -> list[float]:
    """Numbers in 0..1, 1 left out: the upper 53 bits of words, as numpy makes them."""
    return [(word >> 11) * 2.0**-53 for word in stream.words(count)]


def _weighted_places(weights: Sequence[float], count: int, stream: Stream) -> list[int]:
    """Places of values that are as likely as their weights say; never one of weight 0."""
    cumulated = list(accumulate(weights))
    last = max(place for place, weight in enumerate(weights) if weight)
    return [
        min(bisect_right(cumulated, uniform * cumulated[-1]), last) for uniform in _uniforms(count, stream)
    ]


def _draw_range(value: tuple[Any, ...], count: int, stream: Stream) -> list[int] | list[float]:
    low, high = value
    if _integers(value):
        return [low + (word * (high - low + 1) >> WORD_BITS) for word in stream.words(count)]
    low, high = float(low), float(high)
    width = high - low
    # Rounding may put a draw just above the bounds, never below.
    return [min(low + width * uniform, high) for uniform in _uniforms(count, stream)]


def _draw_log_range(value: tuple[Any, ...], count: int, stream: Stream) -> list[int] | list[float]:
    # The integer k stands for [k, k + 1), so that every integer has its share.
    low, high = math.log(value[0]), math.log(value[1] + _integers(value))
    drawn = [math.exp(low + (high - low) * uniform) for uniform in _uniforms(count, stream)]
    if _integers(value):
        return [int(_inside(math.floor(number), value)) for number in drawn]
    return [_inside(number, value) for number in drawn]


def _inside(drawn: float, bounds: tuple[Any, ...]) -> float:
    """A draw that rounding may have put just outside of its bounds."""
    low, high = bounds
    return float(min(max(drawn, low), high))


def _draw_zipf_range(value: tuple[Any, ...], count: int, stream: Stream) -> list[int]:
    low, high = value
    return [low + place for place in _weighted_places([1 / k for k in range(low, high + 1)], count, stream)]


def _draw_normal(value: tuple[Any, ...], count: int, stream: Stream) -> list[float]:
    first, second = value
    drawn: list[float] = stream.generator().normal(first, second, count).tolist()
    return drawn


def _draw_lognormal(value: tuple[Any, ...], count: int, stream: Stream) -> list[float]:
    first, second = value
    drawn: list[float] = stream.generator().lognormal(first, second, count).tolist()
    return drawn


def _draw_beta(value: tuple[Any, ...], count: int, stream: Stream) -> list[float]:
    first, second = value
    drawn: list[float] = stream.generator().beta(first, second, count).tolist()
    return drawn


_DRAWS: Mapping[str, Callable[[tuple[Any, ...], int, Stream], list[Any]]] = {
    "range": _draw_range,
    "log_range": _draw_log_range,
    "zipf_range": _draw_zipf_range,
    "normal": _draw_normal,
    "lognormal": _draw_lognormal,
    "beta": _draw_beta,
}

KINDS = ("set", *_DRAWS)
"""The kinds of choice."""
