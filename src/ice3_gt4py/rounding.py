"""Where rounding would decide: what is used up, when the air is at the melting point, and what has changed by XMRSTEP.

A substep ends when a species is used up or when the air reaches 0 degC. In exact arithmetic the content is then 0 and
the temperature is the melting point. Rounding leaves a residue of either sign of up to an epsilon of the content, and a
temperature an ulp above or below. A positive residue keeps the stored rates of the absent species, for example the
accretion by its snow, and the side on which the temperature lies keeps the rates of melting or of freezing. In float32
residues exceed the smallest content that counts by orders of magnitude.

With XMRSTEP a substep also ends when a species has changed by that much. One that grew from nothing then holds XMRSTEP
but for an ulp. If all of it freezes at once, the ulp would say whether that change exceeds XMRSTEP and ends the next
substep as well. In float32, the source of vapour loses water to rounding in every step that condenses or evaporates a
little. With XTSTEP_TS the processes are evaluated again at fixed times. Substeps lead there but for an ulp,
which would say whether the last of these times is the end of the time step.
"""

from __future__ import annotations

import numpy as np

from ice3_gt4py import constants

_EPSILONS, _ULPS = 4, 2
"""The largest errors are half as large: of a quotient, a product and a sum."""


def rounding_externals(precision: str) -> dict[str, float | bool]:
    """Externals of the functions that take rounding for what it is.

    Returns
    -------
    RESIDUE, the share of a content, a change or a time that is rounding: 5e-7 in float32, 9e-16 in float64; LANDING,
    the distance from the melting point that is rounding, K: 6e-5 and 1.1e-13; and CONSERVING, whether droplets and ice
    take the water that the rounding of vapour loses: in float64 it is too little.
    """
    dtype = np.dtype(precision).type
    return {
        "RESIDUE": _EPSILONS * float(np.finfo(dtype).eps),
        "LANDING": _ULPS * float(np.spacing(dtype(constants.TT))),
        "CONSERVING": precision == "float32",
    }
