"""Where rounding would decide: what of a species is used up, and when the air is at the melting point.

A substep ends when a species is used up or when the air reaches 0 degC. In exact arithmetic the content is then 0 and
the temperature is the melting point. Rounding leaves a residue of either sign of up to an epsilon of the content, and a
temperature an ulp above or below. A positive residue keeps the stored rates of the absent species, for example the
accretion by its snow, and the side on which the temperature lies keeps the rates of melting or of freezing. In float32
residues exceed the smallest content that counts by orders of magnitude.
"""

from __future__ import annotations

import numpy as np

from ice3_gt4py import constants

_EPSILONS, _ULPS = 4, 2
"""The largest errors are half as large: of a quotient, a product and a sum."""


def rounding_externals(precision: str) -> dict[str, float]:
    """Externals of the functions that take rounding for what it is.

    Returns
    -------
    RESIDUE, the share of a content below which what is left of it is rounding: 5e-7 in float32, 9e-16 in float64;
    and LANDING, the distance from the melting point that is rounding, K: 6e-5 and 1.1e-13.
    """
    dtype = np.dtype(precision).type
    return {
        "RESIDUE": _EPSILONS * float(np.finfo(dtype).eps),
        "LANDING": _ULPS * float(np.spacing(dtype(constants.TT))),
    }
