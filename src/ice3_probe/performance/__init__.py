"""The performance tests: pytest runs them in the timing pass and in the memory pass."""
