"""Relational Transformers: model, heads, training, evaluation; names are imported on first use.

Importing this package is light (no torch) and checks that the installed `plurel_sampler` speaks the store and
sampler interface that this version was written for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import plurel_sampler
from plurel.errors import NotInstalledError

if TYPE_CHECKING:
    from plurel_rt.checkpoint import load_model
    from plurel_rt.evaluate import evaluate
    from plurel_rt.model import ModelConfig, RelationalTransformer
    from plurel_rt.recipe import Recipe, load_recipe
    from plurel_rt.trainer import pretrain

SAMPLER_ABI = 3
"""The store and sampler interface (`plurel_sampler.ABI`) that this version needs."""

_HOME = {
    "ModelConfig": "plurel_rt.model",
    "Recipe": "plurel_rt.recipe",
    "RelationalTransformer": "plurel_rt.model",
    "evaluate": "plurel_rt.evaluate",
    "load_model": "plurel_rt.checkpoint",
    "load_recipe": "plurel_rt.recipe",
    "pretrain": "plurel_rt.trainer",
}

__all__ = [
    "SAMPLER_ABI",
    "ModelConfig",
    "Recipe",
    "RelationalTransformer",
    "evaluate",
    "load_model",
    "load_recipe",
    "pretrain",
]


def check_sampler_abi(found: object) -> None:
    """Refuses a sampler of another interface.

    Raises:
        NotInstalledError: names both versions.
    """
    if found != SAMPLER_ABI:
        sampler = version("plurel-sampler-rs")
        raise NotInstalledError(
            f"plurel-rt {version('plurel-rt')} needs plurel-sampler-rs with interface {SAMPLER_ABI}; version "
            f"{sampler} is installed, with interface {found}. Install both from one commit of the repository"
        )


check_sampler_abi(getattr(plurel_sampler, "ABI", None))


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
