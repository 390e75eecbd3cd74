"""The type of all fields."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 or float64; the last axis is the level, level 0 the model top"""
