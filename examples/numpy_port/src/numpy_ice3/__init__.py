"""The saturation adjustment of the ICE3 cloud microphysics (PHYEX: ICE_ADJUST) in plain NumPy.

``ice_adjust`` takes arrays and options and returns new arrays. Levels are the last axis, level 0 is the model top. The
results have the dtype of the inputs, float32 or float64: constants are Python floats, which NumPy rounds to it.
"""

from numpy_ice3.constants import Constants
from numpy_ice3.ice_adjust import ice_adjust
from numpy_ice3.options import Options, UnsupportedOption
from numpy_ice3.scheme import Scheme

__all__ = ["Constants", "Options", "Scheme", "UnsupportedOption", "ice_adjust"]
__version__ = "0.1.0"
