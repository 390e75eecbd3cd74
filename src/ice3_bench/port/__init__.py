"""A port that begins: its adapter, table and test, and what the contract's rules say of it."""
