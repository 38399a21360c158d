"""Generation: from a seed and a config to a database with known causes.

The steps are modules: `schema` (which tables), `structure` (who points at whom, when), `values` (columns in
blocks), `finish` (transforms, missing cells, dropped columns), `database` (all of it in order). What draws is
contributed by plugins; this package only orders them and checks what they hand back.
"""
