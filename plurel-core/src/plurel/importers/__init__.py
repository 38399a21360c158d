"""Importers: real sources as RelBench directories."""
