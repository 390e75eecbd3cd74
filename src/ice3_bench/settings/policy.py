"""The policies of pyproject.toml.

``[tool.ice3-bench.bencher]`` says what Bencher is told, ``[tool.ice3-bench.history]`` how a run is checked against the
local history.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ice3_bench.measures import MEASURES, MeasureName
from ice3_bench.settings.values import Table

Test = Literal["static", "percentage", "z_score", "t_test", "log_normal", "iqr", "delta_iqr"]
PROBABILITY_TESTS = ("z_score", "t_test", "log_normal")
NEEDS_TWO = (*PROBABILITY_TESTS, "delta_iqr")


class Threshold(Table):
    """A threshold model of Bencher, checked as its threshold endpoints do (``POST /v0/run`` does not check)."""

    test: Test
    """How the boundaries follow from the history."""
    lower_boundary: float | None = None
    """How far below the baseline a value may lie, in the unit of the test."""
    upper_boundary: float | None = None
    """How far above the baseline a value may lie."""
    min_sample_size: Annotated[int, Field(ge=1)] | None = None
    """Fewest values for which the test is made."""
    max_sample_size: Annotated[int, Field(ge=1)] | None = None
    """Most values, the newest ones."""
    window: Annotated[int, Field(ge=1)] | None = None
    """Seconds of history that count."""

    @model_validator(mode="after")
    def _valid(self) -> Self:
        boundaries = [b for b in (self.lower_boundary, self.upper_boundary) if b is not None]
        sizes = [s for s in (self.min_sample_size, self.max_sample_size) if s is not None]
        if not boundaries:
            raise ValueError("give lower-boundary, upper-boundary or both")
        if self.test == "static":
            if sizes or self.window is not None:
                raise ValueError("a static test takes no sample sizes and no window")
            if len(boundaries) == 2 and boundaries[0] > boundaries[1]:
                raise ValueError("lower-boundary is above upper-boundary")
        elif self.test in PROBABILITY_TESTS:
            if any(not 0.5 <= b < 1.0 for b in boundaries):
                raise ValueError(f"boundaries of {self.test} are probabilities from 0.5 to below 1")
        elif any(b < 0.0 for b in boundaries):
            raise ValueError(f"boundaries of {self.test} are not negative")
        if self.test != "percentage" and any(s < 2 for s in sizes):
            raise ValueError(f"{self.test} needs sample sizes of at least 2")
        if len(sizes) == 2 and sizes[0] > sizes[1]:
            raise ValueError("min-sample-size is above max-sample-size")
        return self

    @property
    def needed(self) -> int:
        """Number of values below which the test is not made."""
        return max(self.min_sample_size or 1, 2 if self.test in NEEDS_TWO else 1)

    def as_json(self) -> dict[str, Any]:
        """Return the model as Bencher's interface takes it; boundaries are floats, as its parser requires."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=False)


class _Policy(Table):
    """Thresholds by measure.

    Each measure with ``gates`` must have a threshold or be in ``unwatched``, unless the table is empty. The other
    measures are watched only if they have a threshold, so that a user's table stays valid when a measure is added.
    """

    thresholds: dict[MeasureName, Threshold] = Field(default_factory=dict)
    """By measure."""
    unwatched: tuple[MeasureName, ...] = ()
    """Measures without a threshold on purpose."""

    @model_validator(mode="after")
    def _each_measure_is_decided(self) -> Self:
        if not self.thresholds and not self.unwatched:
            return self
        for measure in MEASURES.values():
            given = (measure.name in self.thresholds) + (measure.name in self.unwatched)
            if given == 2 or (given == 0 and measure.gates):
                raise ValueError(f"measure '{measure.name}' must be either in thresholds or in unwatched")
        return self

    def ignores(self, measure: str) -> bool:
        """Tell whether a measure has no threshold on purpose."""
        if measure in self.thresholds:
            return False
        return measure in self.unwatched or (measure in MEASURES and not MEASURES[measure].gates)


class HistoryPolicy(_Policy):
    """The table ``[tool.ice3-bench.history]``: how a run is checked against the local history."""

    least_change: dict[MeasureName, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """By measure: relative distance from the baseline from which a value beyond its limit is a violation."""


class BencherPolicy(_Policy):
    """The table ``[tool.ice3-bench.bencher]``."""

    base_branches: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = ("main",)
    """Each has a history and thresholds of its own; other branches start from the one that they go to.

    It is written as ``base-branches`` of ``[tool.ice3-bench]``."""
    protected_branches: tuple[str, ...] = ()
    """Patterns of branches that are never archived or reset; base branches never are."""
    max_versions: Annotated[int, Field(ge=1, le=255)] = 255
    """Versions of the start point that a branch sees."""
    deadline: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that an upload tries to send a submission, which then stays queued."""

    @model_validator(mode="before")
    @classmethod
    def _one_base(cls, table: Any) -> Any:  # noqa: ANN401
        """Accept ``base-branch``, which a project with one of them may write."""
        if not isinstance(table, dict) or "base-branch" not in table or "base-branches" in table:
            return table
        others = {key: value for key, value in table.items() if key != "base-branch"}
        return {**others, "base-branches": [table["base-branch"]]}

    @property
    def base_branch(self) -> str:
        """The base of the branches of which nothing is known."""
        return self.base_branches[0]

    def base_of(self, branch: str | None, told: str | None = None) -> str:
        """Return the base of a branch, which is ``told`` if somebody knows it; a base branch is its own."""
        return branch if branch in self.base_branches else told or self.base_branch

    def protects(self, branch: str) -> bool:
        """Tell whether a branch must never be archived or reset."""
        return branch in self.base_branches or any(fnmatchcase(branch, pattern) for pattern in self.protected_branches)
