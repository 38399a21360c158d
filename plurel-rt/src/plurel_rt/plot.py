"""The picture of a training run: its loss, raw and smoothed, over the steps.

matplotlib is an extra (`plurel-rt[demo]`) and is imported on use.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plurel.errors import NotInstalledError
from plurel_rt.runs import read_lines

INK, RAW, SMOOTH, HELD_OUT = "#333333", "#c6d3e3", "#1f5fa8", "#d1602a"


def read_metrics(file: Path) -> list[dict[str, float]]:
    """The lines of a run's `metrics.jsonl`, one step each."""
    return [json.loads(line) for line in read_lines(file)]


def smooth(values: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Mean over a window of up to `span` values around each one; shorter at both ends.

    Example:
        >>> smooth(np.array([0.0, 3.0, 6.0]), span=3).tolist()
        [1.5, 3.0, 4.5]
    """
    half = span // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    mean: NDArray[np.float64] = (sums[high] - sums[low]) / (high - low)
    return mean


def loss_curve(metrics: list[dict[str, float]], out: Path, title: str) -> Path:
    """Draws the loss of every step, its running mean, and the loss on held-out rows where it was measured.

    Args:
        metrics: lines with `step`, most of them with `loss`, some with `eval_loss`.
        out: the PNG to write.
        title: stands above it.

    Raises:
        NotInstalledError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotInstalledError(
            "the loss curve needs matplotlib, which is part of the extra `demo`: "
            "install it from the repository with `pip install './plurel-rt[demo]'`"
        ) from error

    steps = np.array([line["step"] for line in metrics if "loss" in line])
    losses = np.array([line["loss"] for line in metrics if "loss" in line])
    figure = Figure(figsize=(8.0, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, losses, color=RAW, linewidth=0.7, label="each step")
    span = max(3, len(steps) // 8)
    axes.plot(steps, smooth(losses, span), color=SMOOTH, linewidth=2.0, label=f"mean over {span} steps")
    held_out = [(line["step"], line["eval_loss"]) for line in metrics if "eval_loss" in line]
    if held_out:
        axes.plot(
            *zip(*held_out, strict=True), color=HELD_OUT, marker="o", markersize=4, label="held-out rows"
        )
    # Single steps scatter with the columns they happen to mask; the frame follows what they scatter around.
    inside = [*np.quantile(losses, [0.1, 0.9]), *(loss for _, loss in held_out)]
    low, high = min(inside), max(inside)
    margin = 0.1 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(left=0)
    axes.set_xlabel("optimiser step", color=INK)
    axes.set_ylabel("loss of the masked cell", color=INK)
    axes.set_title(title, color=INK, loc="left")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    return out
