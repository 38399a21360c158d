"""The built-in mechanisms keep the contract that everybody's mechanisms keep."""

from __future__ import annotations

from typing import Any

import pytest

from plurel.testing import MechanismContract


class TestMlp(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "plurel-scm:mlp"


class TestLinear(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "plurel-scm:linear"


class TestTrees(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "plurel-scm:trees"


class TestManyDeepTrees(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "plurel-scm:trees"

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"count": 20, "depth": 10, "noise_scale": 0.0}
