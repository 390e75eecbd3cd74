"""The port as the harness calls it: components by name, behind the contract of ``ice3_probe.contract``."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ice3_gt4py.compilation import Build, NotCachedError
from ice3_gt4py.generated import combined
from ice3_gt4py.storages import from_arrays, to_array
from ice3_probe.contract import IceAdjustOptions, RainIceOptions, UnknownComponent, select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.storages import State
    from ice3_probe.contract import Case, Cell, Field, Pieces, Shape


class Component(Protocol):
    """What every component offers."""

    fields: tuple[Field, ...]
    domain: Shape
    build: Build

    def __call__(self, state: Mapping[str, Any], timestep: float, /) -> None:
        """Advance ``state`` in place by ``timestep`` seconds."""


def create(case: Case, cell: Cell, building: Pieces = nullcontext) -> Ice3:
    """Build a component.

    Parameters
    ----------
    building
        Called with the name of each stencil that is compiled.

    Raises
    ------
    UnknownComponent
        If there is no component of that name.
    SettingsError
        If the cell's settings are wrong.
    Unavailable
        If a compiler, the Python headers, CuPy or a device is missing.
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If a stencil does not compile.
    """
    if case.component not in _COMPONENTS:
        raise UnknownComponent(case.component, tuple(_COMPONENTS))
    make = _COMPONENTS[case.component]
    build = Build.from_cell(cell, building)
    build.require_toolchain()
    try:
        return Ice3(make(case, build.from_cache()), case.timestep, cached=True)
    except NotCachedError:
        return Ice3(make(case, build), case.timestep, cached=False)


class Ice3:
    """A component with its fields, ready to run (a ``Runnable`` of the contract).

    Parameters
    ----------
    timestep
        Seconds.
    cached
        Whether all stencils were loaded from the cache.
    """

    ignores: frozenset[str] = frozenset()
    device_layout: Literal["C", "F"] = "F"

    def __init__(self, component: Component, timestep: float, *, cached: bool) -> None:
        self.outputs = frozenset(field.name for field in component.fields if field.is_output)
        self.cached = cached
        self.device_input = component.build.on_device
        self._component, self._timestep = component, timestep
        self._state: State = {}
        self._pristine: State = {}

    @property
    def generated(self) -> str:
        """Digest of the code that GT4Py generated for its stencils."""
        build = self._component.build
        return combined(build.built, build.cache)

    @property
    def reset_bytes(self) -> int:
        """Bytes of the copies that ``reset`` needs."""
        return sum(int(initial.nbytes) for initial in self._pristine.values())

    def load(self, fields: Mapping[str, Any]) -> None:
        """Copy the inputs into storages, and keep a copy of those that a run overwrites.

        Raises
        ------
        ValueError
            If an input is missing or has another shape.
        """
        component = self._component
        self._state = from_arrays(
            component.fields,
            {field.name: fields[field.name] for field in component.fields if field.is_input and field.name in fields},
            component.domain,
            component.build,
        )
        updated = [field.name for field in component.fields if field.intent == "inout"]
        self._pristine = {name: self._state[name].copy(order="K") for name in updated}

    def reset(self) -> None:
        """Restore the fields that a run overwrites."""
        for name, initial in self._pristine.items():
            self._state[name][...] = initial

    def run(self) -> None:
        """Call the component once; on a GPU this only enqueues its kernels."""
        self._component(self._state, self._timestep)

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the outputs as host arrays; on a CPU they are the storages themselves."""
        return {name: to_array(self._state[name]) for name in sorted(self.outputs)}


# Importing the components imports GT4Py, which takes seconds: it waits until one is built.


def _ice_adjust(case: Case, build: Build, *, adjusted_state: bool = False) -> Component:
    from ice3_gt4py.ice_adjust import IceAdjust  # noqa: PLC0415

    options = select(IceAdjustOptions, case.options)
    return IceAdjust(case.domain, build, options, adjusted_state=adjusted_state)


def _modular(case: Case, build: Build) -> Component:
    from ice3_gt4py.ice_adjust_modular import IceAdjustModular  # noqa: PLC0415

    return IceAdjustModular(case.domain, build, select(IceAdjustOptions, case.options))


def _rain_ice(case: Case, build: Build, *, fluxes: bool = False) -> Component:
    from ice3_gt4py.rain_ice import RainIce  # noqa: PLC0415

    return RainIce(case.domain, build, select(RainIceOptions, case.options), fluxes=fluxes)


def _microphysics(case: Case, build: Build) -> Component:
    from ice3_gt4py.microphysics import Microphysics  # noqa: PLC0415

    adjustment, rain = select(IceAdjustOptions, case.options), select(RainIceOptions, case.options)
    return Microphysics(case.domain, build, adjustment, rain)


def _sedimentation(case: Case, build: Build) -> Component:
    from ice3_gt4py.sedimentation import Sedimentation  # noqa: PLC0415

    return Sedimentation(case.domain, build, select(RainIceOptions, case.options))


def _tendencies(case: Case, build: Build) -> Component:
    from ice3_gt4py.tendencies import Tendencies  # noqa: PLC0415

    return Tendencies(case.domain, build, select(RainIceOptions, case.options))


_COMPONENTS: dict[str, Callable[[Case, Build], Component]] = {
    "ice_adjust": _ice_adjust,
    "ice_adjust:adjusted_state": partial(_ice_adjust, adjusted_state=True),
    "ice_adjust:modular": _modular,
    "rain_ice": _rain_ice,
    "rain_ice:fluxes": partial(_rain_ice, fluxes=True),
    "rain_ice:sedimentation": _sedimentation,
    "rain_ice:tendencies": _tendencies,
    "microphysics": _microphysics,
}
