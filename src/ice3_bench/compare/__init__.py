"""Two revisions, measured in turns on this machine."""
