"""What the settings are made of: tables, and values that follow rules (domains, components, versions of Python)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from ice3_bench.errors import UsageError
from ice3_bench.names import domain_text, parse_domain
from ice3_bench.text import quoted
from ice3_probe.messages import COMPONENTS, base_of

OLDEST_PYTHON = 10
"""Minor version of Python 3 that the probe needs."""
LONGEST = 64
"""Characters of the name of a component, as reports take it."""
CURRENT = "current"
"""The ``python`` of backends that are measured in the interpreter that runs the harness."""


def checked_domain(text: str) -> str:
    """Write a domain as results name it; raises ValueError if it is none."""
    try:
        return domain_text(parse_domain(text))
    except UsageError as error:
        raise ValueError(str(error)) from None


def checked_component(name: str) -> str:
    """Return the name of a component, or of a variant or a part; raises ValueError if it is unknown."""
    if base_of(name) not in COMPONENTS or not re.fullmatch(r"[a-z_]+(:[a-z0-9][a-z0-9_-]*)?", name):
        raise ValueError(
            f"unknown component '{name}': expected {quoted(COMPONENTS)}, or a variant such as 'ice_adjust:modular'"
        )
    if len(name) > LONGEST:
        raise ValueError(f"component '{name}' has more than {LONGEST} characters")
    return name


def parse_components(*values: str) -> tuple[str, ...]:
    """Read components, parts and variants, apart or joined by commas; raises UsageError if one is unknown or empty."""
    try:
        return tuple(dict.fromkeys(checked_component(name.strip()) for value in values for name in value.split(",")))
    except ValueError as error:
        raise UsageError(f"--components {' '.join(values)}: {error}.") from None


def checked_python(version: str) -> str:
    """Return a version of Python; raises ValueError if it cannot be measured."""
    parts = re.fullmatch(r"3\.(\d+)(\.\d+)?", version)
    if version != CURRENT and not parts:
        raise ValueError(f"'{version}' is not a version of Python: write '3.11', '3.11.4' or '{CURRENT}'")
    if parts and int(parts[1]) < OLDEST_PYTHON:
        raise ValueError(f"Python {version} is too old: 3.{OLDEST_PYTHON} is the oldest that can be measured")
    return version


Domain = Annotated[str, AfterValidator(checked_domain)]
Component = Annotated[str, AfterValidator(checked_component)]


class Table(BaseModel):
    """A table of pyproject.toml, whose keys have hyphens; keys that it does not know are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        validate_by_alias=True,
    )
