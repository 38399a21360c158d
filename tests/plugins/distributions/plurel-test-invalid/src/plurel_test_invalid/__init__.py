"""A plugin with a record that breaks its contract."""
