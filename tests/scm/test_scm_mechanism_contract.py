"""The built-in mechanism keeps the contract that everybody's mechanisms keep."""

from __future__ import annotations

import pytest

from plurel.testing import MechanismContract


class TestMlp(MechanismContract):
    @pytest.fixture
    def contribution(self) -> str:
        return "plurel-scm:mlp"
