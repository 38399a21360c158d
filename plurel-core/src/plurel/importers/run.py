"""Running an importer, and noting in the directory which one made it. Not here: the importers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plurel.generation.blame import blaming
from plurel.plugins import Entry, provenance
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import read_origin


def run_importer(entry: Entry, request: ImportRequest, params: Mapping[str, Any] | None = None) -> Path:
    """Make a RelBench directory of a real source.

    Args:
        entry: the importer.
        request: where to, and where the source lies.
        params: the importer's parameters, None for its defaults.

    Returns:
        The directory; its `plurel.json` names the importer among its contributions.

    Raises:
        PluginError: where the importer fails.
    """
    with blaming(f"the importer {entry.id}", f"the directory {request.out}"):
        path = Path(entry.build(params).run(request))
    said = {**(read_origin(path) or {}), "contributions": provenance([(entry, params or {})])}
    text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    building = path / f".plurel.json.{os.getpid()}"
    building.write_text(text, encoding="utf-8")
    building.replace(path / "plurel.json")
    return path
