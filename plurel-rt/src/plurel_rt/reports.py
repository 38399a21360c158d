"""What a run says of itself while it goes and at its end, and the file that its steps go into.

Not here: pictures (`plurel_rt.plot`) and checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from attrs import frozen

from plurel_rt.runs import write_whole


@frozen(kw_only=True)
class StepReport:
    """What one optimiser step came to.

    Attributes:
        step: steps done, this one included.
        loss: mean over all sequences of the step, on all ranks.
        lr: the learning rate that it used.
        grad_norm: norm of the gradient before clipping.
        sequences: sequences read since the run began, on all ranks.
        eval_loss: loss on held-out rows after this step, where it was measured.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    sequences: int
    eval_loss: float | None = None

    def to_dict(self) -> dict[str, float]:
        """What was measured, as a line of `metrics.jsonl` has it."""
        record = {name: getattr(self, name) for name in StepReport.__annotations__}
        return {name: value for name, value in record.items() if value is not None}


@frozen(kw_only=True)
class RunReport:
    """What a run came to.

    Attributes:
        out: the run's folder.
        checkpoint: its last checkpoint.
        steps: optimiser steps done, those before a resume included.
        parameters: of the model.
        targets: how many columns and tasks it predicted.
        loss: of the last step.
        eval_loss: of the trained model, where a run measures any.
    """

    out: Path
    checkpoint: Path
    steps: int
    parameters: int
    targets: int
    loss: float
    eval_loss: float | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        record = {name: getattr(self, name) for name in RunReport.__annotations__}
        return {**record, "out": str(self.out), "checkpoint": str(self.checkpoint)}


class MetricsFile:
    """`metrics.jsonl`, one line a step, as a context manager; only the main rank has one.

    Args:
        file: where it lies or shall lie.
        after: the step that a run goes on from; lines of later steps, which it writes again, are dropped.
            None for a run that begins: all are.
    """

    def __init__(self, file: Path, after: int | None) -> None:
        lines = read_lines(file) if after is not None and file.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= after]
        write_whole(file, "".join(f"{line}\n" for line in kept))
        self._file = file
        self._open: TextIO | None = None

    def __enter__(self) -> Self:
        self._open = self._file.open("a")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()

    def write(self, line: Mapping[str, float]) -> None:
        """Appends a line with a `step`; it is on its way to the disk when this returns."""
        if self._open is None:
            raise RuntimeError("a metrics file is written to inside its `with` block")
        self._open.write(json.dumps(line) + "\n")
        self._open.flush()


def read_lines(file: Path) -> list[str]:
    """The whole lines of a file; one that a crash cut short is left out."""
    text = file.read_text()
    return text[: text.rfind("\n") + 1].splitlines()
