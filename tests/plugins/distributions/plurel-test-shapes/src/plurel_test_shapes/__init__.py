"""A layout, an activation and a noise of a third party."""
