"""This distribution's layout and mechanism keep what their kinds promise."""

from __future__ import annotations

from typing import Any

import pytest

from plurel.config import Config
from plurel.testing import LayoutContract, MechanismContract


class TestChain(LayoutContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "chain"


class TestLinear(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "weighted"

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"gain": 2.0}

    @pytest.fixture
    def config(self) -> Config:
        return Config.preset("every_kind")
