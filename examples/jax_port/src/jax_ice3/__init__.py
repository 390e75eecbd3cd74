"""The saturation adjustment of the ICE3 cloud microphysics (PHYEX: ICE_ADJUST) in JAX.

``ice_adjust`` is a pure function, compiled by ``jax.jit`` at its first call for each shape, dtype and set of options.
Levels are the last axis, level 0 is the model top. The results have the dtype of the inputs; float64 needs
``jax_enable_x64``.
"""

from jax_ice3.adjustment import ice_adjust
from jax_ice3.fields import Adjusted, Fields
from jax_ice3.options import Options, UnsupportedOption

__all__ = ["Adjusted", "Fields", "Options", "UnsupportedOption", "ice_adjust"]
__version__ = "0.1.0"
