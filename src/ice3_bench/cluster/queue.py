"""What a scheduler answers: the jobs that it knows, or why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from ice3_bench.errors import BenchError


class SchedulerError(BenchError):
    """The scheduler did not do what it was asked; the message is its own."""


@dataclass(frozen=True)
class Queued:
    """A job as the scheduler shows it.

    Attributes
    ----------
    state
        The scheduler's own word, such as ``PENDING``.
    waiting, over
        Whether it has not begun, and whether it has ended.
    reason
        Why it waits, in the scheduler's words; empty if it does not say.
    """

    job: str
    name: str
    state: str
    waiting: bool
    over: bool
    reason: str = ""
