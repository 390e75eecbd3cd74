"""Prove the comparison on this machine: trials without a difference, and trials with a known one."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from ice3_bench.compare.pairs import Pairs, Protocol, judge, measure
from ice3_bench.compare.verdict import Verdict
from ice3_bench.errors import UsageError
from ice3_bench.files import read_limited
from ice3_bench.reports import first_fault
from ice3_bench.text import plain
from ice3_probe.messages import FORMER_ARRANGEMENT, Arrangement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.compare.workers import Crew
    from ice3_probe.messages import Benchmark

SCHEMA_VERSION: Literal[1] = 1
"""Version of the stored calibrations."""
LARGEST = 16 * 2**20
"""Bytes of a calibration."""
ENOUGH = 20
"""Trials from which a share of 95 % can be seen."""


@dataclass
class Trials:
    """Trials with one injected slowdown; no two share a process.

    Attributes
    ----------
    injected
        Slowdown asked for; 0 for a comparison of a revision with itself.
    true
        Slowdown of each trial: the cost of what was added over that of the run, as the worker measured it.
    changes, verdicts, pairs, seconds
        What each trial found, from how many pairs of processes, in how long.
    """

    injected: float
    true: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def enough(self) -> bool:
        """Whether the trials tell 95 % from less: with fewer, even one miss would be more than 5 %."""
        return len(self) >= ENOUGH

    @property
    def whole(self) -> bool:
        """Whether each trial has all its values."""
        lists = (self.true, self.changes, self.pairs, self.seconds)
        values = (*self.true, *self.changes, *self.seconds)
        return all(len(one) == len(self) for one in lists) and all(map(math.isfinite, values))

    @property
    def slower(self) -> int:
        """Number of trials that said slower."""
        return self.verdicts.count(Verdict.SLOWER)

    @property
    def alarms(self) -> int:
        """Number of trials that said slower or faster; if nothing was injected, these are false alarms."""
        return self.slower + self.verdicts.count(Verdict.FASTER)

    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the probability of an alarm, or of 'slower' (Clopper and Pearson)."""
        from scipy import stats  # noqa: PLC0415 (takes seconds, and few commands need it)

        found = self.slower if self.injected else self.alarms
        interval = stats.binomtest(found, len(self)).proportion_ci(0.95)
        return float(interval.low), float(interval.high)


@dataclass
class Calibration:
    """What the trials of a benchmark showed on a machine.

    Attributes
    ----------
    protocol
        The procedure that was proven.
    arrangement
        Where the columns of the weather stood; calibrations that do not say so were made on shuffled ones.
    """

    machine: str
    benchmark: str
    protocol: Protocol
    trials: list[Trials] = field(default_factory=list)
    seconds: float = 0.0
    arrangement: Arrangement = FORMER_ARRANGEMENT

    @property
    def detectable(self) -> float | None:
        """Smallest injected slowdown found in at least 95 % of the trials; None also if the trials are too few."""
        found = [t.injected for t in self.trials if t.injected and t.enough and t.slower >= 0.95 * len(t)]
        return min(found, default=None)

    @property
    def statement(self) -> str:
        """One sentence for reports."""
        parts = []
        for trials in self.trials:
            if not trials.verdicts:
                continue
            low, high = trials.interval()
            if trials.injected:
                true = statistics.median(trials.true)
                parts.append(f"found {true:+.1%} in {trials.slower} of {len(trials)} trials (at least {low:.1%})")
            else:
                parts.insert(0, f"raised {trials.alarms} false alarms in {len(trials)} trials (at most {high:.1%})")
        return f"on this machine the comparison {', '.join(parts)}, on {self.benchmark} in {self.arrangement} weather"

    def trials_of(self, injected: float) -> Trials:
        """Return the trials with a slowdown; empty if there are none yet."""
        for trials in self.trials:
            if trials.injected == injected:
                return trials
        self.trials.append(Trials(injected))
        return self.trials[-1]

    def as_json(self) -> str:
        """Write everything, derived values included, as JSON."""
        derived = {"detectable": self.detectable, "statement": self.statement}
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self), **derived}, indent=1)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what ``as_json`` wrote.

        Raises
        ------
        UsageError
            If it was written by another version, or is something else.
        """
        remedy = "Remove it, or start over with --fresh"
        try:
            record: dict[str, Any] = dict(json.loads(read_limited(path, LARGEST)))
            if record.get("schema_version") == SCHEMA_VERSION:
                found = _CALIBRATION.validate_json(json.dumps(record), strict=True)
                if all(trials.whole for trials in found.trials):
                    return found
                raise ValueError("trials with values of different number")  # noqa: TRY301 (explained below)
        except ValidationError as error:
            raise UsageError(f"{path} is not a calibration ({first_fault(error)}). {remedy}.") from error
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"{path} is not a calibration ({plain(str(error))[:200]}). {remedy}.") from error
        raise OldCalibrationError(f"{path} is a calibration of another version of ice3-bench. {remedy}.")


class OldCalibrationError(UsageError):
    """A calibration that another version of this tool wrote."""


_CALIBRATION = TypeAdapter(Calibration)


def place(folder: Path, machine: str, benchmark: str, protocol: Protocol, arrangement: Arrangement) -> Path:
    """File of a calibration; one for each machine, benchmark, procedure and arrangement of the weather."""
    weather = [] if arrangement == FORMER_ARRANGEMENT else [arrangement]  # as in former names of files
    key = json.dumps([machine, benchmark, asdict(protocol), *weather], sort_keys=True)
    return folder / f"{benchmark.replace('/', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.json"


@dataclass(frozen=True)
class Known:
    """What the stored calibrations say.

    Attributes
    ----------
    statements
        Of this machine and procedure.
    old
        Number of calibrations that do not apply, because the procedure or the format of the file has changed.
    """

    statements: tuple[str, ...] = ()
    old: int = 0


def known(folder: Path, machine: str, protocol: Protocol) -> Known:
    """Return what the stored calibrations of a folder say; files that cannot be read are ignored."""
    statements, old = [], 0
    for path in sorted(folder.glob("*.json")):
        try:
            calibration = Calibration.load(path)
        except OldCalibrationError:
            old += 1
            continue
        except UsageError:
            continue
        if calibration.protocol.version != protocol.version:
            old += 1
            continue
        here = place(folder, machine, calibration.benchmark, protocol, calibration.arrangement)
        if path == here and any(calibration.trials):
            statements.append(calibration.statement)
    return Known(tuple(statements), old)


def calibrate(
    crew: Crew,
    benchmark: Benchmark,
    calibration: Calibration,
    *,
    injected: tuple[float, ...],
    budget: float,
    trials: int,
    protocol: Protocol,
    store: Callable[[Calibration], None],
    notify: Callable[[str], None],
) -> Calibration:
    """Add trials of each kind in turn; every trial is a whole comparison of one benchmark, with its looks at the data.

    Parameters
    ----------
    crew
        Both sides are the same revision.
    calibration
        What is known already; it is added to.
    injected
        Slowdowns, 0 first.
    budget
        Seconds.
    trials
        Number of trials of each kind, the known ones included.
    store
        Called after each round of trials, so that an interruption loses none.

    Raises
    ------
    UsageError
        If the benchmark cannot be measured.
    """
    kinds = [calibration.trials_of(share) for share in injected]
    start, before = time.monotonic(), calibration.seconds
    threads = crew.sides.contender.job.cell.threads
    while (missing := [kind for kind in kinds if len(kind) < trials]) and time.monotonic() - start < budget:
        group = [Pairs(benchmark, kind.injected) for kind in missing]
        decisions = measure(
            crew,
            group,
            protocol,
            family=1,
            judged=lambda alone: [judge([pairs], protocol.rule, 1, threads)[0] for pairs in alone],
            notify=lambda what: notify(f"{len(missing[-1])} of {trials} trials of each kind; {what}"),
        )
        for kind, pairs in zip(missing, group, strict=True):
            if pairs.problem is not None:
                raise UsageError(f"{benchmark.name} cannot be calibrated: {pairs.problem}")
            decision = decisions[pairs.name]
            kind.verdicts.append(decision.verdict)
            kind.changes.append(decision.change)
            kind.true.append(statistics.median(pairs.added) if pairs.added else 0.0)
            kind.pairs.append(decision.pairs)
            kind.seconds.append(pairs.seconds)
        calibration.seconds = before + time.monotonic() - start
        store(calibration)
    return calibration
