"""The types of the fields of a report: which values are possible.

Reports are read from files that anybody may have written. What a report identifies things by is of exactly the known
form. Free text may be anything, so it is made harmless here, for every place that shows it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from ice3_bench.git import HASH
from ice3_bench.text import plain

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""Range of the times that a report may name."""


def _possible(time: datetime) -> datetime:
    if not EARLIEST <= time < LATEST:
        raise ValueError(f"the year {time.year} is impossible")
    return time.astimezone(UTC)


def _cleaned(value: object) -> object:
    return plain(value) if isinstance(value, str) else value


def _in_one_line(value: object) -> object:
    return re.sub(r"\s+", " ", plain(value)) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_cleaned)]
"""Free text; control characters are written as escapes, and a very long one is cut."""
Line = Annotated[str, BeforeValidator(_in_one_line)]
"""Free text in one line."""
Time = Annotated[AwareDatetime, AfterValidator(_possible)]
"""A time with its zone, in UTC."""
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Hash = Annotated[str, Field(pattern=rf"^({HASH})$")]
"""Hash of a commit."""
CellId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}-float(32|64)$")]
Precision = Annotated[str, Field(pattern=r"^float(32|64)$")]
Component = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:[a-z0-9][a-z0-9_-]*)?$", max_length=64)]
Extent = Annotated[int, Field(ge=1, lt=10**9)]
Domain = tuple[Extent, Extent, Extent]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]
Nanoseconds = Annotated[int, Field(ge=0, lt=10**18)]
Seconds = Annotated[float, Field(ge=0.0, lt=1e9)]
Rate = Annotated[float, Field(gt=0.0, lt=1e18)]
"""Bytes per second."""
Share = Annotated[float, Field(ge=0.0, lt=1e9)]
"""A number such as MHz or W."""
Error = Annotated[float, Field(ge=0.0)]
"""Normalised error; the largest finite number stands for one that is not finite."""
