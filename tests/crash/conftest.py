"""The crash tests' shared parts: the harness as a module, and how many kills a command gets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def kills() -> int:
    """How often a command is killed: `PLUREL_CRASH_KILLS`, three without it."""
    return int(os.environ.get("PLUREL_CRASH_KILLS", "3"))
