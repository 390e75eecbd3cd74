"""The cloud of the shallow-convection mass-flux scheme, and its part above the autoconversion thresholds.

References
----------
Pergaud, Masson, Malardel and Couvreux (2009), Boundary-Layer Meteorol. 132, 83-106: the mass-flux cloud.
Turner, Brenguier and Lac (2012), Geosci. Model Dev. 5, 499-521; Riette (2020), Geosci. Model Dev. 13, 443-460: the
parts of a cloud above and below the autoconversion threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array


def limit_to_vapour(liquid: Array, ice: Array, vapour: Array) -> tuple[Array, Array]:
    """Reduce the liquid and the ice so that they take no more than the vapour (all kg kg-1, or all s-1).

    Without liquid and ice nothing is done, even if the vapour is negative: PHYEX divides zero by zero there.
    """
    total = liquid + ice
    exceeds = (total > vapour) & (total != 0.0)
    available = np.divide(vapour, total, out=np.ones_like(total), where=exceeds)
    limited = liquid * available
    return limited, np.where(exceeds, vapour - limited, ice)


def above_threshold(content: Array, fraction: Array, threshold: Array, distribution: str) -> tuple[Array, Array]:
    """Content (kg kg-1) and area of the part of the mass-flux cloud above the autoconversion threshold.

    Parameters
    ----------
    content
        Content of the cloud as a mean over the grid box, kg kg-1.
    fraction
        Area of the cloud.
    threshold
        Autoconversion threshold, a content inside the cloud, kg kg-1.
    distribution
        ``NONE``: uniform content; ``TRIANGLE``: symmetric triangle from zero to twice the mean content.
    """
    needed = fraction * threshold  # the content at which the cloud is at the threshold on the average
    if distribution == "NONE":
        return np.where(content > needed, content, 0.0), np.where(content > needed, fraction, 0.0)
    # x: threshold over the mean content inside the cloud. The distribution ends at 2.
    x = np.divide(needed, content, out=np.full_like(content, 2.0), where=2.0 * content > needed)
    below_mean = content > needed
    area = np.where(below_mean, 1.0 - x**2 / 2.0, (2.0 - x) ** 2 / 2.0)
    share = np.where(below_mean, 1.0 - x**2 * x / 3.0, (2.0 - x) ** 2 * (1.0 + x) / 3.0)
    return content * share, fraction * area
