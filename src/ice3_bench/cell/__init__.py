"""A bench session: one cell of the matrix, measured from the environment to the report."""
