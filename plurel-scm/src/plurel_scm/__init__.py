"""Structural causal models for plurel: the `scm` table model and the parts that it draws from.

Everything is reached by name through plurel's plugins (`plurel plugins list`); this package has no API of
its own beside its modules.
"""
