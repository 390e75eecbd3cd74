"""The matrix and the policies, read from pyproject.toml."""
