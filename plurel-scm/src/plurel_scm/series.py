"""Source `ts`: a series along the rows of a table, the mean of a trend, a cycle and autocorrelated noise.

A series is computed by the kernel, a block of rows without the blocks before it. Not here: event times; the
rows' order stands for time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws, Within
from plurel.plugins.requests import BLOCK_ROWS
from plurel_scm import _kernel
from plurel_scm.labels import labels_of
from plurel_scm.sources import draw_bounds, value_scales

if TYPE_CHECKING:
    from plurel.plugins.protocols import SourcePlan
    from plurel.plugins.requests import SourceRequest
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
I64: TypeAlias = NDArray[np.int64]

LONGEST_CYCLE = 2.0**53
"""Rows of half a period beyond which a cycle is a flat line anyway."""


@frozen
class Series:
    """One series of numbers.

    Attributes:
        stream: the innovations' stream.
        rows: rows of the whole table.
        low: lower bound; the trend starts there.
        high: upper bound.
        trend_scale: height of the trend at the table's end.
        trend_alpha: exponent of the trend.
        cycle_scale: amplitude of the cycle.
        cycle_rows: rows of half a period.
        noise_scale: standard deviation of an innovation.
        rho: autocorrelation of the noise.
    """

    stream: Stream
    rows: int
    low: float
    high: float
    trend_scale: float
    trend_alpha: float
    cycle_scale: float
    cycle_rows: int
    noise_scale: float
    rho: float

    def block(self, index: int, start: int, stop: int) -> F32:
        """Values of the rows of a block, `[rows] f32`: the mean of the three parts, each within the bounds.

        The noise restarts from as many of the earlier innovations as double precision remembers.
        """
        return _kernel.series(
            self.stream.key,
            index,
            stop - start,
            BLOCK_ROWS,
            rows=self.rows,
            low=self.low,
            high=self.high,
            trend_scale=self.trend_scale,
            trend_alpha=self.trend_alpha,
            cycle_scale=self.cycle_scale,
            cycle_rows=self.cycle_rows,
            noise_scale=self.noise_scale,
            rho=self.rho,
        )


@frozen
class LabelSeries:
    """A series of labels: each label has a series, and a row draws its label from their softmax."""

    stream: Stream
    series: tuple[Series, ...]

    def block(self, index: int, start: int, stop: int) -> I64:
        """Labels of the rows of a block, `[rows] int64`."""
        scores = np.stack([series.block(index, start, stop) for series in self.series]).astype(np.float64)
        odds = _kernel.exp((scores - scores.max(axis=0)).ravel()).reshape(scores.shape)
        cumulated = np.cumsum(odds, axis=0)
        level = _kernel.uniform(self.stream.key, index, stop - start) * cumulated[-1]
        labels: I64 = np.count_nonzero(cumulated <= level, axis=0)
        return np.minimum(labels, len(self.series) - 1)


def _default_alpha() -> Choices:
    return Choices(kind="range", value=[0.0, 2.0])


def _default_sign() -> Choices:
    return Choices(kind="set", value=[-1.0, 1.0])


def _default_cycle() -> Choices:
    return Choices(kind="set", value=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


def _default_rho() -> Choices:
    return Choices(kind="range", value=[0.0, 0.9])


@frozen(kw_only=True)
class Ts:
    """Parameters of source `ts`, and the source itself.

    Attributes:
        trend_alpha: exponent of the trend.
        activity_trend_scale: height of the trend in activity tables.
        entity_trend_scale: the same in entity tables.
        cycle_freq_perc: rows of half a period, as a part of all rows.
        activity_cycle_scale: amplitude of the cycle in activity tables.
        entity_cycle_scale: the same in entity tables.
        activity_noise_scale: standard deviation of an innovation in activity tables.
        entity_noise_scale: the same in entity tables.
        ar_rho: autocorrelation of the noise, above -1 and below 1.
        value_scale: scale of the bounds; it moves the bounds only, never the amplitudes.
    """

    trend_alpha: Choices = field(factory=_default_alpha, validator=Draws(0))
    activity_trend_scale: Choices = field(factory=_default_sign, validator=Draws())
    entity_trend_scale: float = field(default=0.0, validator=Within())
    cycle_freq_perc: Choices = field(factory=_default_cycle, validator=Draws(0, above=True))
    activity_cycle_scale: Choices = field(factory=_default_sign, validator=Draws())
    entity_cycle_scale: float = field(default=0.0, validator=Within())
    activity_noise_scale: float = field(default=0.05, validator=Within(0))
    entity_noise_scale: float = field(default=1.0, validator=Within(0))
    ar_rho: Choices = field(factory=_default_rho, validator=Draws(-1, 1, above=True, below=True))
    value_scale: Choices = field(factory=value_scales, validator=Draws(0))

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw the series' parameters, for each label of a category its own."""
        stream = request.stream
        if request.output == "number":
            return self._series(request, stream)
        labels = range(labels_of(request.categories))
        series = [self._series(request, stream / "label" / label) for label in labels]
        return LabelSeries(stream / "draws", tuple(series))

    def _series(self, request: SourceRequest, stream: Stream) -> Series:
        activity = request.role == "activity"
        low, high = draw_bounds(self.value_scale, stream)
        rho = float(self.ar_rho.draw(stream / "rho"))
        period = float(self.cycle_freq_perc.draw(stream / "cycle"))
        return Series(
            stream=stream / "innovations",
            rows=request.rows,
            low=low,
            high=high,
            trend_alpha=float(self.trend_alpha.draw(stream / "trend alpha")),
            trend_scale=(
                float(self.activity_trend_scale.draw(stream / "trend scale"))
                if activity
                else self.entity_trend_scale
            ),
            cycle_scale=(
                float(self.activity_cycle_scale.draw(stream / "cycle scale"))
                if activity
                else self.entity_cycle_scale
            ),
            cycle_rows=max(1, math.ceil(min(request.rows * period, LONGEST_CYCLE))),
            noise_scale=self.activity_noise_scale if activity else self.entity_noise_scale,
            rho=rho,
        )
