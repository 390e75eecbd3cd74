"""What became of a job: from its own files first, and from the scheduler's word where they say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ice3_bench.cluster.queue import Queued
    from ice3_bench.cluster.run import Ended, Started

SIGNALLED = 129
"""Exit statuses from here on: a signal ended the job; so does 130 of the harness."""


class State(Enum):
    """What became of a job, in the user's words."""

    NOT_SUBMITTED = "not submitted"
    SUBMITTED = "submitted"
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    PREEMPTED = "preempted"
    NODE_FAILED = "node failed"
    TIME_LIMIT = "time limit"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self not in (State.NOT_SUBMITTED, State.SUBMITTED, State.WAITING, State.RUNNING)

    @property
    def again(self) -> bool:
        """Whether the job ended through no fault of its own, so that another try is worth it."""
        return self in (State.PREEMPTED, State.NODE_FAILED)


ENDS = {
    "CANCELLED": State.CANCELLED,
    "TIMEOUT": State.TIME_LIMIT,
    "DEADLINE": State.TIME_LIMIT,
    "PREEMPTED": State.PREEMPTED,
    "NODE_FAIL": State.NODE_FAILED,
    "BOOT_FAIL": State.NODE_FAILED,
    "OUT_OF_MEMORY": State.FAILED,
}
"""What the scheduler's word for the end of a job means; the others do not say why it ended."""
EXPLAINED = {"OUT_OF_MEMORY": "it needed more memory than it was given: raise 'memory' in pyproject.toml"}
REASONS = {
    "None": "the scheduler has not considered it yet",
    "Priority": "others are before it",
    "Resources": "no node is free",
    "BeginTime": "begins again after a pause",
    "Dependency": "others must end first",
    "JobHeldUser": "held by its user",
    "JobHeldAdmin": "held by the administrators",
    "PartitionTimeLimit": "it asks for more time than the partition gives: lower 'time' in pyproject.toml",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "ReqNodeNotAvail": "the nodes are drained, down or reserved",
    "Nodes": "the nodes are drained, down or reserved",
    "QOSMaxJobsPerUserLimit": "the user has as many jobs as allowed",
    "AssocMaxJobsLimit": "the account has as many jobs as allowed",
    "AssocGrpCPUMinutesLimit": "the account has used up its time",
}
"""Why jobs wait, by the first word of SLURM's reason."""


@dataclass(frozen=True)
class Evidence:
    """What is known about a job.

    Attributes
    ----------
    submitted
        Whether the scheduler has accepted it.
    code
        Exit status that it wrote.
    cancelled
        Whether the user gave it up.
    ended
        What the scheduler said when it was over.
    queued
        What the scheduler says; None: it does not know the job, or was not asked.
    """

    submitted: bool
    started: Started | None = None
    code: int | None = None
    cancelled: bool = False
    ended: Ended | None = None
    queued: Queued | None = None


@dataclass(frozen=True)
class Verdict:
    """The state of a job, and what else there is to say."""

    state: State
    detail: str = ""


def own_end(code: int | None) -> bool:
    """Tell whether an exit status is that of a job that came to its own end, not one that a signal ended."""
    return code is not None and 0 <= code < SIGNALLED


def judge(evidence: Evidence, now: float, patience: float) -> Verdict:
    """Say what became of a job.

    Parameters
    ----------
    now
        Seconds since 1970.
    patience
        Seconds that the files of an ended job may take to be seen.
    """
    queued, code = evidence.queued, evidence.code
    if own_end(code):
        return Verdict(State.FAILED, f"exit code {code}") if code else Verdict(State.FINISHED)
    if queued is not None and not queued.over:
        return _alive(evidence, queued)
    if evidence.ended is not None or (queued is not None and queued.over):
        return _over(evidence, now, patience)
    if not evidence.submitted:
        return Verdict(State.CANCELLED if evidence.cancelled else State.NOT_SUBMITTED)
    if evidence.started is not None:
        return Verdict(State.RUNNING, "" if code is None else "a signal reached it")
    return Verdict(State.SUBMITTED)


def _alive(evidence: Evidence, queued: Queued) -> Verdict:
    if not queued.waiting:
        return Verdict(State.RUNNING)
    again = ["begun before"] if evidence.started is not None else []
    first = queued.reason.replace("(", " ").replace(",", " ").split()[:1]
    reason = REASONS.get(first[0] if first else "", queued.reason)
    return Verdict(State.WAITING, ", ".join(filter(None, [reason, *again])))


def _over(evidence: Evidence, now: float, patience: float) -> Verdict:
    """Judge a job that left no exit status of its own: the scheduler may know why."""
    ended = evidence.ended
    word = ended.state if ended is not None and ended.state else evidence.queued.state if evidence.queued else ""
    if word in ENDS:
        return Verdict(ENDS[word], EXPLAINED.get(word, ""))
    if evidence.cancelled:
        return Verdict(State.CANCELLED)
    if evidence.code is not None:
        return Verdict(
            State.FAILED, f"a signal ended it (exit code {evidence.code}), and the scheduler does not say why"
        )
    if ended is None or now - ended.time < patience:
        return Verdict(State.RUNNING, "ended, its files are on their way")
    said = f"the scheduler says {word}" if word else "the scheduler does not know it any more"
    return Verdict(State.LOST, f"it left no exit status, and {said}")
