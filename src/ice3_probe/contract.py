"""The contract of a port: what an implementation of ICE3 must offer to be measured.

A port is a module with one function, ``create(case: Case, cell: Cell) -> Runnable``. One that builds a component in
pieces, such as stencils, may take a third argument called ``building`` and tell each of them: see ``Pieces``. A port
may import this module, for the types, the exceptions, the field tables and the options; the rest of ``ice3_probe`` is
not its business.

One process measures one cell: precision, threads and device may be set globally. The working directory is a scratch
folder. What a port prints goes to the log of the pass, and its warnings are not errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ice3_probe.code import code_digest
from ice3_probe.fields import (
    ICE_ADJUST,
    MICROPHYSICS,
    RAIN_ICE,
    SEDIMENTATION,
    TENDENCIES,
    Field,
    Shape,
    active,
)
from ice3_probe.options import IceAdjustOptions, Option, RainIceOptions, from_phyex, select

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ICE_ADJUST",
    "MICROPHYSICS",
    "PROCESS_RATES",
    "RAIN_ICE",
    "SEDIMENTATION",
    "TENDENCIES",
    "Case",
    "Cell",
    "Field",
    "IceAdjustOptions",
    "Option",
    "Pieces",
    "RainIceOptions",
    "Runnable",
    "Shape",
    "Unavailable",
    "UnknownComponent",
    "Unsupported",
    "active",
    "code_digest",
    "from_phyex",
    "select",
]

PROCESS_RATES = TENDENCIES
"""What the ports of older revisions import, which comparisons still measure."""


@dataclass(frozen=True)
class Cell:
    """The conditions of a measurement: one cell of the matrix.

    Attributes
    ----------
    backend
        Id of the backend in the matrix.
    precision
        dtype of all fields.
    device
        Where the fields live.
    threads
        Threads that a run may use.
    cache
        Folder for what is compiled. Every tool chain, processor and set of compiler flags has its own.
    settings
        The backend's ``settings`` in the matrix. If the backend has a ``compiler``, also that and ``compile-args``: the
        compiler arguments of the profile and the backend, quoted as for a shell.
    """

    backend: str
    precision: Literal["float32", "float64"]
    device: Literal["cpu", "gpu"]
    threads: int
    cache: Path
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """What is run.

    Attributes
    ----------
    component
        Name in ``[tool.ice3-bench]``: a component, a part such as ``rain_ice:sedimentation``, or a variant such as
        ``ice_adjust:modular``.
    domain
        Points (i, j, k).
    timestep
        Seconds.
    options
        Every option of the component under PHYEX's bare names.
    """

    component: str
    domain: Shape
    timestep: float
    options: Mapping[str, Option]


class Runnable(Protocol):
    """A component, built for one case.

    Attributes
    ----------
    outputs
        Names of the fields that it produces; the others of the component are "not produced".
    ignores
        Names of the inputs that it does not know. Cells in which one of them is not zero are left out of the accuracy.

    Six more attributes are optional:

    cached : bool
        Whether everything compiled was loaded from ``Cell.cache``. Without it, a build counts as cached if that folder
        is not empty and did not change meanwhile; components are built side by side.
    reset_bytes : int
        Bytes that it keeps for ``reset`` only. They do not count as its memory.
    remark : str
        What it chose or found, such as the size of its blocks: recorded with each timing, and shown below the table.
    generated : str
        Digest of the code that was generated for it (``code_digest``), without what changes although the code does not.
        With it, ``bench-compare`` calls two revisions the same without measuring them if all that runs is equal: the
        generated code, the other modules of the port, and the packages. The files of ``compiled-sources`` that are
        Python do not count then, since what they make of a run is generated.
    device_input : bool
        In GPU cells: ``load`` takes CuPy arrays in the dtype of the cell.
    device_layout : "C" or "F"
        Memory order of those arrays: "C" (the default) has k contiguous, "F" i.
    """

    outputs: frozenset[str]
    ignores: frozenset[str]

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        """Copy the inputs, once: read-only arrays (i, j, k) or (i, j) in C order, level 0 at the model top."""

    def reset(self) -> None:
        """Restore the state that ``load`` gave; called before every run, untimed."""

    def run(self) -> None:
        """Compute. On a CPU it returns when the result is there; on a GPU it only enqueues on the current stream."""

    def read(self) -> Mapping[str, NDArray[Any]]:
        """Return the outputs as host arrays in the dtype of the cell, valid until the next call."""


class Pieces(Protocol):
    """Tells which piece of a component is being built: ``with building("sedimentation"): ...`` around its compilation.

    A user who waits sees its name, and how long it took the last time. What is loaded from a cache is not told.
    """

    def __call__(self, piece: str, /) -> AbstractContextManager[object]:
        """Return what lasts as long as the piece is built; pieces may be built side by side."""


class Unsupported(Exception):  # noqa: N818 (the contract's name)
    """An option has a value that the port does not implement: data sets with it show "n/a".

    Parameters
    ----------
    option, value
        PHYEX's bare name, and the value asked for.
    supported
        The supported values, if there are few.
    """

    def __init__(self, option: str, value: Option, supported: tuple[Option, ...] = ()) -> None:
        known = f": use {' or '.join(map(repr, supported))}" if supported else ""
        super().__init__(f"Option {option} = {value!r} is not supported{known}.")
        self.option, self.value = option, value


class UnknownComponent(Exception):  # noqa: N818 (as Unsupported)
    """The port has no component of that name."""

    def __init__(self, component: str, known: tuple[str, ...]) -> None:
        super().__init__(f"The port has no component '{component}': it has {', '.join(known)}.")


class Unavailable(Exception):  # noqa: N818 (as Unsupported)
    """Something that the port needs is missing on this machine; the message says what, and how to fix it."""
