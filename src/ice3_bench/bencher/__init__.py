"""Submissions to Bencher, and its answers."""
