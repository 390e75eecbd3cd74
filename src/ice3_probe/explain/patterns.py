"""Find the condition that best tells the wrong cells from the right ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

NECESSARY = 0.98
"""Share of the wrong cells that must meet a condition: a few may have another cause, such as rounding."""
GAIN = 1.25
"""Factor by which a condition must raise the share of wrong cells, and a second condition raise it again."""
CHANCE = 1e-3
"""Largest probability that any condition fits as well by chance, if cells are independent."""


@dataclass(frozen=True)
class Pattern:
    """A condition that wrong cells meet.

    Attributes
    ----------
    condition
        In words that follow "only".
    recall
        Share of the wrong cells that meet it.
    precision
        Share of the cells meeting it that are wrong.
    """

    condition: str
    recall: float
    precision: float


def best_pattern(wrong: Mask, compared: Mask, conditions: Mapping[str, Mask]) -> Pattern | None:
    """Return the narrowest condition that the wrong cells meet, or two that are much narrower together.

    Parameters
    ----------
    wrong
        Cells that are wrong; at least one.
    compared
        Cells that were compared, wrong or right.
    conditions
        Cells that meet each condition.

    Returns
    -------
    Pattern or None
        None if no condition is clearly better than chance.
    """
    telling = [one for one in conditions.items() if 0 < (one[1] & compared).sum() < compared.sum()]
    single = _narrowest(wrong, compared, telling, float(wrong.sum() / compared.sum()))
    if single is None:
        return None
    pairs = [(f"{a} and {b}", in_a & in_b) for (a, in_a), (b, in_b) in combinations(telling, 2)]
    return _narrowest(wrong, compared, pairs, single.precision) or single


def _narrowest(wrong: Mask, compared: Mask, conditions: list[tuple[str, Mask]], share: float) -> Pattern | None:
    """Return the condition with the largest share of wrong cells, if it exceeds ``share`` and is no chance."""
    best = None
    number, cells = int(wrong.sum()), int(compared.sum())
    least = math.log(max(len(conditions), 1) / CHANCE)
    for words, mask in conditions:
        met, both = int((mask & compared).sum()), int((mask & wrong).sum())
        recall, coverage = both / number, met / cells
        if met == 0 or recall < NECESSARY or number * _divergence(recall, coverage) < least:
            continue
        if both / met > max(GAIN * share, best.precision if best else 0.0):
            best = Pattern(words, recall, both / met)
    return best


def _divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence: n cells of which p meet what q of all meet have a chance of at most exp(-n D)."""
    terms = ((p, q), (1.0 - p, 1.0 - q))
    return sum(a * math.log(a / b) if b > 0.0 else math.inf for a, b in terms if a > 0.0)
