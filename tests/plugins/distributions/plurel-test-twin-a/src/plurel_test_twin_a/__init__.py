"""An activation whose name another distribution has too."""
