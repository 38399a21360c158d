# Draws take a stream's key, the number of a block, and how many.
from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACTIVATIONS",
    "AGGREGATIONS",
    "INITIALIZERS",
    "Encoders",
    "Node",
    "below",
    "beta",
    "beta_quantiles",
    "cauchy",
    "draw_matrices",
    "exp",
    "normal",
    "paths",
    "permutation",
    "series",
    "shares",
    "signed_log",
    "sines",
    "uniform",
    "weights",
    "words",
]

ACTIVATIONS: Final[tuple[str, ...]]
AGGREGATIONS: Final[tuple[str, ...]]
INITIALIZERS: Final[tuple[str, ...]]

def paths() -> list[str]: ...

# What the arrays hold stands in the kernel's `description.rs`.
@final
class Node:
    def __new__(
        cls,
        words: NDArray[np.uint32],
        scalars: NDArray[np.float32],
        weights: NDArray[np.float32],
        embeddings: NDArray[np.float32],
        quantiles: NDArray[np.float32],
    ) -> Node: ...
    def __getnewargs__(
        self,
    ) -> tuple[
        NDArray[np.uint32],
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
    ]: ...
    def compute(
        self,
        rows: int,
        inputs: Sequence[NDArray[Any]],
        parents: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]],
        key: int,
        block: int,
    ) -> NDArray[Any]: ...

@final
class Encoders:
    def __new__(
        cls,
        words: NDArray[np.uint32],
        scalars: NDArray[np.float32],
        weights: NDArray[np.float32],
        embeddings: NDArray[np.float32],
    ) -> Encoders: ...
    def table(self, rows: int, columns: Sequence[NDArray[Any]]) -> NDArray[np.float32]: ...

def words(key: int, block: int, count: int) -> NDArray[np.uint64]: ...
def uniform(key: int, block: int, count: int) -> NDArray[np.float64]: ...
def normal(key: int, block: int, count: int) -> NDArray[np.float64]: ...
def cauchy(key: int, block: int, count: int) -> NDArray[np.float64]: ...
def beta(key: int, block: int, count: int, alpha: float, beta: float) -> NDArray[np.float64]: ...
def below(key: int, block: int, count: int, bound: int) -> NDArray[np.int64]: ...
def permutation(key: int, block: int, count: int) -> NDArray[np.int64]: ...
def shares(key: int, block: int, count: int) -> NDArray[np.float64]: ...
def sines(key: int, block: int, count: int) -> NDArray[np.float32]: ...
def exp(values: NDArray[np.float64]) -> NDArray[np.float64]: ...
def signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]: ...
def beta_quantiles(alpha: float, beta: float) -> NDArray[np.float64]: ...
def weights(key: int, initializer: int, count: int, inputs: int, outputs: int) -> NDArray[np.float32]: ...
def draw_matrices(
    out: NDArray[np.float32],
    shapes: Sequence[tuple[int, int]],
    initializers: Sequence[int | None],
    key: int,
    densities: Sequence[float] | None = None,
    mask_key: int = 0,
) -> None: ...
def series(
    key: int,
    block: int,
    count: int,
    block_rows: int,
    rows: int,
    low: float,
    high: float,
    trend_scale: float,
    trend_alpha: float,
    cycle_scale: float,
    cycle_rows: int,
    noise_scale: float,
    rho: float,
) -> NDArray[np.float32]: ...
