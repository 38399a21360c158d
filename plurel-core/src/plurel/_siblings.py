"""Which distribution of the family brings which command, public name and kind, for hints alone.

Nothing is loaded or dispatched through these lists: what is installed comes from the ledger. Not here: the
plugins themselves.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "preprocess": ("plurel-sampler-rs", "Pack RelBench directories into stores that models are fed from"),
    "pretrain": ("plurel-rt", "Train a model on packed stores, as a recipe says"),
    "evaluate": ("plurel-rt", "Score a checkpoint on a store's tasks, beside baselines"),
    "demo": ("plurel-rt", "Run the whole chain in minutes, up to scores on real flights"),
}
"""Commands that a sibling brings: its distribution and the line shown while it is not installed."""

NAMES = {
    "RelationalTransformer": ("plurel-rt", "plurel_rt"),
    "Store": ("plurel-sampler-rs", "plurel_sampler"),
    "Sampler": ("plurel-sampler-rs", "plurel_sampler"),
    "ContextConfig": ("plurel-sampler-rs", "plurel_sampler"),
    "build_store": ("plurel-sampler-rs", "plurel_sampler"),
}
"""Public names that people look for in `plurel`: the distribution that owns each, and its module."""

KINDS = {
    "layouts": "plurel-layouts",
    "links": "plurel-scm",
    "timelines": "plurel-scm",
    "table_models": "plurel-scm",
    "mechanisms": "plurel-scm",
    "activations": "plurel-scm",
    "aggregations": "plurel-scm",
    "initializers": "plurel-scm",
    "noises": "plurel-scm",
    "sources": "plurel-scm",
    "transforms": "plurel-scm",
    "presets": "plurel-scm",
    "embedders": "plurel-sampler-rs",
    "models": "plurel-rt",
    "heads": "plurel-rt",
}
"""Kinds whose first built-ins come from a sibling."""


ARTEFACTS = {
    "store": ("plurel-sampler-rs", "store.json"),
    "checkpoint": ("plurel-rt", "model.safetensors"),
}
"""Forms on disk that a sibling reads: its distribution, and a file that tells of one."""


_NEEDS = {"plurel-rt": ("plurel-sampler-rs",)}


def is_installed(distribution: str) -> bool:
    """Whether a distribution is installed, by its metadata; nothing of it is imported."""
    from importlib import metadata

    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def install_line(*distributions: str) -> str:
    """The command that installs siblings: from the clone that core was installed from, where there is one.

    Siblings that they need and that are missing too stand in it, because no index has them.
    """
    needed = [need for name in distributions for need in _NEEDS.get(name, ()) if not is_installed(need)]
    wanted = dict.fromkeys([*needed, *distributions])
    root = _clone()
    if root is not None:
        return "python -m pip install " + " ".join(str(root / name) for name in wanted)
    folders = " ".join(f"./{name}" for name in wanted)
    return f"python -m pip install {folders}   (in a clone of the plurel repository)"


def wrong_distribution() -> str | None:
    """What to say where the unrelated distribution `plurel` is installed beside this one, else None.

    It owns the same import name, so files of the two lie over each other and neither can be trusted. This
    is asked at every start, so metadata, which are slow to import, are read only where a name calls for it.
    """
    if not any(map(_may_hold_another, sys.path)) or not is_installed("plurel"):
        return None
    from importlib import metadata

    version = metadata.version("plurel")
    return (
        f"the distribution plurel {version} is installed beside plurel-core; it is another project that owns "
        "the same import name, so neither works. Remove both and put plurel-core back: python -m pip "
        f"uninstall -y plurel plurel-core, then {install_line('plurel-core')}"
    )


def _may_hold_another(folder: str) -> bool:
    """Whether a name in a folder of modules is one that metadata of a distribution `plurel` has."""
    try:
        with os.scandir(folder or ".") as entries:
            return any(
                entry.name.lower().startswith(("plurel-", "plurel."))
                and entry.name.endswith((".dist-info", ".egg-info"))
                for entry in entries
            )
    except OSError:
        return False


def _clone() -> Path | None:
    """Folder of the clone that core was installed from, if it is still there."""
    import json
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        text = metadata.distribution("plurel-core").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    url = urlsplit(json.loads(text)["url"]) if text else None
    if url is None or url.scheme != "file":
        return None
    root = Path(url2pathname(url.path)).parent
    return root if (root / "plurel-scm" / "pyproject.toml").is_file() else None
