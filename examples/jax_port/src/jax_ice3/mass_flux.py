"""The cloud of shallow convection, which a mass-flux scheme provides.

References
----------
Pergaud, Masson, Malardel and Couvreux (2009), Boundary-Layer Meteorol. 132, 83-106: the scheme.
Turner, Brenguier and Lac (2012), Geosci. Model Dev. 5, 499-521; Riette (2020), Geosci. Model Dev. 13, 443-460: parts of
a cloud above the autoconversion threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from jax_ice3.clouds import Part

if TYPE_CHECKING:
    from jax import Array


def within(vapour: Array, liquid: Array, ice: Array) -> tuple[Array, Array]:
    """Return the liquid and the ice of the mass-flux cloud, reduced to the vapour that there is (all in one unit)."""
    both = liquid + ice
    lacking = (both > vapour) & (both != 0.0)  # PHYEX divides by zero if the vapour is negative and both are zero
    reduced = liquid * jnp.where(lacking, vapour / jnp.where(lacking, both, 1.0), 1.0)
    return reduced, jnp.where(lacking, vapour - reduced, ice)


def add_to(part: Part, content: Array, area: Array, threshold: Array, distribution: str) -> Part:
    """Add the part of the mass-flux cloud above the autoconversion threshold.

    Parameters
    ----------
    part
        What the statistical cloud has above it.
    content, area
        Liquid or ice of the mass-flux cloud as a mean over the grid box, kg kg-1, and its area.
    threshold
        A content within the cloud, kg kg-1.
    distribution
        Of the content within the cloud: NONE (uniform), or TRIANGLE (symmetric, from zero to twice the mean).
    """
    critical = area * threshold  # what the grid box holds if the cloud is at the threshold on average
    if distribution == "NONE":
        above, share = jnp.where(content > critical, content, 0.0), jnp.where(content > critical, 1.0, 0.0)
    else:
        reaches = 2.0 * content > critical
        x = jnp.where(reaches, critical / jnp.where(reaches, content, 1.0), 2.0)
        tail = (2.0 - x) ** 2
        share = jnp.where(x < 1.0, 1.0 - x**2 / 2.0, tail / 2.0)
        above = content * jnp.where(x < 1.0, 1.0 - x**3 / 3.0, tail * (1.0 + x) / 3.0)
    return Part(part.content + above, jnp.minimum(part.area + share * area, 1.0))
