"""Prove the comparison on this machine: trials without a difference, and trials with a known one."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.comparison import SIDES, Case, Crew, Pairs, Protocol, Side
from ice3_bench.verdict import Rule, Verdict, decide

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
        Slowdown of each trial: the cost of the extra call over that of the call, as the worker measured it.
    changes, verdicts
        What each trial found.
    """

    injected: float
    true: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def slower(self) -> int:
        """Number of trials that said slower."""
        return sum(verdict is Verdict.SLOWER for verdict in self.verdicts)

    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the probability of 'slower' (Clopper and Pearson)."""
        from scipy import stats  # noqa: PLC0415 (takes seconds, and few commands need it)

        interval = stats.binomtest(self.slower, len(self.verdicts)).proportion_ci(0.95)
        return float(interval.low), float(interval.high)


@dataclass
class Calibration:
    """What the trials of a benchmark showed."""

    benchmark: str
    trials: list[Trials]
    seconds: float
    pairs: int

    @property
    def detectable(self) -> float | None:
        """Smallest injected slowdown found in at least 95 % of the trials."""
        found = [t.injected for t in self.trials if t.injected and t.verdicts and t.slower >= 0.95 * len(t.verdicts)]
        return min(found, default=None)

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps({**asdict(self), "detectable": self.detectable}, indent=1)


def calibrate(
    side: Side,
    case: Case,
    options: list[str],
    threads: int,
    *,
    injected: tuple[float, ...],
    budget: float,
    protocol: Protocol,
    store: Callable[[Calibration], None],
) -> Calibration:
    """Run trials of each kind in turn until the budget is spent; every trial is a whole comparison of one benchmark.

    Parameters
    ----------
    injected
        Slowdowns, 0 first.
    budget
        Seconds.
    store
        Called after each round of trials, so that an interruption loses none.
    """
    rule = Rule(looks=1)
    pairs_of_trial = protocol.pairs
    calibration = Calibration(case.name, [Trials(share) for share in injected], 0.0, pairs_of_trial)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        crew = Crew({label: Side(label, side.python, side.tree) for label in SIDES}, options, threads, Path(folder))
        while time.monotonic() - start < budget:
            with crew.started([case.component]) as workers:
                for trials in calibration.trials:
                    pairs = Pairs()
                    for _ in range(pairs_of_trial):
                        pairs.measure(workers, case, protocol, trials.injected)
                    decision = decide({case.name: pairs.ratios}, rule)[case.name]
                    trials.verdicts.append(decision.verdict)
                    trials.changes.append(decision.change)
                    trials.true.append(statistics.median(pairs.extra) if pairs.extra else 0.0)
            calibration.seconds = time.monotonic() - start
            store(calibration)
    return calibration
