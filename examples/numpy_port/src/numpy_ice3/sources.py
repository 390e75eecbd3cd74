"""The sources of vapour, cloud droplets, ice and potential temperature, and how condensation changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array
    from numpy_ice3.thermodynamics import Heats


class Sources(NamedTuple):
    """Sources of vapour, cloud droplets and ice (s-1) and of potential temperature (K s-1)."""

    rvs: Array
    rcs: Array
    ris: Array
    ths: Array

    def converted(self, liquid: Array | float, ice: Array | float, heats: Heats, exnref: Array) -> Sources:
        """Return the sources after vapour has become ``liquid`` and ``ice`` (s-1; negative: the reverse)."""
        heating = (liquid * heats.lv + ice * heats.ls) / (heats.capacity * exnref)
        return Sources(self.rvs - (liquid + ice), self.rcs + liquid, self.ris + ice, self.ths + heating)


def condense(sources: Sources, liquid: Array, ice: Array, heats: Heats, exnref: Array) -> Sources:
    """Convert vapour to ``liquid`` and ``ice`` (s-1) as far as there is any: first liquid, then ice from what is left.

    Evaporation is limited by the condensate that the sources hold.
    """
    sources = sources.converted(_limited(liquid, sources.rcs, sources.rvs), 0.0, heats, exnref)
    return sources.converted(0.0, _limited(ice, sources.ris, sources.rvs), heats, exnref)


def _limited(rate: Array, source: Array, vapour: Array) -> Array:
    return np.where(rate < 0.0, np.maximum(rate, -source), np.minimum(rate, vapour))
