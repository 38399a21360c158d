"""Plugins: records of contributions, hooks that yield them, and the ledger that holds them."""
