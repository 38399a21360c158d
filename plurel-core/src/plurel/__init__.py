"""plurel: relational databases with known causes, from a seed and a config."""
