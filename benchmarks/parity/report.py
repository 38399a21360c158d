"""The comparison as a table of a page and as a picture. Not here: what is compared and how (`compare`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from parity.catalogue import GROUPS, INTENDED, STATISTICS
from parity.compare import FEWEST, Comparison, compare, distribution, holm

LEVEL = 0.01
"""Probability of any false rejection among all statistics."""

START, STOP = "<!-- written by benchmarks/parity_prior.py -->", "<!-- end -->"
"""What the page's table stands between."""

HEADS = (
    *("statistic", "reference: databases, parts", "ours", "reference: median (quartiles) or share", "ours"),
    *("distance", "reference to itself", "rejecting from", "p", "corrected p", ""),
)
"""The table's columns."""

Databases = Sequence[Mapping[str, np.ndarray]]


class Row(NamedTuple):
    """One statistic of three samples.

    Attributes:
        name: the statistic.
        ours: our databases against all of the reference's.
        reference: one half of the reference's against the other.
        corrected: the first comparison's p after Holm's correction for the number of statistics.
        corrected_reference: the second's.
        told: the statistic's quartiles (of shares of yes and no: the mean) in the reference and in ours.
        samples: the values of the reference's halves and of ours, by database.
    """

    name: str
    ours: Comparison
    reference: Comparison
    corrected: float
    corrected_reference: float
    told: tuple[str, str]
    samples: tuple[Sequence[np.ndarray], Sequence[np.ndarray], Sequence[np.ndarray]]

    @property
    def rejects(self) -> bool:
        """Whether ours differ from the reference's."""
        return self.corrected <= LEVEL


def rows(first: Databases, second: Databases, ours: Databases, permutations: int) -> list[Row]:
    """Compare ours with both halves of the reference, and the halves with each other.

    Raises:
        ValueError: where a measured statistic is in no group, or no statistic has enough databases.
    """
    generator = np.random.default_rng(0)
    unknown = {name for database in (*first, *second, *ours) for name in database} - set(STATISTICS)
    if unknown:
        raise ValueError(f"statistics that are in no group of the catalogue: {', '.join(sorted(unknown))}")
    found = []
    for name in STATISTICS:
        samples = tuple([d.get(name, np.empty(0)) for d in part] for part in (first, second, ours))
        against = compare([*samples[0], *samples[1]], samples[2], permutations, generator)
        itself = compare(samples[0], samples[1], permutations, generator)
        if against is not None and itself is not None:
            told = (typical([*samples[0], *samples[1]]), typical(samples[2]))
            found.append((name, against, itself, told, samples))
    if not found:
        counts = f"{len(first)} and {len(second)} of the reference, {len(ours)} of ours"
        raise ValueError(f"a comparison takes {FEWEST} databases of each sample, got {counts}")
    corrected = holm([against.p for _, against, *_ in found])
    corrected_reference = holm([itself.p for _, _, itself, *_ in found])
    return [
        Row(name, against, itself, p, q, told, samples)
        for (name, against, itself, told, samples), p, q in zip(
            found, corrected, corrected_reference, strict=True
        )
    ]


def typical(databases: Sequence[np.ndarray]) -> str:
    """The median and the quartiles of parts, or the share of those that are 1 where all are 0 or 1."""
    databases = [parts for parts in databases if len(parts)]
    values = np.concatenate(databases)
    if np.isin(values, (0.0, 1.0)).all() and len(values) > len(databases):
        return f"{np.mean([parts.mean() for parts in databases]):.1%}"
    weights = np.concatenate([np.full(len(parts), 1 / len(parts)) for parts in databases])
    order = np.argsort(values)
    levels = np.cumsum(weights[order]) / len(databases)
    low, middle, high = values[order][np.searchsorted(levels, (0.25, 0.5, 0.75))]
    return f"{middle:.3g} ({low:.3g}..{high:.3g})"


def summary(compared: Sequence[Row], first: int, second: int, ours: int) -> str:
    """What was compared and what came of it, in three sentences.

    Args:
        compared: the statistics.
        first: databases of the reference's first half.
        second: those of its second half.
        ours: databases of ours.
    """
    rejecting = [row.name for row in compared if row.rejects]
    itself = [row.name for row in compared if row.corrected_reference <= LEVEL]
    return (
        f"{ours} databases of the preset against {first + second} of the reference, and {first} of the "
        f"reference against its other {second}: {len(compared)} statistics at a family-wise {LEVEL:.0%}.\n"
        f"Ours against the reference: {told_of(rejecting)}.\n"
        f"The reference against itself: {told_of(itself)}."
    )


def told_of(names: Sequence[str]) -> str:
    """How many statistics reject, and which."""
    return f"{len(names)} reject ({'; '.join(names)})" if names else "none rejects"


def table(compared: Sequence[Row]) -> str:
    """The table of the page, in Markdown."""
    level = LEVEL / len(compared)
    lines = []
    by_name = {row.name: row for row in compared}
    for group, names in GROUPS.items():
        lines += [
            f"### {group}\n",
            f"| {' | '.join(HEADS)} |",
            f"|{'---|' * len(HEADS)}",
        ]
        lines += [line(by_name[name], level, reason(name, by_name)) for name in names if name in by_name]
        lines.append("")
    return "\n".join(lines)


def reason(name: str, compared: Mapping[str, Row]) -> str:
    """The defects of the reference by which a statistic differs, if without them it does not."""
    mended = compared.get(f"{name}, mended")
    known = name in INTENDED and mended is not None and not mended.rejects
    return f"{INTENDED[name]}; mended, it does not" if known else "not explained"


def line(row: Row, level: float, why: str) -> str:
    """A statistic as a line of the table, and why it rejects if it does."""
    sizes = [f"{count}, {parts:,}" for count, parts in zip(row.ours.databases, row.ours.parts, strict=True)]
    cells = [
        row.name,
        *sizes,
        *row.told,
        f"{row.ours.distance:.3f}",
        f"{row.reference.distance:.3f} (p {row.reference.p:.3f})",
        f"{row.ours.rejecting(level):.3f}",
        f"{row.ours.p:.5f}",
        f"{row.corrected:.3f}",
        f"**rejects**: {why}" if row.rejects else "",
    ]
    return f"| {' | '.join(cells)} |"


def write_table(page: Path, text: str) -> None:
    """Put the table in its place on a page.

    Raises:
        ValueError: where the page has no such place.
    """
    before, found, rest = page.read_text().partition(START)
    _, closed, after = rest.partition(STOP)
    if not (found and closed):
        raise ValueError(f"{page} has no place for a table between {START!r} and {STOP!r}")
    page.write_text(f"{before}{START}\n\n{text}\n{STOP}{after}")


def draw(path: Path, compared: Sequence[Row]) -> None:
    """Draw the distribution functions of every statistic as small multiples."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    wide = 7
    tall = -(-len(compared) // wide)
    figure, axes = plt.subplots(tall, wide, figsize=(wide * 2.7, tall * 2.4), layout="constrained")
    colours = ("#5b8db8", "#9dbfd9", "#d1602f")
    names = ("reference, first half", "reference, second half", "ours")
    for place, row in zip(axes.flat, compared, strict=False):
        low, high = window(row)
        for sample, colour, name in zip(row.samples, colours, names, strict=True):
            steps = curve(sample, low, high)
            place.plot(*steps, drawstyle="steps-post", color=colour, lw=1.3, label=name)
        place.set_title(
            "\n".join(wrap(row.name, 30)), fontsize=7.5, color="#c00000" if row.rejects else "black"
        )
        place.text(
            *(0.97, 0.06, f"D {row.ours.distance:.3f} ({row.reference.distance:.3f})\np {row.ours.p:.3g}"),
            transform=place.transAxes,
            ha="right",
            fontsize=6.5,
        )
        place.set(xlim=(low, high), ylim=(-0.02, 1.02))
        place.locator_params(nbins=4)
        place.tick_params(labelsize=6)
    for place in list(axes.flat)[len(compared) :]:
        place.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def window(row: Row) -> tuple[float, float]:
    """What of the values is shown: the middle 96 %."""
    values = np.concatenate([parts for sample in row.samples for parts in sample])
    low, high = np.quantile(values, (0.02, 0.98))
    margin = 0.04 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def curve(sample: Sequence[np.ndarray], low: float, high: float) -> Iterator[np.ndarray]:
    """Points of a sample's distribution function, each database weighing the same."""
    points = np.linspace(low, high, 400)
    yield points
    yield np.mean([distribution(parts, points) for parts in sample if len(parts)], axis=0)
