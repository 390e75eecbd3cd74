"""Prove the comparison on this machine: trials without a difference, and trials with a known one."""

from __future__ import annotations

import hashlib
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.compare.result import SIDES, Case, Pairs, Protocol, judge, measure
from ice3_bench.compare.verdict import Verdict
from ice3_bench.compare.workers import Crew, Side
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Trials:
    """Trials with one injected slowdown; each has its own processes, so that they are disjoint.

    Attributes
    ----------
    injected
        Slowdown asked for; 0 for a comparison of a revision with itself.
    true
        Slowdown of each trial: the cost of what was added over that of the call, as the worker measured it.
    changes, verdicts, pairs, seconds
        What each trial found, from how many pairs of processes, in how long.
    """

    injected: float
    true: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def slower(self) -> int:
        """Number of trials that said slower."""
        return self.verdicts.count(Verdict.SLOWER)

    @property
    def alarms(self) -> int:
        """Number of trials that said slower or faster: false alarms where nothing was injected."""
        return self.slower + self.verdicts.count(Verdict.FASTER)

    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the probability of an alarm, or of 'slower' (Clopper and Pearson)."""
        from scipy import stats  # noqa: PLC0415 (takes seconds, and few commands need it)

        found = self.slower if self.injected else self.alarms
        interval = stats.binomtest(found, len(self)).proportion_ci(0.95)
        return float(interval.low), float(interval.high)


@dataclass
class Calibration:
    """What the trials of a benchmark showed on a machine."""

    machine: str
    benchmark: str
    protocol: dict[str, Any]
    """The procedure that was proven."""
    trials: list[Trials]
    seconds: float = 0.0

    @property
    def detectable(self) -> float | None:
        """Smallest injected slowdown found in at least 95 % of the trials."""
        found = [t.injected for t in self.trials if t.injected and t.verdicts and t.slower >= 0.95 * len(t)]
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
        return f"on this machine the comparison {', '.join(parts)}, on {self.benchmark}"

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps({**asdict(self), "detectable": self.detectable, "statement": self.statement}, indent=1)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what ``as_json`` wrote.

        Raises
        ------
        UsageError
            If it is not that.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            trials = [Trials(**entry) for entry in record["trials"]]
            return cls(record["machine"], record["benchmark"], record["protocol"], trials, record["seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no calibration ({error}): remove it, or start over with --fresh.") from error


def place(folder: Path, machine: str, benchmark: str, protocol: Protocol) -> Path:
    """File of a calibration; one for each machine, benchmark and procedure."""
    key = json.dumps([machine, benchmark, asdict(protocol)], sort_keys=True)
    return folder / f"{benchmark.replace('/', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.json"


def statements(folder: Path, machine: str, protocol: Protocol) -> list[str]:
    """Return what the stored calibrations of this machine and procedure say; one that cannot be read says nothing."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            calibration = Calibration.load(path)
        except UsageError:
            continue
        if path == place(folder, machine, calibration.benchmark, protocol) and any(calibration.trials):
            found.append(calibration.statement)
    return found


def calibrate(
    side: Side,
    case: Case,
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
    """
    kinds = [_kind(calibration, share) for share in injected]
    start, before = time.monotonic(), calibration.seconds
    with tempfile.TemporaryDirectory(prefix="ice3-bench-") as folder:
        crew = Crew({label: replace(side, label=label) for label in SIDES}, Path(folder))
        while (missing := [kind for kind in kinds if len(kind) < trials]) and time.monotonic() - start < budget:
            group = [Pairs(case, kind.injected) for kind in missing]
            decisions = measure(
                crew,
                group,
                protocol,
                family=1,
                judged=lambda alone: [judge([pairs], protocol.rule, 1, side.threads)[0] for pairs in alone],
                notify=lambda what: notify(f"{len(missing[-1])} of {trials} trials of each kind; {what}"),
            )
            for kind, pairs in zip(missing, group, strict=True):
                if pairs.problem is not None:
                    raise UsageError(f"{case.name} cannot be calibrated: {pairs.problem}")
                decision = decisions[pairs.name]
                kind.verdicts.append(decision.verdict)
                kind.changes.append(decision.change)
                kind.true.append(statistics.median(pairs.added) if pairs.added else 0.0)
                kind.pairs.append(decision.pairs)
                kind.seconds.append(pairs.seconds)
            calibration.seconds = before + time.monotonic() - start
            store(calibration)
    return calibration


def _kind(calibration: Calibration, share: float) -> Trials:
    for trials in calibration.trials:
        if trials.injected == share:
            return trials
    calibration.trials.append(Trials(share))
    return calibration.trials[-1]
