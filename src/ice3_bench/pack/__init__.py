"""Cells in one archive, to be measured on a machine without network."""
