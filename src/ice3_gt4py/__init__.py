"""ICE3 cloud microphysics (IceAdjust, RainIce) in GT4Py: a port that the harness measures.

``port`` is what the harness calls. IceAdjust, RainIce, Microphysics and the others can be used without it: each has a
module of its name. The package reads no environment variable except CXX and does not know how it is measured.
"""
