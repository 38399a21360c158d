"""Fails at import. Its entry point has the name of another distribution's."""

raise ImportError("libshapes.so.3: cannot open shared object file")
