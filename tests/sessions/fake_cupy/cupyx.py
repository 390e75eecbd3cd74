from __future__ import annotations

from typing import Any

import numpy as np


def empty_like_pinned(array: Any) -> Any:
    return np.empty_like(np.asarray(array))
