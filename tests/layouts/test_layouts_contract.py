"""The seven built-in layouts keep the contract that everybody's layouts keep."""

from __future__ import annotations

import pytest

from plurel.testing import LayoutContract
from plurel_layouts import plugin


class TestLayouts(LayoutContract):
    @pytest.fixture(params=[record.name for record in plugin.plurel_layouts()])
    def contribution(self, request: pytest.FixtureRequest) -> str:
        return f"plurel-layouts:{request.param}"
