"""Running an importer: its directory appears whole, with the note of which one made it, or not at all.

Not here: the importers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from plurel.errors import PluginError
from plurel.generation.blame import blaming
from plurel.places import draft, refuse_taken, settle, write_whole
from plurel.plugins import Entry, provenance
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import read_origin
from plurel.relbench_io.origin import DIGESTS, digests


def run_importer(entry: Entry, request: ImportRequest, params: Mapping[str, Any] | None = None) -> Path:
    """Make a RelBench directory of a real source.

    The importer writes into a draft beside the place, so that a death on the way leaves nothing there.

    Args:
        entry: the importer.
        request: where to, and where the source lies.
        params: the importer's parameters, None for its defaults.

    Returns:
        The directory; its `plurel.json` names the importer among its contributions, and has the checksums of
        the other files whether the importer wrote one or not.

    Raises:
        RequestError: where the place is taken, or nothing can be made there.
        PluginError: where the importer fails, or writes to another place.
    """
    refuse_taken(request.out)
    with draft(request.out) as unfinished:
        place = unfinished / request.out.name
        with blaming(f"the importer {entry.id}", f"the directory {request.out}"):
            path = Path(entry.build(params).run(evolve(request, out=place)))
        if path != place or not path.is_dir():
            raise PluginError(f"the importer {entry.id} made {path}; it was asked for {place}")
        said = read_origin(path) or {}
        said["contributions"] = provenance([(entry, params or {})])
        if DIGESTS not in said:
            said[DIGESTS] = digests(path)
        text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_whole(path / "plurel.json", text)
        settle(path, request.out)
    return request.out
