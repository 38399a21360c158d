"""Whether a document comes from the config of a run, and where not. Not here: what the documents hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plurel.generation.manifest import config_identity

if TYPE_CHECKING:
    from plurel.config import ResolvedConfig


def config_difference(resolved: ResolvedConfig, said: Mapping[str, Any], **known: Any) -> str | None:
    """Where a document has another config than a run's, in words; None where both give the same databases.

    Where databases are cached and which preset the values started from are no difference, and neither are
    versions of contributions: equal revisions promise equal values.

    Args:
        resolved: the config of the run.
        said: the document, a database's or a record's.
        known: what else the document must have.
    """
    config = said.get("config")
    if isinstance(config, dict):
        config = {name: value for name, value in config.items() if name != "preset"}
    wanted = _without_versions(json.loads(json.dumps({**known, **config_identity(resolved)})))
    found = _without_versions({**said, "config": config})
    return first_difference(wanted, {name: found.get(name) for name in wanted})


def first_difference(wanted: Any, found: Any, path: str = "$") -> str | None:
    """Where two JSON documents differ first, in words; None where they do not."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted(wanted.keys() ^ found.keys()):
            return f"only {'this run' if name in wanted else 'the directory'} has {name!r} @ {path}"
        steps = [(f"{path}.{name}", wanted[name], found[name]) for name in wanted]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = zip(wanted, found, strict=True)
        steps = [(f"{path}[{place}]", *pair) for place, pair in enumerate(pairs)]
    else:
        return None if wanted == found else f"found {found!r} where this run has {wanted!r} @ {path}"
    differences = (first_difference(one, other, step) for step, one, other in steps)
    return next((words for words in differences if words is not None), None)


def _without_versions(said: dict[str, Any]) -> dict[str, Any]:
    contributions = [
        {name: value for name, value in one.items() if name != "version"}
        for one in said.get("contributions") or ()
    ]
    return {**said, "contributions": contributions}
