"""Options as a user writes them, and as PHYEX's namelists."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from ice3_probe.components import component_of
from ice3_probe.options import RainIceOptions
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_probe.options import Option

_TRUTH = {"true": True, "t": True, "false": False, "f": False}
_MICROPHYSICS = {"CSUBG_MF_PDF", *(field.name for field in fields(RainIceOptions))}
"""Options of the namelist PARAM_ICEN; the others belong to NEBN."""


def chosen(component: str, written: Mapping[str, str], *, full: bool) -> dict[str, Option]:
    """Read options.

    Parameters
    ----------
    full
        Whether to return the defaults of all other options too.

    Raises
    ------
    DataSetError
        If the component has no such option, or the value is of another type.
    """
    defaults = component_of(component).options()
    found: dict[str, Option] = dict(defaults) if full else {}
    for name, text in written.items():
        if name not in defaults:
            raise DataSetError(f"{component} has no option {name}: it has {', '.join(defaults)}.")
        kind = type(defaults[name])
        try:
            found[name] = _TRUTH[text.lower()] if kind is bool else kind(text)
        except (KeyError, ValueError) as error:
            expected = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
            raise DataSetError(f"Option {name}={text} cannot be used: expected {expected}.") from error
    return found


def as_namelists(options: Mapping[str, Option]) -> dict[str, dict[str, Option]]:
    """Sort options into PHYEX's namelists."""
    given = {name: value for name, value in options.items() if name != "KRR"}
    return {
        "PARAM_ICEN": {name: value for name, value in given.items() if name in _MICROPHYSICS},
        "NEBN": {name: value for name, value in given.items() if name not in _MICROPHYSICS},
    }
