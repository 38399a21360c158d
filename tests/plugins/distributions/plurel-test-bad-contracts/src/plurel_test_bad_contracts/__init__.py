"""Contributions that each break exactly one rule of their contract."""
