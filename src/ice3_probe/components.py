"""The components that can be measured: their fields, options, weather mixes and reference data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ice3_probe.fields import ICE_ADJUST, MICROPHYSICS, RAIN_ICE, SEDIMENTATION, TENDENCIES
from ice3_probe.messages import CHAINS, base_of
from ice3_probe.options import IceAdjustOptions, RainIceOptions

if TYPE_CHECKING:
    from ice3_probe.fields import Field, Shape
    from ice3_probe.options import Option


@dataclass(frozen=True)
class Component:
    """A component of ICE3, or a part of one.

    Attributes
    ----------
    fields
        Everything that it reads and writes; ports may lack some outputs.
    kinds
        Its options: the dataclasses that hold them.
    """

    name: str
    fields: tuple[Field, ...]
    kinds: tuple[type[IceAdjustOptions | RainIceOptions], ...]

    @property
    def links(self) -> tuple[str, ...]:
        """Components that it calls one after the other; empty if it is not a chain."""
        return CHAINS.get(self.name, ())

    @property
    def inputs(self) -> tuple[Field, ...]:
        """Fields that a call reads."""
        return tuple(field for field in self.fields if field.is_input)

    @property
    def outputs(self) -> tuple[Field, ...]:
        """Fields that a call writes."""
        return tuple(field for field in self.fields if field.is_output)

    def options(self) -> dict[str, Option]:
        """Every option with its default: that of PHYEX's AROME test programs."""
        return {name: value for kind in self.kinds for name, value in asdict(kind()).items()}


COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("rain_ice", RAIN_ICE, (RainIceOptions,)),
        Component("ice_adjust", ICE_ADJUST, (IceAdjustOptions,)),
        Component("microphysics", MICROPHYSICS, (IceAdjustOptions, RainIceOptions)),
        Component("rain_ice:sedimentation", SEDIMENTATION, (RainIceOptions,)),
        Component("rain_ice:tendencies", TENDENCIES, (RainIceOptions,)),
    )
}


def component_of(name: str) -> Component:
    """Return the component or the part called ``name``, or the component that it is a variant of.

    Raises
    ------
    KeyError
        If there is none; the message lists the known ones.
    """
    base = base_of(name)
    if base not in COMPONENTS:
        raise KeyError(f"There is no component '{base}': there are {', '.join(COMPONENTS)}.")
    return COMPONENTS[base]


def bytes_per_call(fields: tuple[Field, ...], domain: Shape, itemsize: int) -> int:
    """Fewest bytes that a call must move: each field is read or written once, or both if it is updated."""
    words = 0
    for field in fields:
        points = 1
        for extent in field.shape(domain):
            points *= extent
        words += points * (2 if field.intent == "inout" else 1)
    return words * itemsize
