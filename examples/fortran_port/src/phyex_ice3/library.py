"""PHYEX's library as Python calls it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class LibraryError(Exception):
    """The library cannot be used; the message says why and what to do."""


class RefusedError(Exception):
    """PHYEX refuses the options; what it says is on standard error."""


class Phyex:
    """A loaded library: one configuration at a time, since PHYEX keeps options and tables in module variables.

    Raises
    ------
    LibraryError
        If the library cannot be loaded here, or was compiled for another precision.
    """

    def __init__(self, path: Path, precision: str) -> None:
        try:
            self._library = ctypes.CDLL(str(path))
            size = self._library.ice3_real_size()
        except (OSError, AttributeError) as error:
            raise LibraryError(f"{path} cannot be used here: {error}. Delete it, and it is built again.") from error
        if size != np.dtype(precision).itemsize:
            raise LibraryError(
                f"{path} computes with {size} bytes, which is not {precision}. Take what changes the size of REAL out "
                "of FC, FFLAGS and compile-args; if there is nothing, delete the file, and it is built again."
            )
        self._configured: tuple[Any, ...] = ()

    def configure(self, namelists: tuple[str, str], timestep: float) -> None:
        """Set the options and compute the tables, if they are not those already; no call may be running.

        Raises
        ------
        RefusedError
            If a namelist has an unknown option, or PHYEX does not accept a value.
        """
        if self._configured == (namelists, timestep):
            return
        self._configured = ()
        texts = [text.encode() for text in namelists]
        arguments = [item for text in texts for item in (text, ctypes.c_int(len(text)))]
        status = self._library.ice3_configure(*arguments, ctypes.c_double(timestep))
        if status:
            what = "a value of" if status == 3 else "an option or value of"
            text = " ".join(namelists) if status == 3 else namelists[status - 1]
            raise RefusedError(f"PHYEX refuses {what} {text}")
        self._configured = (namelists, timestep)

    def adjust(self, sizes: Sequence[int], timestep: float, arrays: Sequence[NDArray[Any]]) -> None:
        """Call ICE_ADJUST on blocks of columns; ``fortran/wrapper.F90`` has the order of the arguments."""
        self._call(self._library.ice3_adjust, sizes, timestep, arrays)

    def apply(self, sizes: Sequence[int], timestep: float, arrays: Sequence[NDArray[Any]]) -> None:
        """Make the adjusted state out of the sources, on blocks of columns."""
        self._call(self._library.ice3_apply, sizes, timestep, arrays)

    def precipitate(self, sizes: Sequence[int], timestep: float, arrays: Sequence[NDArray[Any]]) -> None:
        """Call RAIN_ICE on blocks of columns; ``fortran/wrapper.F90`` has the order of the arguments."""
        self._call(self._library.ice3_precipitate, sizes, timestep, arrays)

    @staticmethod
    def _call(routine: Any, sizes: Sequence[int], timestep: float, arrays: Sequence[NDArray[Any]]) -> None:  # noqa: ANN401
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        routine(*map(ctypes.c_int, sizes), ctypes.c_double(timestep), *pointers)
