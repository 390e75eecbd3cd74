"""Continuous benchmarking: matrix, passes, reports, history, comparison and upload. Knows no physics."""
