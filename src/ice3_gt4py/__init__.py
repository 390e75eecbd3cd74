"""ICE3 cloud microphysics (IceAdjust, RainIce) in GT4Py.

The package holds the physics only: constants, options, field tables, stencils, the two components and a synthetic
atmosphere to run them on. It reads no environment variable and knows nothing of how it is measured.
"""
