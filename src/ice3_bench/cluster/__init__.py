"""Jobs of a cluster: what measures a cell, or compares revisions, on a node that a scheduler chooses."""
