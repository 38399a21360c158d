"""A good mechanism, and one a rule that breaks it and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Good:
    """The first input's square root of its size, and noise."""

    def plan(self, request: Any) -> Plan:
        return self.make(request.categories, float(request.stream.generator().random()))

    def make(self, categories: int | None, weight: float) -> Plan:
        return Plan(categories, weight)


class Plan:
    """One node's function."""

    noise_shape: tuple[int, ...] = ()

    def __init__(self, categories: int | None, weight: float) -> None:
        self.categories = categories
        self.weight = np.float32(weight)

    def compute(self, inputs: Any, foreign: Any, noise: Any) -> Any:
        return self.shown(self.weight * inputs[0] + noise)

    def shown(self, values: Any) -> Any:
        if self.categories is None:
            return values
        return np.floor(np.abs(values) * 4).astype(np.int64) % self.categories


class Forgetful(Good):
    """Plans another function each time."""

    def __init__(self) -> None:
        self.planned = 0

    def make(self, categories: int | None, weight: float) -> Plan:
        self.planned += 1
        return Plan(categories, weight + self.planned)


class Meddling(Good):
    """Seeds numpy's global generator."""

    def make(self, categories: int | None, weight: float) -> Plan:
        np.random.seed(1)  # noqa: NPY002 - this is what it does wrong
        return Plan(categories, weight)


class Wide(Good):
    """Gives twice the precision that was asked for."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return WidePlan(categories, weight)


class WidePlan(Plan):
    def shown(self, values: Any) -> Any:
        shown = super().shown(values)
        return shown.astype(np.float64) if self.categories is None else shown


class OutOfRange(Good):
    """Counts labels from 1."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return OutOfRangePlan(categories, weight)


class OutOfRangePlan(Plan):
    def shown(self, values: Any) -> Any:
        return super().shown(values) + (0 if self.categories is None else 1)


class Infinite(Good):
    """Gives infinity where a value is small."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return InfinitePlan(categories, weight)


class InfinitePlan(Plan):
    def shown(self, values: Any) -> Any:
        shown = super().shown(values)
        return np.where(shown < 0.1, np.float32(np.inf), shown) if self.categories is None else shown


class Nosy(Good):
    """Subtracts the largest value of the block."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return NosyPlan(categories, weight)


class NosyPlan(Plan):
    def shown(self, values: Any) -> Any:
        return super().shown(values - values.max(initial=0))


class Overwriting(Good):
    """Uses its input as scratch."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return OverwritingPlan(categories, weight)


class OverwritingPlan(Plan):
    def compute(self, inputs: Any, foreign: Any, noise: Any) -> Any:
        inputs[0][:] *= self.weight
        return self.shown(inputs[0] + noise)


class Greedy(Good):
    """Needs at least two rows."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return GreedyPlan(categories, weight)


class GreedyPlan(Plan):
    def shown(self, values: Any) -> Any:
        if len(values) < 2:
            raise ValueError("one row has no neighbour")
        return super().shown(values)


class Fixed(Good):
    """Plans functions that do not pickle."""

    def make(self, categories: int | None, weight: float) -> Plan:
        return FixedPlan(categories, weight, lambda values: values)


class FixedPlan(Plan):
    def __init__(self, categories: int | None, weight: float, last: Callable[[Any], Any]) -> None:
        super().__init__(categories, weight)
        self.last = last
