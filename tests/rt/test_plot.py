"""The loss curve shows every held-out loss that was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plurel_rt.plot import loss_curve, smooth

figure = pytest.importorskip("matplotlib.figure")


def test_no_held_out_loss_lies_outside_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(figure.Figure, "savefig", lambda self, out: drawn.append((self, out)))
    metrics = [{"step": 0, "eval_loss": 3.0}]
    metrics += [{"step": step, "loss": 1.0 + 0.01 * (step % 7)} for step in range(1, 50)]
    metrics[-1]["eval_loss"] = 0.2
    loss_curve(metrics, tmp_path / "loss.png", "a run")

    [(made, out)] = drawn
    [axes] = made.axes
    assert out == tmp_path / "loss.png"
    low, high = axes.get_ylim()
    assert low < 0.2 < 3.0 < high
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert lines["held-out rows"] == [[0, 3.0], [49, 0.2]]
    assert lines["each step"] == [[line["step"], line["loss"]] for line in metrics if "loss" in line]


def test_a_running_mean_stands_in_the_middle_of_its_window() -> None:
    values = np.arange(20.0)
    np.testing.assert_allclose(smooth(values, span=5)[2:-2], values[2:-2])
    assert smooth(values, span=5)[[0, -1]].tolist() == [1.0, 18.0]
