"""Mechanism `linear`: a weighted sum of the inputs and noise.

Numbers are scaled by what a sample of rows shows, so that inputs of any size have a say; a label stands for
a drawn value. Edge weights are the coefficients, divided so that the sum has a deviation of about 1; all
columns of parent rows together weigh as much as an edge of weight 1. A category takes the label whose sum is
greatest. Not here: the noise's distribution (the run's choice).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws
from plurel_scm import _kernel
from plurel_scm.labels import labels_of
from plurel_scm.scores import default_noise_scale, noise_shape, outputs_of, settle

if TYPE_CHECKING:
    from plurel.plugins.protocols import ForeignRows
    from plurel.plugins.requests import MechanismRequest, NodeInput
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]

SCALED_LIMIT = np.float32(1e4)
"""What scaled numbers are clipped to, as encodings are in `mlp`."""


@frozen
class Scale:
    """Takes numbers to mean 0 and deviation 1, as far as a sample tells.

    Attributes:
        mean: the sample's mean.
        deviation: its deviation, 1 where it has none.
    """

    mean: np.float32
    deviation: np.float32

    @classmethod
    def of(cls, sample: NDArray[Any]) -> Scale:
        """The scale of a sample; numbers stay as they are where it is empty."""
        finite = sample[np.isfinite(sample)].astype(np.float64)
        if not len(finite):
            return cls(np.float32(0), np.float32(1))
        # Exact sums are the same on every machine.
        mean = math.fsum(finite) / len(finite)
        deviation = np.float32(math.sqrt(math.fsum((finite - mean) ** 2) / len(finite)))
        return cls(np.float32(mean), deviation if deviation > 0 else np.float32(1))

    def __call__(self, values: NDArray[Any]) -> F32:
        """Scaled and clipped numbers, 0 where they are missing."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled: F32 = (values.astype(np.float32, copy=False) - self.mean) / self.deviation
        np.clip(scaled, -SCALED_LIMIT, SCALED_LIMIT, out=scaled)
        scaled[np.isnan(scaled)] = 0
        return scaled


@frozen(eq=False)
class NumberTerm:
    """What a number adds to the sums.

    Attributes:
        scale: takes it to deviation 1.
        coefficients: one a sum, `[outputs]`.
    """

    scale: Scale
    coefficients: F32

    def add(self, values: NDArray[Any], sums: F32) -> None:
        """Add the terms of `[rows]` numbers to `[rows, outputs]`."""
        sums += self.scale(values)[:, None] * self.coefficients


@frozen(eq=False)
class LabelTerm:
    """What a label adds to the sums.

    Attributes:
        coefficients: one a label and sum, `[labels + 1, outputs]`; the last row is of the label -1, no label.
    """

    coefficients: F32

    def add(self, values: NDArray[Any], sums: F32) -> None:
        """Add the terms of `[rows]` labels to `[rows, outputs]`."""
        sums += self.coefficients[values]


@frozen(kw_only=True, eq=False)
class LinearNode:
    """One node's function.

    Attributes:
        inputs: the term of each input.
        foreign: the term of each column of the parent rows.
        outputs: number of sums.
        category: whether the node is a category.
        noise_scale: deviation of the noise.
    """

    inputs: tuple[NumberTerm | LabelTerm, ...]
    foreign: tuple[NumberTerm | LabelTerm, ...]
    outputs: int
    category: bool
    noise_scale: np.float32

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number a sum."""
        return noise_shape(self.outputs, category=self.category)

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block, `[rows]` f32 or int64 labels; what is missing counts as its mean."""
        sums = np.zeros((len(noise), self.outputs), dtype=np.float32)
        for term, values in zip(self.inputs, inputs, strict=True):
            term.add(values, sums)
        if foreign is not None:
            for place, term in enumerate(self.foreign):
                term.add(foreign.values(place), sums)
        return settle(sums, noise, self.noise_scale, category=self.category)


@frozen(kw_only=True)
class Linear:
    """Parameters of `linear`, and the mechanism itself.

    Attributes:
        noise_scale: deviation of the noise, where the inputs give a deviation of about 1.
    """

    noise_scale: Choices = field(factory=default_noise_scale, validator=Draws(0))

    def plan(self, request: MechanismRequest) -> LinearNode:
        """Draw a node's coefficients."""
        stream, sample = request.stream, request.sample()
        category, outputs = request.output == "category", outputs_of(request)
        weights = [value.weight for value in request.inputs]
        size = math.hypot(*weights, 1.0 if request.foreign else 0.0) or 1.0
        return LinearNode(
            inputs=tuple(
                _terms(
                    request.inputs,
                    [weight / size for weight in weights],
                    sample.inputs,
                    outputs,
                    stream / "inputs",
                    plain=not category,
                )
            ),
            foreign=tuple(
                _terms(
                    request.foreign,
                    [1 / (size * math.sqrt(len(request.foreign))) for _ in request.foreign],
                    sample.foreign,
                    outputs,
                    stream / "foreign",
                    plain=False,
                )
            ),
            outputs=outputs,
            category=category,
            noise_scale=np.float32(self.noise_scale.draw(stream / "noise scale")),
        )


def _terms(
    inputs: Sequence[NodeInput],
    weights: Sequence[float],
    samples: Sequence[NDArray[Any]],
    outputs: int,
    stream: Stream,
    *,
    plain: bool,
) -> Iterator[NumberTerm | LabelTerm]:
    """The terms of inputs; a number's coefficient is its weight where `plain`, else times a normal draw."""
    for place, (value, weight) in enumerate(zip(inputs, weights, strict=True)):
        key = (stream / place).key
        if value.kind == "category":
            labels = labels_of(value.categories)
            drawn = _kernel.normal(key, 0, labels * outputs).reshape(labels, outputs)
            yield LabelTerm(np.concatenate([drawn * weight, np.zeros((1, outputs))]).astype(np.float32))
        else:
            drawn = np.ones(outputs) if plain else _kernel.normal(key, 0, outputs)
            scale = Scale.of(samples[place] if samples else np.empty(0))
            yield NumberTerm(scale, (drawn * weight).astype(np.float32))
