"""The check pass: a port is held to every rule of the contract, on tiny domains, and no fault hides the others."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.cases import case_of, refused, weather
from ice3_probe.contract import Unsupported
from ice3_probe.device import to_device
from ice3_probe.differences import REPEATABLE, difference
from ice3_probe.messages import MIXES, Benchmark, Judged
from ice3_probe.ports import Instance, PortError, create, load_port, on_device
from ice3_probe.timing import Loop, idle, not_ready, too_many_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ice3_probe.contract import Runnable, Shape
    from ice3_probe.messages import Job
    from ice3_probe.ports import Arrays, Port

DOMAIN = (5, 3, 10)
"""Points (i, j, k) of the tiny domain: different extents, so that exchanged axes show."""
OTHER_DOMAIN = (7, 1, 13)
"""A second one, one point wide as the columns of the reference data are."""
WIDE_DOMAIN = (64, 48, 60)
"""Domain on which a fast run takes long enough to see whether its result was ready."""
LONG_NS = 1_000_000
"""A run that takes so long on the tiny domain is looked at there."""
NOTICED_NS = 300_000
"""A first read that is late by less tells nothing: it may also make views, or find its memory cold."""
LONG_READ = 10
"""Runs that a read must outlast to be suspected of computing the result itself."""
SAME_COLUMN = {"float32": 1e-3, "float64": 1e-6}
"""Largest relative difference of a column that lies elsewhere: the compiler may treat the rest of a loop otherwise."""
THRESHOLDS = 0.02
"""Share of the cells that may differ by more: rounding moves a few across a threshold of the physics."""
UNTRIED = "not tried"
NO_VALUE = "NONESUCH"
"""A value that no option has."""

RULES = {
    "module": "the port can be imported",
    "function": "it has a function create(case, cell)",
    "component": "create() knows the component and makes it",
    "methods": "what create() returns has load(), reset(), run() and read()",
    "outputs": "'outputs' names outputs of the component",
    "ignores": "'ignores' names inputs of the component",
    "load": "load() takes the inputs",
    "options": "create() refuses unknown values of options with Unsupported",
    "run": "reset(), run() and read() end without an error",
    "read": "read() returns a NumPy array for every output",
    "shape": "outputs have the shape of the domain: (i, j, k) or (i, j)",
    "dtype": "outputs have the precision of the cell",
    "finite": "outputs are finite",
    "reset": "reset() restores what load() gave: a second run gives the same",
    "unchanged": "the inputs are left as they were",
    "copies": "load() copies: what happens to the inputs later has no effect",
    "columns": "columns in another order give the same results in that order",
    "instances": "two instances do not disturb each other",
    "domains": f"another domain works too: {OTHER_DOMAIN[0]} x {OTHER_DOMAIN[1]} x {OTHER_DOMAIN[2]} points",
    "ready": "run() computes, and the result is there when it returns",
    "threads": "a run uses no more threads than cell.threads",
    "produced": "every output of the component is produced",
}
"""The rules by name, in the order in which they are tried."""


def judge(job: Job, started: Callable[[str], None]) -> Iterator[Judged]:
    """Hold the port of a job to every rule, with each of its components.

    Parameters
    ----------
    started
        Called with what is being tried.
    """
    started(job.port)
    whole = _Trial(job, "")
    yield from whole.try_all()
    for component in job.checked if whole.port else ():
        started(component)
        yield from _Trial(job, component, whole.port).try_all()


class _Trial:
    """The rules about the port as a whole, or about one component of it."""

    def __init__(self, job: Job, component: str, port: Port | None = None) -> None:
        self.job, self.component, self.port = job, component, port
        self.faults: dict[str, list[PortError]] = {}
        self.open: dict[str, str] = {}
        """Why the verdict of a rule stays open, by its name."""
        self.ended = False

    def try_all(self) -> Iterator[Judged]:
        """Try rule after rule; the others stay open once there is nothing to go on with."""
        if not self.component:
            yield from self._try(self._import, "module", "function")
            return
        self.case = case_of(Benchmark(self.component, self.component, DOMAIN, MIXES[0]))
        yield from self._try(self._make, "component", "methods", "outputs", "ignores", "load")
        made = not self.ended
        yield from self._try(self._refuse, "options")
        self.ended = not made
        yield from self._try(self._run, "run", "read", "shape", "dtype", "finite", "reset", "unchanged")
        ran = not self.ended
        for what, rules in (
            (self._copy, ("copies",)),
            (self._permute, ("columns", "instances")),
            (self._elsewhere, ("domains",)),
            (self._wait, ("ready", "threads")),
            (self._count, ("produced",)),
        ):
            self.ended = not ran
            yield from self._try(what, *rules)

    def _try(self, what: Callable[[], None], *rules: str) -> Iterator[Judged]:
        """Try some rules at once: an error ends them at the rule that it is about, or at the first."""
        last = rules[0] if self.ended else ""
        if not self.ended:
            try:
                what()
            except PortError as error:
                last = error.rule if error.rule in rules else rules[0]
                self.faults.setdefault(last, []).append(error)
            except Unsupported as error:
                last = rules[0]
                told = refused(self.job.port, self.component, error)
                self.faults.setdefault(last, []).append(PortError(told, last))
        reached = not self.ended
        for rule in rules:
            yield self._judged(rule, reached=reached)
            reached = reached and rule != last
        self.ended = bool(last)

    def _judged(self, rule: str, *, reached: bool) -> Judged:
        faults = self.faults.get(rule, [])
        who = f"Port {self.job.port}, '{self.component}': "  # which the line shows anyway
        told = list(dict.fromkeys(str(fault).removeprefix(who) for fault in faults))
        if told:
            more = f" There are {len(told) - 1} more such faults." if told[1:] else ""
            usage = all(fault.usage for fault in faults)
            return Judged(self.component, RULES[rule], "broken", told[0] + more, usage)
        if not reached:
            return Judged(self.component, RULES[rule], "open", UNTRIED)
        why = self.open.get(rule, "")
        return Judged(self.component, RULES[rule], "open" if why else "kept", why)

    def _take(self, error: PortError) -> None:
        self.faults.setdefault(error.rule, []).append(error)

    def _blame(self, rule: str, what: str) -> None:
        self._take(PortError(f"Port {self.job.port}, '{self.component}': {what}.", rule))

    def _instance(
        self, domain: Shape, given: dict[str, NDArray[Any]], blame: Callable[[PortError], None] = lambda _: None
    ) -> Instance:
        """Create the component with inputs; faults that the first instance has shown are not taken again."""
        assert self.port is not None  # noqa: S101 (a component is tried only if the port was imported)
        cell = self.job.cell

        def inputs(runnable: Runnable) -> Arrays:
            order = getattr(runnable, "device_layout", "C")
            return to_device(given, cell.precision, order) if on_device(cell, runnable) else given

        return Instance(self.port, replace(self.case, domain=domain), cell, inputs, blame)

    def _import(self) -> None:
        self.port = load_port(self.job.port)

    def _make(self) -> None:
        self.instance = self._instance(DOMAIN, _inputs(DOMAIN), self._take)
        if not self.instance.outputs and "outputs" not in self.faults:
            self._blame("outputs", "'outputs' names no output: nothing would be compared")

    def _refuse(self) -> None:
        texts = [name for name, value in self.case.options.items() if isinstance(value, str)]
        taken = [name for name in texts if self._takes_any(name)]
        if taken:
            self.open["options"] = (
                f"create() takes any value of {', '.join(taken)}: right only if these have no effect on the component"
            )

    def _takes_any(self, option: str) -> bool:
        """Tell whether the port takes a value that an option does not have."""
        assert self.port is not None  # noqa: S101 (as above)
        options = {**self.case.options, option: NO_VALUE}
        try:
            create(self.port, replace(self.case, options=options), self.job.cell)
        except Unsupported:
            return False
        except PortError as error:
            self._blame("options", f"with {option} = '{NO_VALUE}', create() must raise Unsupported. Now: {error}")
            return False
        return True

    def _run(self) -> None:
        self.first = self.instance.run_twice()
        self.instance.require_finite(f"{_text(DOMAIN)} points")
        self.instance.require_inputs_unchanged()

    def _copy(self) -> None:
        given = _inputs(DOMAIN)
        instance = self._instance(DOMAIN, given)
        for array in given.values():
            array.flags.writeable = True
            array.fill(np.nan)
        if moved := difference(self.first, instance.result(), REPEATABLE[self.job.cell.precision]):
            self._blame("copies", f"{moved} changed when the arrays that load() was given did: load() must copy")

    def _permute(self) -> None:
        count = DOMAIN[0] * DOMAIN[1]
        order = np.random.default_rng(count).permutation(count)
        precision = self.job.cell.precision
        other = self._instance(DOMAIN, {name: _permuted(array, order) for name, array in _inputs(DOMAIN).items()})
        expected = {name: _permuted(array, order) for name, array in self.first.items()}
        if moved := difference(expected, other.result(), SAME_COLUMN[precision], THRESHOLDS):
            self._blame("columns", f"{moved}: are i and j exchanged, or columns mixed, in load() or read()?")
        if "reset" in self.faults:
            self.open["instances"] = UNTRIED
            return
        both = self.instance, other
        for instance in both:
            instance.reset()
        for instance in both:
            instance.run_checked()
        if moved := difference(self.first, self.instance.read(), REPEATABLE[precision]):
            self._blame(
                "instances",
                f"{moved} is another one when a second instance was loaded and run too: what belongs to an instance "
                "must be kept in it, not in the module or in a library",
            )

    def _elsewhere(self) -> None:
        instance = self._instance(OTHER_DOMAIN, _inputs(OTHER_DOMAIN), self._elsewhere_take)
        instance.result()
        instance.require_finite(f"{_text(OTHER_DOMAIN)} points")

    def _elsewhere_take(self, error: PortError) -> None:
        if error.rule not in self.faults:  # otherwise the first instance has shown it
            self._take(PortError(str(error), "domains"))

    def _wait(self) -> None:
        cell = self.job.cell
        if cell.device != "cpu":
            self.open["ready"] = self.open["threads"] = "only a rule on a CPU; on a GPU, run() only enqueues"
            return
        loop = Loop([self.instance])
        if min(loop.run(2).wall_ns) < LONG_NS:
            wide = self._instance(WIDE_DOMAIN, _inputs(WIDE_DOMAIN))
            wide.result()
            loop = Loop([wide])
        rounds, late = loop.run(3), loop.late()
        noticed = late * min(rounds.wall_ns) >= NOTICED_NS
        said = idle(rounds, loop.instance.bytes_moved(), cell.threads) or (not_ready(late) if noticed else "")
        if not said and _read_ns(loop.instance) > LONG_READ * min(rounds.wall_ns) and self._reads_without_run():
            said = "read() gives the result even without run(), and takes much longer: run() must compute"
        if said:
            self._blame("ready", said)
        if said := too_many_threads(rounds, cell.threads):
            self._blame("threads", said)

    def _reads_without_run(self) -> bool:
        """Tell whether an instance that never ran gives the results."""
        other = self._instance(DOMAIN, _inputs(DOMAIN))
        other.reset()
        try:
            got = {name: np.array(array) for name, array in other.runnable.read().items()}
            same = not difference(self.first, got, REPEATABLE[self.job.cell.precision])
        except Exception:  # noqa: BLE001 (the port may expect a run before)
            return False
        return same and got.keys() >= self.first.keys()

    def _count(self) -> None:
        if missing := self.instance.not_produced:
            self.open["produced"] = f"not produced, so not compared: {', '.join(missing)}"


def _read_ns(instance: Instance) -> int:
    start = time.perf_counter_ns()
    instance.runnable.read()
    return time.perf_counter_ns() - start


def _text(domain: Shape) -> str:
    return "x".join(map(str, domain))


def _inputs(domain: Shape) -> dict[str, NDArray[Any]]:
    """Return a new copy of the weather, at addresses at which frameworks that can would alias it.

    ``sigqsat``, which is the same in all columns of the weather, differs here.
    """
    given = {name: _aligned(array) for name, array in weather(domain, MIXES[0], "shuffled").items()}
    given["sigqsat"] *= np.linspace(0.5, 1.5, given["sigqsat"].size).reshape(domain[:2])
    return given


def _aligned(array: NDArray[Any]) -> NDArray[Any]:
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy: NDArray[Any] = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _permuted(array: NDArray[Any], order: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Put the columns of a field (i, j, k) or (i, j) into another order."""
    columns = array.reshape(-1, *array.shape[2:])[order]
    return _aligned(columns.reshape(array.shape))
