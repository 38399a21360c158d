"""The prior's elementwise functions, f32 in and out.

Each function may write into its argument and returns an array of its shape; NaN stays NaN. The formulas are
the usual ones of neural network libraries. Not here: the drawn scale and the clip around them, which belong
to the layer (`plurel_scm.networks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws
from plurel_scm import _kernel

if TYPE_CHECKING:
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
Function: TypeAlias = Callable[[F32], F32]

LEAKY_SLOPE = np.float32(0.01)
RRELU_SLOPE = np.float32((1 / 8 + 1 / 3) / 2)
SHRINK = np.float32(0.5)
SELU_ALPHA = np.float32(1.6732632423543772)
SELU_SCALE = np.float32(1.0507009873554805)
ONE = np.float32(1)
HALF = np.float32(0.5)


def _negative_slope(x: F32, slope: np.float32) -> F32:
    """`x` where positive, `slope * x` elsewhere, for a slope below 1."""
    np.maximum(x, x * slope, out=x)
    return x


def _expm1_of_negative(x: F32) -> F32:
    """`exp(min(x, 0)) - 1`."""
    negative: F32 = np.minimum(x, np.float32(0))
    return np.expm1(negative, out=negative)


def _softplus(x: F32) -> F32:
    """`log(1 + exp(x))` without overflow."""
    tail: F32 = np.abs(x)
    np.negative(tail, out=tail)
    np.exp(tail, out=tail)
    np.log1p(tail, out=tail)
    np.clip(x, 0, None, out=x)
    return np.add(x, tail, out=x)


def _sigmoid(x: F32) -> F32:
    """`1 / (1 + exp(-x))` as a hyperbolic tangent, which does not overflow."""
    x *= HALF
    np.tanh(x, out=x)
    x *= HALF
    x += HALF
    return x


def relu(x: F32) -> F32:
    """`max(x, 0)`."""
    return np.clip(x, 0, None, out=x)


def elu(x: F32) -> F32:
    """`x` where positive, `exp(x) - 1` elsewhere (Clevert et al., 2016)."""
    tail = _expm1_of_negative(x)
    np.clip(x, 0, None, out=x)
    return np.add(x, tail, out=x)


def selu(x: F32) -> F32:
    """The scaled `elu` of self-normalising networks (Klambauer et al., 2017)."""
    tail = _expm1_of_negative(x)
    tail *= SELU_ALPHA
    np.clip(x, 0, None, out=x)
    x += tail
    x *= SELU_SCALE
    return x


def silu(x: F32) -> F32:
    """`x * sigmoid(x)`."""
    return x * _sigmoid(x.copy())


def softsign(x: F32) -> F32:
    """`x / (1 + |x|)`."""
    return np.divide(x, np.abs(x) + ONE, out=x)


def tanh(x: F32) -> F32:
    """The hyperbolic tangent."""
    return np.tanh(x, out=x)


def sigmoid(x: F32) -> F32:
    """The logistic function."""
    return _sigmoid(x)


def hardsigmoid(x: F32) -> F32:
    """`x / 6 + 1 / 2` cut to 0..1."""
    x /= np.float32(6)
    x += HALF
    return np.clip(x, 0, 1, out=x)


def hardswish(x: F32) -> F32:
    """`x * hardsigmoid(x)`."""
    return x * hardsigmoid(x.copy())


def mish(x: F32) -> F32:
    """`x * tanh(softplus(x))` (Misra, 2019)."""
    gate = _softplus(x.copy())
    np.tanh(gate, out=gate)
    return np.multiply(x, gate, out=x)


def leaky_relu(x: F32) -> F32:
    """`x` where positive, `0.01 x` elsewhere."""
    return _negative_slope(x, LEAKY_SLOPE)


def rrelu(x: F32) -> F32:
    """The randomised rectifier at its mean slope, `(1/8 + 1/3) / 2` (Xu et al., 2015)."""
    return _negative_slope(x, RRELU_SLOPE)


def gelu(x: F32) -> F32:
    """`x` times the normal distribution function, exact (Hendrycks and Gimpel, 2016)."""
    from scipy.special import erf

    gate: F32 = erf(x * np.float32(np.sqrt(0.5)))
    gate += ONE
    gate *= HALF
    return np.multiply(x, gate, out=x)


def softplus(x: F32) -> F32:
    """`log(1 + exp(x))`."""
    return _softplus(x)


def logsigmoid(x: F32) -> F32:
    """`log(sigmoid(x))`."""
    np.negative(x, out=x)
    _softplus(x)
    return np.negative(x, out=x)


def hardtanh(x: F32) -> F32:
    """`x` cut to -1..1."""
    return np.clip(x, -1, 1, out=x)


def clamp(x: F32) -> F32:
    """`x` cut to -1..1, the same function as `hardtanh`: it counts twice in the prior."""
    return np.clip(x, -1, 1, out=x)


def celu(x: F32) -> F32:
    """`elu` at scale 1, the same function as `elu`: it counts twice in the prior."""
    return elu(x)


def tanhshrink(x: F32) -> F32:
    """`x - tanh(x)`."""
    return np.subtract(x, np.tanh(x), out=x)


def softshrink(x: F32) -> F32:
    """`x` drawn towards 0 by 0.5."""
    return np.subtract(x, np.clip(x, -SHRINK, SHRINK), out=x)


def hardshrink(x: F32) -> F32:
    """`x`, but 0 in -0.5..0.5."""
    x[np.abs(x) <= SHRINK] = 0
    return x


def identity(x: F32) -> F32:
    """`x`."""
    return x


def absolute(x: F32) -> F32:
    """`|x|`."""
    return np.abs(x, out=x)


def sin(x: F32) -> F32:
    """The sine."""
    return np.sin(x, out=x)


def cos(x: F32) -> F32:
    """The cosine."""
    return np.cos(x, out=x)


def sign(x: F32) -> F32:
    """-1, 0 or 1."""
    return np.sign(x, out=x)


def signed_log1p(x: F32) -> F32:
    """`sign(x) log(1 + |x|)`."""
    size: F32 = np.abs(x)
    np.log1p(size, out=size)
    return np.copysign(size, x, out=x)


def bent_identity(x: F32) -> F32:
    """`(sqrt(x^2 + 1) - 1) / 2 + x`."""
    bend: F32 = x * x
    bend += ONE
    np.sqrt(bend, out=bend)
    bend -= ONE
    bend *= HALF
    return np.add(x, bend, out=x)


FIXED: dict[str, Function] = {
    "relu": relu,
    "elu": elu,
    "selu": selu,
    "silu": silu,
    "softsign": softsign,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "hardswish": hardswish,
    "mish": mish,
    "leaky_relu": leaky_relu,
    "gelu": gelu,
    "softplus": softplus,
    "hardsigmoid": hardsigmoid,
    "hardtanh": hardtanh,
    "celu": celu,
    "tanhshrink": tanhshrink,
    "rrelu": rrelu,
    "logsigmoid": logsigmoid,
    "softshrink": softshrink,
    "hardshrink": hardshrink,
    "identity": identity,
    "abs": absolute,
    "sin": sin,
    "cos": cos,
    "sign": sign,
    "clamp": clamp,
    "signed_log1p": signed_log1p,
    "bent_identity": bent_identity,
}
"""The functions without parameters, by the name of their contribution."""


@frozen
class Fixed:
    """An activation without parameters: every draw is the same function."""

    function: Function

    def draw(self, stream: Stream) -> Function:  # noqa: ARG002
        """The function itself."""
        return self.function


def fixed(name: str) -> Fixed:
    """The activation of a name in `FIXED`."""
    return Fixed(FIXED[name])


@frozen(eq=False)
class SineSum:
    """A drawn sum of sines.

    Attributes:
        terms: amplitude, frequency and phase of each, `[terms, 3] f32`.
    """

    terms: F32

    def __call__(self, x: F32) -> F32:
        """`sum of amplitude * sin(frequency * x + phase)`."""
        total = np.zeros_like(x)
        for amplitude, frequency, phase in self.terms:
            term = x * frequency
            term += phase
            np.sin(term, out=term)
            term *= amplitude
            total += term
        return total


MOST_TERMS = 1024
"""Sines of one sum beyond which a config is a mistake."""


def _default_terms() -> Choices:
    return Choices(kind="range", value=[3, 7])


@frozen(kw_only=True)
class RandomSines:
    """Parameters of `random_sines`, and the activation itself.

    Attributes:
        terms: number of sines. Amplitudes are N(0, 1), frequencies log-uniform in 0.1..10, phases uniform.
    """

    terms: Choices = field(factory=_default_terms, validator=Draws(1, MOST_TERMS, integers=True))

    def draw(self, stream: Stream) -> SineSum:
        """A sum of sines of its own."""
        terms = int(self.terms.draw(stream / "terms"))
        return SineSum(_kernel.sines(stream.key, 0, terms))
