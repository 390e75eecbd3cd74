"""The names of benchmarks and domains: made and read here, nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_probe.messages import COMPONENTS, MIXES, base_of

if TYPE_CHECKING:
    from collections.abc import Collection

Domain = tuple[int, int, int]
_DOMAIN = re.compile(r"[1-9]\d{0,8}x[1-9]\d{0,8}x[1-9]\d{0,8}", re.ASCII)
_NAME = re.compile(
    r"(?P<component>[a-z][a-z0-9_]*(:[a-z0-9][a-z0-9_-]*)?)/(?P<backend>[a-z0-9_]+)/(?P<precision>[a-z0-9]+)"
    r"/(?P<domain>[0-9x]+)(/(?P<mix>[a-z0-9_]+))?"
)
DATA = "data:"
"""Prefix of what stands in the place of a weather mix if data of PHYEX are timed."""
_DATA_NAME = re.compile(
    r"(?P<start>[^/]+/[^/]+/[^/]+)/(?P<mix>data:[A-Za-z0-9_.-]+)/(?P<columns>[0-9]+)x(?P<levels>[0-9]+)"
)
PRESETS: dict[str, Domain] = {"phyex": (99_840, 1, 120)}
"""Domains with a name: PHYEX's own size for measuring its performance."""


def parse_domain(text: str) -> Domain:
    """Return (i, j, k) of a domain written as ``50x50x60``, or of a preset.

    Raises
    ------
    UsageError
        If ``text`` is neither three positive numbers separated by ``x`` nor a preset.
    """
    if text in PRESETS:
        return PRESETS[text]
    if not _DOMAIN.fullmatch(text):
        raise UsageError(f"'{text}' is not a domain: write three positive numbers of points as in 50x50x60, or phyex.")
    i, j, k = map(int, text.split("x"))
    return i, j, k


def domain_text(domain: Domain) -> str:
    """Write a domain as ``50x50x60``."""
    return "x".join(map(str, domain))


def is_wanted(name: str, parts: Collection[str]) -> bool:
    """Tell whether a benchmark is asked for: its name contains one of ``parts``, or none is given."""
    return not parts or any(part in name for part in parts)


@dataclass(frozen=True)
class BenchmarkName:
    """What is in the name ``component/backend/precision/domain[/mix]`` of a benchmark.

    Data of PHYEX have the name ``component/backend/precision/data:name/columnsxlevels``.

    Attributes
    ----------
    component
        A component, or a part or variant of one such as ``ice_adjust:modular``.
    backend
        Id of the backend, without colon.
    mix
        Weather mix, or ``data:name``; None if the component has only one.
    """

    component: str
    backend: str
    precision: str
    domain: Domain
    mix: str | None = None

    @property
    def text(self) -> str:
        """The name."""
        where = (self.mix, self.extent) if self.is_data else (self.extent, self.mix)
        return "/".join(filter(None, (self.component, self.backend, self.precision, *where)))

    @property
    def is_data(self) -> bool:
        """Whether data of PHYEX are timed."""
        return self.mix is not None and self.mix.startswith(DATA)

    @property
    def extent(self) -> str:
        """The domain, or columns and levels of PHYEX's data, as text."""
        i, j, k = self.domain
        return f"{i * j}x{k}" if self.is_data else domain_text(self.domain)

    @property
    def label(self) -> str:
        """Component, domain and weather mix: the name without the cell."""
        return " ".join(filter(None, (self.component, self.extent, self.mix)))

    @property
    def kind(self) -> tuple[int, str]:
        """The component, to sort by: in the order of the scheme, parts and variants behind it."""
        bases, base = list(COMPONENTS), base_of(self.component)
        return bases.index(base) if base in bases else len(bases), self.component

    @property
    def size(self) -> tuple[int, Domain, int, str]:
        """Domain and mix, to sort by: the smallest number of points and the richest weather first."""
        i, j, k = self.domain
        mix = self.mix or ""
        return i * j * k, self.domain, ("", *MIXES, mix).index(mix), mix

    @property
    def order(self) -> tuple[object, ...]:
        """All of it, to sort by: the benchmarks of a cell stand together."""
        return *self.kind, self.backend, self.precision, *self.size

    @classmethod
    def parse(cls, text: str) -> BenchmarkName:
        """Read a name.

        Raises
        ------
        UsageError
            If ``text`` is not the name of a benchmark.
        """
        plain, mix = text, None
        if found := _DATA_NAME.fullmatch(text):
            plain, mix = f"{found['start']}/{found['columns']}x1x{found['levels']}", found["mix"]
        match = _NAME.fullmatch(plain)
        if match is None or not _DOMAIN.fullmatch(match["domain"]):
            raise UsageError(
                f"'{text[:80]}' is not the name of a benchmark: names are component/backend/precision/domain, such as "
                "ice_adjust/gt_cpu_ifirst/float64/50x50x60, some with the weather mix after another /."
            )
        return cls(
            match["component"], match["backend"], match["precision"], parse_domain(match["domain"]), mix or match["mix"]
        )


def label(name: str) -> str:
    """Return the name of a benchmark without its cell; a name that is not a benchmark's stays as it is."""
    try:
        return BenchmarkName.parse(name).label
    except UsageError:
        return name
