"""Following a run: looks at all its jobs, each with at most one question to the scheduler, and what is to be done next.

A look needs nothing but the folder of the run, so any process can go on where another one was killed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.cell.lock import locked
from ice3_bench.cluster.queue import SchedulerError
from ice3_bench.cluster.run import Attempt, Ended, Submitted
from ice3_bench.cluster.script import batch_script
from ice3_bench.cluster.states import Evidence, State, Verdict, judge, own_end
from ice3_bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ice3_bench.cluster.queue import Queued
    from ice3_bench.cluster.run import Run, Task
    from ice3_bench.cluster.scheduler import Scheduler


@dataclass(frozen=True)
class Situation:
    """A task, and what became of its job.

    Attributes
    ----------
    attempt
        The one that decides: that which came to its own end, or the last; None: none was begun.
    over
        Whether nothing more will happen.
    """

    task: Task
    attempt: Attempt | None
    verdict: Verdict
    over: bool


@dataclass
class Look:
    """What a look found.

    Attributes
    ----------
    trouble
        Why the scheduler did not answer, or refuses jobs; empty if it does what it is asked.
    """

    situations: list[Situation]
    trouble: str = ""

    @property
    def over(self) -> bool:
        """Whether all jobs have ended."""
        return all(one.over for one in self.situations)


class Follower:
    """Looks at a run, again and again.

    Parameters
    ----------
    scheduler
        That of the run's cluster.
    """

    def __init__(self, run: Run, scheduler: Scheduler) -> None:
        self.run, self._scheduler = run, scheduler
        self._queue: dict[str, Queued] = {}
        self._begun: set[str] = set()  # names of the jobs that had begun when the scheduler was asked
        self._forgotten: set[str] = set()  # numbers of jobs, for which the accounting is asked next
        self._over: dict[str, Situation] = {}
        self._asked, self._trouble = float("-inf"), ""

    @property
    def due(self) -> bool:
        """Whether the scheduler may be asked again: it has others to serve."""
        return time.monotonic() - self._asked >= self.run.record.cluster.poll

    def look(self, *, ask: bool = True, submit: bool = False) -> Look:
        """Look at all jobs.

        Parameters
        ----------
        ask
            Whether the scheduler is asked; otherwise its last answer and the files of the jobs tell.
        submit
            Whether to submit what was not submitted yet, and again what a failed node or a preemption ended.
        """
        with locked(self.run.folder / ".lock"):
            tasks = [task for task in self.run.record.tasks if task.name not in self._over]
            attempts = {task.name: self.run.attempts(task) for task in tasks}
            asked = False
            if ask and tasks:
                asked, self._trouble = self._ask([one for found in attempts.values() for one in found])
            look = Look([], self._trouble)
            for task in self.run.record.tasks:
                situation = self._over.get(task.name) or self._situation(task, attempts[task.name])
                if submit and asked and not look.trouble:
                    situation = self._next(situation, look)
                if situation.over:
                    self._over[task.name] = situation
                look.situations.append(situation)
            self._trouble = look.trouble  # until it is asked again
        return look

    def cancel(self, tasks: Iterable[str]) -> Look:
        """Give up the jobs of some tasks, by name; return what became of all.

        Raises
        ------
        SchedulerError
            If the scheduler refuses, or does not answer.
        """
        wanted = set(tasks)
        for situation in self.look().situations:
            if situation.over or situation.task.name not in wanted:
                continue
            attempt = situation.attempt or self.run.attempt(situation.task, 1)
            write_atomically(attempt.cancelled, "")  # first, so that nobody submits it again
            if attempt.job is not None:
                self._scheduler.cancel(attempt.job)
        return self.look()

    def _ask(self, attempts: Sequence[Attempt]) -> tuple[bool, str]:
        """Ask the scheduler, and write down the ends of jobs; return whether it answered, and why not.

        The accounting, which is asked for jobs that it has forgotten, is asked instead of it, the next time. Only the
        first look asks both, since a command that looks once must tell all.
        """
        if self._forgotten:
            self._ask_accounting(attempts)
            return True, ""
        first = self._asked == float("-inf")
        known = {one.job for one in attempts if one.job is not None}
        try:
            self._queue = {one.job: one for one in self._scheduler.jobs(self.run.record.user, known)}
        except SchedulerError as error:
            return False, str(error)
        finally:
            self._asked = time.monotonic()
        self._begun = {one.job_name for one in attempts if one.started is not None}
        for attempt in attempts:
            queued = self._found(attempt)
            if queued is not None and attempt.submitted is None:  # the submission was killed in between
                attempt.note(Submitted(job=queued.job))
            if own_end(attempt.code) or attempt.job is None:
                continue
            if queued is None:
                if not (attempt.ended and attempt.ended.state):
                    self._forgotten.add(attempt.job)
            elif queued.over:
                self._note_end(attempt, queued.state)
            else:
                (attempt.folder / "ended").unlink(missing_ok=True)  # it begins again
        if first:
            self._ask_accounting(attempts)
        return True, ""

    def _ask_accounting(self, attempts: Sequence[Attempt]) -> None:
        """Write down the ends of the jobs that the scheduler has forgotten, with the reasons if there is accounting."""
        said = self._scheduler.accounted(self._forgotten)
        self._asked = time.monotonic()
        for attempt in attempts:
            if attempt.job in self._forgotten:
                self._note_end(attempt, said.get(attempt.job, ""))
        self._forgotten = set()

    @staticmethod
    def _note_end(attempt: Attempt, state: str) -> None:
        before = attempt.ended
        if before is None or (state and before.state != state):
            attempt.note(Ended(state=state, time=before.time if before else time.time()))

    def _found(self, attempt: Attempt) -> Queued | None:
        """Return the job of an attempt as the scheduler shows it."""
        job = attempt.job
        if job is not None and job in self._queue:
            return self._queue[job]
        named = [one for one in self._queue.values() if one.name == attempt.job_name]
        return min(named, key=lambda one: one.over, default=None)

    def _situation(self, task: Task, attempts: Sequence[Attempt]) -> Situation:
        if not attempts:
            return Situation(task, None, Verdict(State.NOT_SUBMITTED), over=False)
        attempt = next((one for one in attempts if own_end(one.code)), attempts[-1])
        queued, started = self._found(attempt), attempt.started
        if queued is not None and queued.waiting and started is not None and attempt.job_name not in self._begun:
            queued = None  # it has begun since the scheduler was asked
        evidence = Evidence(
            submitted=attempt.job is not None,
            started=started,
            code=attempt.code,
            cancelled=attempt.cancelled.exists(),
            ended=attempt.ended,
            queued=queued,
        )
        verdict = judge(evidence, time.time(), self.run.record.cluster.patience)
        again = verdict.state.again and not evidence.cancelled and attempt.number <= self.run.record.cluster.resubmit
        return Situation(task, attempt, verdict, over=verdict.state.over and not again)

    def _next(self, situation: Situation, look: Look) -> Situation:
        """Submit a task if it is to be submitted, and return its new situation."""
        if situation.over or not (situation.verdict.state is State.NOT_SUBMITTED or situation.verdict.state.again):
            return situation
        number = situation.attempt.number if situation.attempt else 1
        attempt = self.run.attempt(situation.task, number + situation.verdict.state.again)
        try:
            self._submit(attempt)
        except SchedulerError as error:
            look.trouble = str(error)
            return situation
        return self._situation(situation.task, self.run.attempts(situation.task))

    def _submit(self, attempt: Attempt) -> None:
        attempt.folder.mkdir(parents=True, exist_ok=True)
        attempt.script.write_text(batch_script(self._scheduler, self.run, attempt), encoding="utf-8")
        attempt.note(Submitted(job=self._scheduler.submit(attempt.script)))
