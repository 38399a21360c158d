"""plurel: relational databases with known causes, from a seed and a config.

Public names are imported on first use, so that `import plurel` is quick. Not here: contexts and models, which
`plurel_sampler` and `plurel_rt` own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plurel import _siblings

if TYPE_CHECKING:
    from plurel.config import Choices, Config, DAGParams, DatabaseParams, SCMParams, resolve
    from plurel.dataset import SyntheticDataset
    from plurel.seeding import Stream

__all__ = [
    "Choices",
    "Config",
    "DAGParams",
    "DatabaseParams",
    "SCMParams",
    "Stream",
    "SyntheticDataset",
    "resolve",
]

_HOMES = {
    "Choices": "plurel.config",
    "Config": "plurel.config",
    "DAGParams": "plurel.config",
    "DatabaseParams": "plurel.config",
    "SCMParams": "plurel.config",
    "Stream": "plurel.seeding",
    "SyntheticDataset": "plurel.dataset",
    "resolve": "plurel.config",
}

_conflict = _siblings.wrong_distribution()
if _conflict is not None:
    raise ImportError(_conflict)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    if name in _siblings.NAMES:
        owner, module = _siblings.NAMES[name]
        hint = f"it is in {module}: from {module} import {name}"
        if not _siblings.is_installed(owner):
            hint = f"it comes with {owner}, which is not installed: {_siblings.install_line(owner)}"
        # Not an AttributeError: of that one, `from plurel import ...` would drop the words.
        raise ImportError(f"plurel has no {name}; {hint}", name="plurel")
    raise AttributeError(f"module 'plurel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
