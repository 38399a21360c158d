"""What a run says of itself while it goes and at its end, and files with a line a step.

Not here: pictures (`plurel_rt.plot`) and checkpoints.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen


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
        ranks: processes that took part, in the end.
        loss: of the last step.
        eval_loss: of the trained model, where a run measures any.
    """

    out: Path
    checkpoint: Path
    steps: int
    parameters: int
    targets: int
    ranks: int
    loss: float
    eval_loss: float | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        record = {name: getattr(self, name) for name in RunReport.__annotations__}
        return {**record, "out": str(self.out), "checkpoint": str(self.checkpoint)}


class StepFile:
    """A file with a line of JSON a step, as a context manager that appends to what is there.

    Args:
        file: where it lies or shall lie.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: FileIO | None = None

    def __enter__(self) -> Self:
        self._open = self._file.open("ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Appends a line with a `step`; it is on its way to the disk when this returns.

        Raises:
            OSError: it could not be written; names the file.
        """
        if self._open is None:
            raise RuntimeError("a step file is written to inside its `with` block")
        data = (json.dumps(line, allow_nan=False) + "\n").encode()
        try:
            written = self._open.write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._file)) from error
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file))
