"""Make reference data sets: weather, what the Fortran computes from it, and which cells rounding decides."""
