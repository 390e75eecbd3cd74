"""What Bencher answered to a submission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from ice3_bench.bencher.document import PHYSICS_DIFFERS
from ice3_bench.errors import UploadError
from ice3_bench.history.thresholds import Boundary

if TYPE_CHECKING:
    from ice3_bench.settings.policy import BencherPolicy


class Line(BaseModel):
    """One benchmark and measure of an answer."""

    benchmark: str
    measure: str
    units: str
    value: float
    baseline: float | None = None
    lower_limit: float | None = None
    upper_limit: float | None = None
    threshold: bool
    """Whether there is a threshold for this branch, testbed and measure."""
    alert: Literal["lower", "upper"] | None = None

    @property
    def tested(self) -> bool:
        """Whether the threshold test was made; it is skipped without enough history."""
        return self.lower_limit is not None or self.upper_limit is not None

    @property
    def near(self) -> bool:
        """Whether the value lies in the last fifth before a limit."""
        return self.alert is None and self._limits.near(self.value) is not None

    @property
    def near_limit(self) -> float | None:
        """The limit that was crossed or is nearest, of two; None if there is none."""
        if self.lower_limit is None or self.upper_limit is None:
            return self.lower_limit if self.upper_limit is None else self.upper_limit
        side = self.alert or self._limits.near(self.value) or "upper"
        return self.lower_limit if side == "lower" else self.upper_limit

    @property
    def _limits(self) -> Boundary:
        return Boundary(self.baseline, self.lower_limit, self.upper_limit, 0)


class Outcome(BaseModel):
    """What Bencher answered to a submission."""

    report: str
    project: str
    public: bool
    branch: str
    testbed: str
    version: int | None = None
    start_point: str | None = None
    """UUID of the branch this one started from."""
    start_point_asked: str | None = None
    console: str | None = None
    lines: list[Line]
    alerts: int

    @property
    def url(self) -> str | None:
        """Page of the report's project, or None if the server has no console."""
        if self.console is None:
            return None
        path = f"perf/{self.project}" if self.public else f"console/projects/{self.project}/reports/{self.report}"
        return f"{self.console.rstrip('/')}/{path}"

    def silences(self, policy: BencherPolicy) -> list[str]:
        """Say what Bencher does not mention: what was not tested, and why."""
        if self.testbed.endswith(PHYSICS_DIFFERS):
            return [f"What was sent for testbed '{self.testbed}' is kept apart and not tested: its physics differs."]
        said = []
        bare = [line for line in self.lines if not line.threshold and not policy.ignores(line.measure)]
        skipped = [line for line in self.lines if line.threshold and not line.tested]
        tested = any(line.tested for line in self.lines)
        if self.start_point_asked and self.start_point is None:
            said.append(
                f"The start point '{self.start_point_asked}' is unknown to Bencher: branch '{self.branch}' has no "
                "history and nothing can alert. Upload the base branch first."
            )
        elif self.start_point_asked and not tested:
            said.append(
                f"There is no history of '{self.start_point_asked}' on testbed '{self.testbed}': nothing can alert. "
                "Measure the base branch on this machine and upload it first."
            )
        if bare:
            said.append(
                f"No threshold on branch '{self.branch}', testbed '{self.testbed}' for {_some(bare)}: "
                "run nox -s bencher -- setup, or list the measure in 'unwatched' of [tool.ice3-bench.bencher]."
            )
        if skipped:
            said.append(f"Not tested, because there is too little history or no spread in it: {_some(skipped)}.")
        return said


def _some(lines: list[Line], most: int = 4) -> str:
    names = [f"{line.benchmark} {line.measure}" for line in lines]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_outcome(reply: dict[str, Any], asked: str | None, console: str | None) -> Outcome:
    """Read Bencher's report (JsonReport) on a submission with the start point ``asked``.

    Raises
    ------
    UploadError
        If it is not a report.
    """
    try:
        alerts = [
            (one["iteration"], one["benchmark"]["uuid"], one["metric"]["uuid"], one["limit"]) for one in reply["alerts"]
        ]
        sides = {(iteration, benchmark, metric): limit for iteration, benchmark, metric, limit in alerts}
        lines = []
        for iteration in reply["results"]:
            for result in iteration:
                for entry in result["measures"]:
                    boundary = entry.get("boundary") or {}
                    lines.append(
                        Line(
                            benchmark=result["benchmark"]["name"],
                            measure=entry["measure"]["slug"],
                            units=entry["measure"]["units"],
                            value=entry["metric"]["value"],
                            baseline=boundary.get("baseline"),
                            lower_limit=boundary.get("lower_limit"),
                            upper_limit=boundary.get("upper_limit"),
                            threshold=entry.get("threshold") is not None,
                            alert=sides.get(
                                (result["iteration"], result["benchmark"]["uuid"], entry["metric"]["uuid"])
                            ),
                        )
                    )
        head = reply["branch"]["head"]
        start = head.get("start_point")
        return Outcome(
            report=reply["uuid"],
            project=reply["project"]["slug"],
            public=reply["project"].get("visibility") == "public",
            branch=reply["branch"]["name"],
            testbed=reply["testbed"]["name"],
            version=(head.get("version") or {}).get("number"),
            start_point=start["branch"] if start else None,
            start_point_asked=asked,
            console=console,
            lines=lines,
            # Servers before 0.6.9 send no counts; newer ones may leave alerts out of the list.
            alerts=max(len(alerts), (reply.get("counts") or {}).get("alerts", {}).get("total", 0)),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UploadError(
            f"Bencher's answer is not a report ({type(error).__name__}: {str(error)[:100]}). "
            "Check that BENCHER_HOST is the address of the API, not of the console: nox -s bencher -- check."
        ) from error
