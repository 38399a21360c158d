"""Configs: parameters and choices as data, and their resolution against the ledger."""

from __future__ import annotations

from plurel.config.choices import Choices
from plurel.config.config import Config
from plurel.config.params import DAGParams, DatabaseParams, SCMParams

__all__ = ["Choices", "Config", "DAGParams", "DatabaseParams", "SCMParams"]
