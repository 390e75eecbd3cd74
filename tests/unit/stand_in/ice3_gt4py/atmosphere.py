from __future__ import annotations

from typing import Any

import numpy as np

MIXES = ("rich", "typical")


def synthetic_atmosphere(domain: tuple[int, int, int], **_options: Any) -> dict[str, Any]:
    return {"x": np.ones(domain), "y": np.zeros(domain)}
