"""Why the physics of a port differs: a pass over what the port computed, without the port.

It is the only part of the probe that imports ``numpy_ice3``, the NumPy implementation of IceAdjust.
"""
