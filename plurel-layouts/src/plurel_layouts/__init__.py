"""Graph layouts for plurel: random directed acyclic graphs of tables, or of the nodes of a causal model.

The layouts come into plurel through the entry point `plurel_layouts.plugin`; configs name them.
Importing this package imports none of them.
"""
