"""One rank of a run, as a process of `test_ranks`, which gives the globals that are used here.

recipe       plain data of the recipe
resume       the run that it goes on with, or None
environment  what a launcher would set, and more
moment       None, or [step, signal]: the signal that the process sends itself when it begins that step
result       the file that tells what this rank saw
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from plurel.config.convert import structure
from plurel_rt import trainer
from plurel_rt.recipe import Recipe

given: dict[str, Any] = globals()
os.environ.update(given["environment"])
torch.set_num_threads(1)
norms: list[float] = []
digests: list[str] = []
plain = trainer._Run._train_step


def watched(self: trainer._Run, *arguments: Any) -> Any:
    moment = given["moment"]
    if moment is not None and self.step + 1 == moment[0]:
        os.kill(os.getpid(), moment[1])
    report, signal = plain(self, *arguments)
    norms.append(report.grad_norm)
    digest = hashlib.sha256()
    for parameter in self.model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    digests.append(digest.hexdigest())
    return report, signal


trainer._Run._train_step = watched  # type: ignore[method-assign]
seen: dict[str, Any] = {"norms": norms, "weights": digests}
try:
    resume = given["resume"]
    report = trainer.pretrain(structure(given["recipe"], Recipe), resume=resume and Path(resume))
    seen["report"] = report and report.to_dict()
except Exception as error:  # told to the test
    seen["error"] = f"{type(error).__name__}: {error}"
Path(given["result"]).write_text(json.dumps(seen))
sys.stderr.close()
