"""The local history, and how a run is judged by it."""
