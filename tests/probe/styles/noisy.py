"""A port that prints, warns, leaves the working directory, and keeps a thread."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from typing import Any

import numpy as np

from ice3_probe.contract import ICE_ADJUST


class Noisy:
    outputs = ["rvs"]  # noqa: RUF012 (any iterable will do)
    ignores = ()

    def __init__(self, cell: Any) -> None:
        self.dtype = np.dtype(cell.precision)
        print("creating\r\n\x1b[31m{}")
        os.chdir("/")
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

    def load(self, fields: Any) -> None:
        assert len(fields) == len([field for field in ICE_ADJUST if field.is_input])
        self.rvs = fields["rvs"].astype(self.dtype)

    def reset(self) -> None:
        warnings.warn("resetting", stacklevel=1)

    def run(self) -> None:
        sys.stderr.write("running\n")
        self.result = 2 * self.rvs

    def read(self) -> Any:
        np.log(np.zeros(1))
        return {"rvs": self.result, "more": None}


def create(_case: Any, cell: Any) -> Noisy:
    return Noisy(cell)
