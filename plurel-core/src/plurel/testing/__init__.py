"""The author kit: what a contribution promises, as test classes to subclass. Needs pytest.

A contract is a class with one fixture to fill in; its tests are the promises of its kind. Not here: what
runs without pytest (`plurel plugins check`, and the rules in the modules beside this one).

Example:
    A test module of a plugin, which is installed where its tests run:

    >>> import pytest
    >>> from plurel.testing import LayoutContract
    >>> class TestChain(LayoutContract):
    ...     @pytest.fixture
    ...     def contribution(self):
    ...         return "plurel-bump:chain"
"""

from __future__ import annotations

from plurel.testing.contracts import LayoutContract, MechanismContract

__all__ = ["LayoutContract", "MechanismContract"]
