"""The passes of a bench session: the process of each, and what its messages say."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from ice3_bench.cell.device import SMI_COLUMNS, device_record
from ice3_bench.cell.probe import explaining
from ice3_bench.cell.processes import is_complete, started
from ice3_bench.errors import Interrupted, PassError, UsageError
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ice3_bench.cell.processes import Interpreter, Process
    from ice3_bench.cell.workplace import Workplace
    from ice3_bench.report import Gpu

NO_TESTS_COLLECTED = 5
"""pytest's exit code."""
PYTEST_USAGE_ERROR = 4
"""pytest's exit code."""
QUOTED_LINES = 12
"""Lines of a log that an error quotes."""

# Python allocates by malloc: its own arenas of 1 MiB would raise the peak by chance.
MEMORY_ENVIRONMENT = {"PYTHONMALLOC": "malloc"}

# What makes the timing repeatable; pytest-benchmark reads these from the command line only (it has no ini options).
STABILISING_FLAGS = (
    "--benchmark-only",
    "--benchmark-disable-gc",  # no garbage collection inside a round
    "--benchmark-warmup=on",
    "--benchmark-warmup-iterations=3",  # the default of 100000 would triple the time
    "--benchmark-timer=time.perf_counter",
    "--benchmark-columns=min,median,iqr,rounds",
)

Kind = TypeVar("Kind", bound=messages.Message)


@dataclass
class Answers:
    """What a pass answered.

    Attributes
    ----------
    code
        Exit code, negative if a signal ended the process.
    failures
        Messages of benchmarks that failed, by name.
    incomplete
        Why the pass did not reach the end; empty if it did.
    """

    code: int
    messages: list[messages.Message]
    failures: dict[str, str] = field(default_factory=dict)
    incomplete: str = ""

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the messages of a kind."""
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def complete(self) -> bool:
        """Whether a pass of the probe reached its end."""
        return is_complete(self.code, self.messages)


def run_pass(
    place: Workplace,
    name: str,
    arguments: Sequence[str],
    variables: Mapping[str, str] | None = None,
    interpreter: Interpreter | None = None,
) -> Answers:
    """Run a pass.

    Parameters
    ----------
    variables
        Variables of the environment of this pass alone.
    interpreter
        What runs it, if not the interpreter of the workplace.

    Raises
    ------
    UsageError, PassError
        If the pass says that it failed, or writes something that is not a message.
    Interrupted
        On Ctrl-C, after the process has ended.
    """
    interpreter = interpreter or place.interpreter
    interpreter = replace(interpreter, variables={**interpreter.variables, **(variables or {})})
    try:
        with started(interpreter, arguments, place.job, place.log(name)) as process:
            return answers_of(place, process, name, name, last=True)
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted in the {name} pass.") from None


def answers_of(place: Workplace, process: Process, name: str, log: str, *, last: bool) -> Answers:
    """Return what a process answers in a pass, which ends with the process if it is its ``last`` one.

    Parameters
    ----------
    log
        Name of the log of the process.

    Raises
    ------
    UsageError, PassError
        If the pass says that it failed, or writes something that is not a message.
    """
    received: list[messages.Message] = []

    def take(message: messages.Message) -> None:
        received.append(message)
        place.notify(message)

    code = process.follow(take, until_done=not last)
    for message in received:
        if isinstance(message, messages.Failure):
            where = f" The output of the {name} pass is in {place.shown_log(log)}."
            raise UsageError(message.message) if message.usage else PassError(message.message + where)
    return Answers(code, received)


def fail(place: Workplace, name: str, code: int, log: str = "") -> PassError:
    """Return the error for a pass that ended with ``code``; it quotes the end of ``log``, by default the pass's own."""
    log = log or name
    lines = place.log(log).read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    tail = "\n".join(f"    {line}" for line in lines[-QUOTED_LINES:])
    return PassError(
        f"The {name} pass {ended(code)}. Its whole output is in {place.shown_log(log)}; it ends with\n{tail}"
    )


def ended(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with exit code {code}" if code else "ended early, with exit code 0"


def describe_data(place: Workplace) -> tuple[messages.DataSetFound, ...]:
    """Look at the data of PHYEX: whether they can be used, and what they are.

    Raises
    ------
    UsageError
        If a data set cannot be used.
    PassError
        If the pass itself fails.
    """
    answers = run_pass(place, "data", ("-m", "ice3_probe", "data"))
    if not answers.complete:
        raise fail(place, "data", answers.code)
    return tuple(answers.of(messages.DataSetFound))


def describe_device(place: Workplace) -> Gpu:
    """Describe the GPU and measure its copy bandwidth.

    Raises
    ------
    UsageError
        If nvidia-smi is missing.
    PassError
        If the pass fails.
    """
    answers = run_pass(place, "device", ("-m", "ice3_probe", "device", f"--columns={','.join(SMI_COLUMNS)}"))
    found = answers.of(messages.Device)
    if not answers.complete or not found:
        raise fail(place, "device", answers.code)
    return device_record(found[0])


def explain_accuracy(place: Workplace, kept: Path) -> list[messages.Message]:
    """Find out why the physics differs, from what the accuracy pass kept in a folder.

    Raises
    ------
    UsageError
        If a data set cannot be used.
    PassError
        If the pass fails.
    """
    interpreter = explaining(place.interpreter, place.cache)
    answers = run_pass(place, "explain", ("-m", "ice3_probe", "explain", f"--kept={kept}"), interpreter=interpreter)
    if not answers.complete:
        raise fail(place, "explain", answers.code)
    return [one for one in answers.messages if not isinstance(one, messages.Started | messages.Done)]


def make_reference(place: Workplace, recipe: messages.Recipe) -> messages.Made:
    """Make a reference data set with the Fortran of a cell.

    Raises
    ------
    UsageError
        If the recipe cannot be followed, or the Fortran cannot be built.
    PassError
        If the Fortran fails.
    """
    place.stencils.mkdir(parents=True, exist_ok=True)
    written = place.folder / "recipe.json"
    written.write_text(messages.encode(recipe), encoding="utf-8")
    answers = run_pass(place, "make", ("-m", "ice3_probe", "make", f"--recipe={written}"))
    made = answers.of(messages.Made)
    if not answers.complete or not made:
        raise fail(place, "make", answers.code)
    return made[0]


def measure_time(place: Workplace) -> Answers:
    """Time the benchmarks.

    Raises
    ------
    UsageError
        If the arguments select no benchmark or pytest refuses them.
    PassError
        If no benchmark was reached.
    """
    flags = [
        *STABILISING_FLAGS,
        f"--benchmark-min-rounds={place.settings.min_rounds}",
        f"--benchmark-max-time={place.settings.max_time}",
    ]
    answers = _run_pytest(place, "timing", flags)
    if not answers.of(messages.Timed) and not answers.failures:
        raise fail(place, "timing", answers.code)
    return answers


def measure_memory(place: Workplace, dumps: str = "memray") -> Answers:
    """Run each benchmark once under memray; on a GPU, with CuPy's memory pool watched instead.

    Parameters
    ----------
    dumps
        Name of the folder that takes memray's dumps.

    Raises
    ------
    UsageError, PassError
        As in ``measure_time``.
    """
    if place.cell.backend.device == "gpu":
        answers = _run_pytest(place, "memory", ["--benchmark-disable"])
    else:
        flags = ["--benchmark-disable", "--isolate", "--memray", "--hide-memray-summary"]
        flags += [f"--memray-bin-path={place.folder / dumps}", "--memray-bin-prefix=peak"]
        answers = _run_pytest(place, "memory", flags, MEMORY_ENVIRONMENT)
    if not answers.of(messages.Peak) and not answers.failures:
        raise fail(place, "memory", answers.code)
    return answers


def _run_pytest(
    place: Workplace, name: str, flags: Sequence[str], variables: Mapping[str, str] | None = None
) -> Answers:
    """Run the performance tests. If a benchmark kills the process, run the remaining ones in another one."""
    whole = Answers(0, [])
    done: dict[str, None] = {}  # in order
    count = 0
    while True:
        log = name if not done else f"{name}-{len(done)}"
        answers = run_performance_tests(place, log, [*flags, *(f"--leave-out={one}" for one in done)], variables)
        whole.code = answers.code
        whole.messages += answers.messages
        for failed in answers.of(messages.Failed):  # what fails after it, in the teardown, is a consequence
            whole.failures.setdefault(failed.benchmark, failed.message)
        done.update((finished.benchmark, None) for finished in answers.of(messages.Finished))
        done.update((failed.benchmark, None) for failed in answers.of(messages.Failed))
        count = count or sum(message.count for message in answers.of(messages.Collected))
        if answers.code >= 0:
            break
        under_way = [message.benchmark for message in answers.of(messages.Started) if message.benchmark not in done]
        if under_way:
            message = f"its process was killed by signal {-answers.code}, see {place.shown_log(log)}"
            whole.failures.setdefault(under_way[-1], message)
            done[under_way[-1]] = None
        if not under_way or len(done) >= count:
            break
    if len(done) < count:
        whole.incomplete = (
            f"The {name} pass {ended(whole.code)} after {len(done)} of {count} benchmarks, see {place.shown_log(name)}."
        )
    return whole


def run_performance_tests(
    place: Workplace, log: str, flags: Sequence[str], variables: Mapping[str, str] | None = None
) -> Answers:
    """Run pytest over the performance tests, with the user's arguments.

    Parameters
    ----------
    log
        Name of the log.

    Raises
    ------
    UsageError
        If the arguments select no benchmark or pytest refuses them.
    """
    tests = place.interpreter.path[0] / "ice3_probe" / "performance"
    answers = run_pass(place, log, ["-m", "pytest", str(tests), *flags, *place.pytest_args], variables)
    if answers.code == NO_TESTS_COLLECTED and not answers.of(messages.Started):
        raise UsageError(
            f"No benchmark is selected by the arguments {shlex.join(place.pytest_args)}: "
            f"without arguments, nox -s {place.cell.session} runs all of them and names them."
        )
    if answers.code == PYTEST_USAGE_ERROR:
        lines = place.log(log).read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.partition(": error: ")[2] for line in lines if ": error: " in line]  # below pytest's usage
        errors = named or [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
        raise UsageError(
            f"pytest refuses the arguments {shlex.join(place.pytest_args)}: "
            f"{errors[-1] if errors else f'see {place.shown_log(log)}.'}"
        )
    return answers
