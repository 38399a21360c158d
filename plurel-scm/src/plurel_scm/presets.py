"""The prior's presets. Their numbers are the defaults of plurel's parameter classes."""

from __future__ import annotations

from plurel.config import Config


def default() -> Config:
    """Preset `default`: what `Config()` is."""
    return Config()
