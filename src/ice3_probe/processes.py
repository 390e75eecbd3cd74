"""The processes of RainIce: what each one is, from which species to which, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """A process of RainIce.

    Attributes
    ----------
    name
        PHYEX's name.
    family
        Key of ``FAMILIES``.
    donor, receiver
        Species: ``v`` vapour, ``c`` cloud droplets, ``r`` rain, ``i`` cloud ice, ``s`` snow, ``g`` graupel.
    what
        The process in words.
    source
        Papers.
    routine
        Routines of PHYEX.
    """

    name: str
    family: str
    donor: str
    receiver: str
    what: str
    source: str
    routine: str

    @property
    def instantaneous(self) -> bool:
        """Whether it changes the state at once; the others are rates."""
        return self.family == "nucleation"

    @property
    def output(self) -> str:
        """Field that holds it: ``..._mr`` is a change of a mixing ratio."""
        return f"{self.name}_mr" if self.instantaneous else self.name

    @property
    def units(self) -> str:
        """CF units of that field."""
        return "kg kg-1" if self.instantaneous else "s-1"


FAMILIES = {
    "nucleation": "instantaneous processes",
    "slow": "slow cold processes",
    "warm": "warm processes",
    "ice": "Bergeron-Findeisen process",
    "snow": "fast processes of snow",
    "graupel": "contact freezing, melting of graupel",
    "growth": "wet and dry growth of graupel",
}
"""Families of processes, in the order in which the scheme evaluates them."""

_PINTY = "Pinty & Jabouille 1998"
_VAPOUR = "Pruppacher & Klett 1978"
_THRESHOLD = "Kessler 1969, Redelsperger & Sommeria 1986"
_RIMING = "Farley et al. 1989"
_DROPS = "Ferrier 1994"
_GROWTH = "Musil 1970, Nelson 1983"
_RS, _RG = "ICE4_FAST_RS", "ICE4_FAST_RG"

PROCESSES: tuple[Process, ...] = (
    Process("rvheni", "nucleation", "v", "i", "Heterogeneous nucleation", "Meyers et al. 1992", "ICE4_NUCLEATION"),
    Process("rrhong", "nucleation", "r", "g", "Homogeneous freezing of rain", _PINTY, "ICE4_RRHONG"),
    Process("rimltc", "nucleation", "i", "c", "Melting of cloud ice", _PINTY, "ICE4_RIMLTC"),
    Process("rchoni", "slow", "c", "i", "Homogeneous freezing of cloud droplets", _PINTY, "ICE4_SLOW"),
    Process("rvdeps", "slow", "v", "s", "Deposition on snow, or its sublimation", _VAPOUR, "ICE4_SLOW"),
    Process("riaggs", "slow", "i", "s", "Aggregation of cloud ice with snow", _PINTY, "ICE4_SLOW"),
    Process("riauts", "slow", "i", "s", "Autoconversion of cloud ice to snow", "Chaboureau & Pinty 2006", "ICE4_SLOW"),
    Process("rvdepg", "slow", "v", "g", "Deposition on graupel, or its sublimation", _VAPOUR, "ICE4_SLOW"),
    Process("rcautr", "warm", "c", "r", "Autoconversion of cloud water to rain", _THRESHOLD, "ICE4_WARM"),
    Process("rcaccr", "warm", "c", "r", "Accretion of cloud water by rain", "Kessler 1969", "ICE4_WARM"),
    Process("rrevav", "warm", "r", "v", "Evaporation of rain", _VAPOUR, "ICE4_WARM"),
    Process("rcberi", "ice", "c", "i", "Bergeron-Findeisen process", _PINTY, "ICE4_FAST_RI"),
    Process("rcrimss", "snow", "c", "s", "Riming of small snow", _RIMING, _RS),
    Process("rcrimsg", "snow", "c", "g", "Riming of large snow", _RIMING, _RS),
    Process("rsrimcg", "snow", "s", "g", "Conversion of rimed snow to graupel", "Murakami 1990", _RS),
    Process("rraccss", "snow", "r", "s", "Accretion of small drops by snow", _DROPS, _RS),
    Process("rraccsg", "snow", "r", "g", "Accretion of rain by snow that becomes graupel", _DROPS, _RS),
    Process("rsaccrg", "snow", "s", "g", "Conversion to graupel of snow that collects rain", _DROPS, _RS),
    Process("rsmltg", "snow", "s", "g", "Conversion of melting snow to graupel", _PINTY, _RS),
    Process("rcmltsr", "snow", "c", "r", "Droplets collected by melting snow", _PINTY, _RS),
    Process("ricfrrg", "graupel", "i", "g", "Cloud ice that freezes rain by contact", _PINTY, _RG),
    Process("rrcfrig", "graupel", "r", "g", "Rain frozen by contact with cloud ice", _PINTY, _RG),
    Process("ricfrr", "graupel", "i", "r", "Cloud ice that melts in the rain that collects it", _PINTY, _RG),
    Process("rgmltr", "graupel", "g", "r", "Melting of graupel", _PINTY, _RG),
    Process("rcwetg", "growth", "c", "g", "Droplets collected in wet growth", _GROWTH, _RG),
    Process("riwetg", "growth", "i", "g", "Cloud ice collected in wet growth", _GROWTH, _RG),
    Process("rswetg", "growth", "s", "g", "Snow collected in wet growth", _GROWTH, _RG),
    Process("rrwetg", "growth", "r", "g", "Rain frozen in wet growth, or liquid shed by it", _GROWTH, _RG),
    Process("rcdryg", "growth", "c", "g", "Droplets collected in dry growth", _GROWTH, _RG),
    Process("ridryg", "growth", "i", "g", "Cloud ice collected in dry growth", _GROWTH, _RG),
    Process("rsdryg", "growth", "s", "g", "Snow collected in dry growth", _GROWTH, _RG),
    Process("rrdryg", "growth", "r", "g", "Rain collected in dry growth", _GROWTH, _RG),
)
"""All of them, by family."""
