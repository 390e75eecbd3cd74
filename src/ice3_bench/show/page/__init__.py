"""The local history as one self-contained HTML page."""
