"""Turn the passes' answers into the records of the report."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.busy import above_triad, busy, steady
from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.names import parse_domain
from ice3_bench.report import Benchmark, FieldError, Metric, NotRun, Rounds, StencilBuild, wrong_outputs
from ice3_bench.text import count, listed
from ice3_probe import messages
from ice3_probe.messages import base_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ice3_bench.cell.passes import Answers
    from ice3_bench.cell.workplace import Workplace


COARSE = "a round took no time by the clock of this machine, which is too coarse: choose a larger domain with --domain"


def stencil_builds(built: Iterable[messages.Built]) -> list[StencilBuild]:
    """Return how long each component took to build or to load."""
    return [
        StencilBuild(component=one.component, domain=one.domain, seconds=one.seconds, cached=one.cached)
        for one in built
    ]


def field_errors(checked: Iterable[messages.Checked]) -> list[FieldError]:
    """Return the error of every output on every data set."""
    return [
        FieldError(
            data_set=one.data_set,
            component=one.component,
            field=field.field,
            error=field.error,
            tolerance=field.tolerance,
            passed=field.passed,
            maximum=field.maximum,
            column=field.column,
            level=field.level,
        )
        for one in checked
        for field in one.fields
    ]


def not_run(checked: Iterable[messages.Checked]) -> list[NotRun]:
    """Return the data sets that the port does not run."""
    return [
        NotRun(data_set=one.data_set, component=one.component, reason=one.unsupported)
        for one in checked
        if one.unsupported
    ]


def not_produced(checked: Sequence[messages.Checked]) -> dict[str, list[str]]:
    """Return the outputs that neither a component nor a variant of it produces, by component."""
    found: dict[str, list[str]] = {}
    for component in dict.fromkeys(base_of(one.component) for one in checked):
        variants = [one for one in checked if base_of(one.component) == component and not one.unsupported]
        lacking = [field for one in variants[:1] for field in one.not_produced]
        found[component] = [field for field in lacking if all(field in one.not_produced for one in variants)]
    return {component: fields for component, fields in found.items() if fields}


def not_compared(asked: Iterable[str], checked: Sequence[messages.Checked]) -> list[str]:
    """Say which of the components asked for were compared with nothing, and which of their outputs were not."""
    said = []
    for component in asked:
        found = [one for one in checked if one.component == component and not one.unsupported]
        if not any(one.fields for one in found):
            reasons = dict.fromkeys(one.unsupported for one in checked if one.component == component)
            why = "; ".join(filter(None, reasons)) or "there is no reference data for it"
            said.append(f"{component}: its accuracy is not checked, {why.rstrip('.')}.")
            continue
        lacking = [name for name in found[0].not_compared if all(name in one.not_compared for one in found)]
        if lacking:
            outputs = count(len(lacking), "output is", "outputs are")
            said.append(f"{component}: {outputs} in no data set and not checked: {listed(lacking)}.")
    return said


def timed_benchmarks(place: Workplace, answers: Answers, copies: float | None = None) -> list[Benchmark]:
    """Return the benchmarks of a timing pass, failed ones included.

    Parameters
    ----------
    copies
        Bandwidth of copies on the GPU, bytes per second.
    """
    timed = {one.benchmark: one for one in answers.of(messages.Timed) if one.benchmark not in answers.failures}
    remarks = answers.of(messages.Remark)
    found = []
    for benchmark in place.benchmarks:
        if benchmark.name in answers.failures:
            found.append(_benchmark(place, benchmark, error=answers.failures[benchmark.name]))
        elif benchmark.name in timed:
            found.append(_timed(place, benchmark, timed[benchmark.name], copies))
        else:  # not selected
            continue
        said = [remark for remark in remarks if remark.benchmark == benchmark.name]
        found[-1].remarks += [remark.text for remark in said if not remark.marks]
        found[-1].marked = "; ".join(remark.text for remark in said if remark.marks) or None
    return found


def lacking(place: Workplace, benchmarks: Iterable[Benchmark]) -> list[str]:
    """Return the benchmarks of the cell in the matrix that were not measured."""
    backend, measured = place.cell.backend, {one.name for one in benchmarks}
    whole = benchmarks_of(place.cell, map(parse_domain, backend.domains), arrangement=place.arrangement)
    return [one.name for one in whole if one.name not in measured]


def without_energy(answers: Answers) -> list[str]:
    """Say once why the energy of the benchmarks was not measured."""
    reasons = dict.fromkeys(one.no_energy for one in answers.of(messages.Timed) if one.no_energy)
    return [f"Energy was not measured: {reason}." for reason in reasons]


def add_compile_times(benchmarks: Sequence[Benchmark], builds: Iterable[StencilBuild]) -> None:
    """Give the compile time to the first benchmark of each component that was really compiled."""
    for build in builds:
        if build.cached:
            continue
        for benchmark in benchmarks:
            if (benchmark.component, benchmark.domain) == (build.component, build.domain) and benchmark.error is None:
                benchmark.measures["compile-time"] = Metric(value=1e9 * build.seconds)
                break


def add_memory(benchmarks: Iterable[Benchmark], answers: Answers, dumps: Path) -> None:
    """Add the peak memory; ``dumps`` is the folder that will hold memray's dumps."""
    peaks = {peak.benchmark: peak for peak in answers.of(messages.Peak)}
    for benchmark in benchmarks:
        failure, peak = answers.failures.get(benchmark.name), peaks.get(benchmark.name)
        if failure is not None:
            benchmark.error = benchmark.error or f"memory pass: {failure}"
        elif peak is not None:
            benchmark.measures["peak-memory"] = Metric(value=float(max(peak.bytes, 0)))
            benchmark.memray_dump = str(dumps / Path(peak.dump).name) if peak.dump else None


def add_accuracy(benchmarks: Iterable[Benchmark], accuracy: Sequence[FieldError], *, count_wrong: bool) -> None:
    """Give each benchmark the largest error of its component; one whose component was not compared gets none.

    The errors of other components say nothing of it: a chain can be wrong although its links are right.

    Parameters
    ----------
    count_wrong
        Whether outputs out of tolerance are a measure: in cells that report their accuracy.
    """
    for benchmark in benchmarks:
        own = [entry for entry in accuracy if entry.component == benchmark.component]
        if not own:
            continue
        benchmark.measures["accuracy"] = Metric(value=max(entry.error for entry in own))
        if count_wrong:
            wrong = len(wrong_outputs(own, benchmark.component))
            benchmark.measures["wrong-outputs"] = Metric(value=float(wrong))


def _benchmark(
    place: Workplace, benchmark: messages.Benchmark, rounds: Rounds | None = None, error: str | None = None
) -> Benchmark:
    active = {one.path: one.active for one in place.found}
    return Benchmark(
        name=benchmark.name,
        component=benchmark.component,
        domain=benchmark.domain,
        clock="kernel" if place.cell.backend.device == "gpu" else "cpu" if place.threads == 1 else "wall",
        rounds=rounds,
        active=active.get(benchmark.data),
        error=error,
    )


def _timed(place: Workplace, benchmark: messages.Benchmark, timed: messages.Timed, copies: float | None) -> Benchmark:
    rounds = Rounds(
        wall_ns=list(timed.rounds.wall_ns),
        cpu_ns=list(timed.rounds.cpu_ns),
        switches=list(timed.rounds.switches),
        kernel_ns=list(timed.kernel_ns),
    )
    made = _benchmark(place, benchmark, rounds)
    latency = _shortest(made.times)
    made.triads = list(timed.triads)
    bandwidth, unknown = (copies, "") if copies else steady(timed.triads)
    if made.clock != "kernel":
        made.busy = busy(rounds, place.threads)
    measures = {
        "latency": latency,
        "throughput": _rate(1e9 * made.points, latency),
        "bandwidth": _rate(1e9 * timed.bytes / bandwidth, latency) if bandwidth else None,
        "transfer-in": _shortest(timed.transfer_in_ns),
        "transfer-out": _shortest(timed.transfer_out_ns),
        "energy": _energy(timed.joules),
        "energy-per-mpoint": _energy(timed.joules, made.points / 1e6),
    }
    made.measures = {name: metric for name, metric in measures.items() if metric is not None}
    made.remarks = [f"{said}." for said in (unknown, above_triad(made, timed.bytes)) if said]
    if latency is None:
        made.error = COARSE if made.times else f"no time was taken by the clock '{made.clock}'"
    return made


def _shortest(times: Sequence[int]) -> Metric | None:
    """Return the shortest time, with the upper quartile; None if there is no time, or it is zero."""
    if not times or min(times) <= 0:
        return None
    best = float(min(times))
    quartile = statistics.quantiles(times, n=4, method="inclusive")[2] if len(times) > 1 else best
    return Metric(value=best, lower_value=best, upper_value=quartile)


def _energy(joules: float | None, amount: float = 1.0) -> Metric | None:
    """Return the energy for an amount; None if it was not measured, or is too little for the counter."""
    return Metric(value=joules / amount) if joules else None


def _rate(amount: float, time: Metric | None) -> Metric | None:
    """Return an amount per time, with the spread of the time."""
    if time is None or not time.value:
        return None
    slow = time.upper_value or time.value
    return Metric(value=amount / time.value, lower_value=amount / slow, upper_value=amount / time.value)
