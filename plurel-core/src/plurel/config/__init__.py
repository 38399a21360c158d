"""Configs: parameters and choices as data, and their resolution against the ledger."""

from __future__ import annotations

from plurel.config.bounds import Draws, Within
from plurel.config.choices import Choices
from plurel.config.config import Config
from plurel.config.params import DAGParams, DatabaseParams, SCMParams
from plurel.config.parts import Parts
from plurel.config.resolution import ResolvedConfig, resolve

__all__ = [
    "Choices",
    "Config",
    "DAGParams",
    "DatabaseParams",
    "Draws",
    "Parts",
    "ResolvedConfig",
    "SCMParams",
    "Within",
    "resolve",
]
