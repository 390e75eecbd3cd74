"""The table of all cells: what is comparable, the ratios to the reference, and its three forms."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from ice3_bench.cell.device import device_record
from ice3_bench.cell.machine import describe_machine, host_name, machine_name
from ice3_bench.commands.tabulating import hints
from ice3_bench.errors import UsageError
from ice3_bench.history.newest import Conditions, Newest, newest
from ice3_bench.history.reference import Ratio, reference_of
from ice3_bench.history.store import History
from ice3_bench.names import parse_domain
from ice3_bench.report import Benchmark, Commit, FieldError, Metric, Protocol, Report, Rounds
from ice3_bench.show.cells import Summary, cells_csv, cells_markdown, cells_table
from ice3_bench.show.markdown import literal, markdown_table
from ice3_bench.text import significant
from ice3_probe.messages import Device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings

HERE = Conditions("laptop", 1, "production", "shuffled")
HOSTILE = "=a|b_`<i>\n[red]*x*"
SMI = "NVIDIA H200, GPU-8a1b, 1, 580.65.06, 1980, 3201, 700.00, 1755, 3201"
ESCAPED = "&#61;a&#124;b&#95;&#96;&#60;i&#62; &#91;red&#93;&#42;x&#42;"


def timed(name: str, per_point: float | None = None, noise: float = 0.01, **fields: Any) -> Benchmark:
    """Make a benchmark of so many ns per point; without them it failed."""
    component, _, _, domain, *_ = name.split("/")
    made = Benchmark(name=name, component=component, domain=parse_domain(domain), **fields)
    if per_point is None:
        made.error = made.error or "it broke"
        return made
    best = per_point * made.points
    made.measures = {
        "latency": Metric(value=best, lower_value=best, upper_value=best * (1.0 + 2.0 * noise)),
        "peak-memory": Metric(value=36e6),
        "accuracy": Metric(value=1e-15),
    }
    times = [round(best), round(best * (1.0 + noise)), round(best * (1.0 + 2.0 * noise))]
    made.rounds = Rounds(wall_ns=times, cpu_ns=times, switches=[0, 0, 0], kernel_ns=times)
    return made


class Store:
    """A history in which cells are measured."""

    def __init__(self, path: Path, make_report: Callable[..., Report], settings: Settings) -> None:
        self.path, self.make_report, self.settings = path, make_report, settings

    def measure(self, cell: str, /, *benchmarks: Benchmark, **fields: Any) -> Report:
        backend, _, precision = cell.rpartition("-")
        report = self.make_report(
            cell=cell, backend=backend, precision=precision, benchmarks=list(benchmarks), **fields
        )
        with History(self.path) as history:
            assert history.add(report)
        return report

    def newest(self, conditions: Conditions = HERE) -> Newest:
        with History(self.path) as history:
            return newest(history, self.settings, conditions)

    def summary(self, reference: str | None = None, conditions: Conditions = HERE) -> Summary:
        results = self.newest(conditions).results
        chosen = None if reference is None else reference_of(self.settings, reference)
        return Summary(results, conditions, chosen, chosen.ratios(results) if chosen else {})

    def ratios(self, reference: str) -> dict[str, str]:
        return {name: ratio.text for name, ratio in self.summary(reference).ratios.items()}


@pytest.fixture
def store(tmp_path: Path, make_report: Callable[..., Report], settings: Settings) -> Store:
    return Store(tmp_path / "history.db", make_report, settings)


def names(found: Newest) -> list[str]:
    return [result.benchmark.name for result in found.results]


# What is comparable ---------------------------------------------------------------------------------------------------


def test_the_newest_result_of_each_benchmark_counts_also_if_a_later_run_had_others(store: Store) -> None:
    old, new = timed("ice_adjust/numpy/float64/50x50x60", 3.0), timed("ice_adjust/numpy/float64/50x50x60", 2.0)
    store.measure("numpy-float64", old)
    store.measure("numpy-float64", new)
    store.measure("numpy-float64", timed("ice_adjust/numpy/float64/8x8x30", 9.0))
    found = store.newest()
    assert [(result.benchmark.points, result.per_point) for result in found.results] == [(1920, 9.0), (150_000, 2.0)]
    assert found.left_out == ["Left out, since measured again later: 1 run (nox -s bench-history shows them)."]


def test_a_newer_compiler_replaces_the_older_one_and_a_failure_the_last_success(store: Store) -> None:
    name = "ice_adjust/gt_cpu_ifirst/float64/50x50x60"
    first = store.measure("gt_cpu_ifirst-float64", timed(name, 3.0))
    newer = first.software.model_copy(update={"compiler": "g++ 13"})
    store.measure("gt_cpu_ifirst-float64", timed(name, 2.0), software=newer)
    assert [result.per_point for result in store.newest().results] == [2.0]
    store.measure("gt_cpu_ifirst-float64", timed(name), software=newer)
    (result,) = store.newest().results
    assert (result.per_point, result.benchmark.error) == (None, "it broke")


def test_what_is_left_out_is_said_in_a_sentence_for_each_kind(store: Store) -> None:
    name = "ice_adjust/gt_cpu_ifirst/float64/50x50x60"
    shown = store.measure("gt_cpu_ifirst-float64", timed(name, 2.0))
    assert store.newest().left_out == []
    for testbed in ("node", "attic"):
        machine = shown.machine.model_copy(update={"testbed": testbed})
        store.measure("gt_cpu_ifirst-float64", timed(name, 1.0), machine=machine)
    for change in (
        {"threads": 2},
        {"threads": 8},
        {"profile": "strict", "compile_args": ["-ffp-contract=off"]},
        {"arrangement": "coherent"},
    ):
        protocol = shown.protocol.model_copy(update=dict(change))
        store.measure("gt_cpu_ifirst-float64", timed(name, 1.0), protocol=protocol)
    store.measure("removed-float64", timed("ice_adjust/removed/float64/50x50x60", 1.0))
    found = store.newest()
    assert [result.per_point for result in found.results] == [2.0]
    assert found.left_out == [
        "Left out, since the matrix has no such cell: removed-float64.",
        "Left out, since measured on another machine: attic, node (--machine NAME shows one).",
        "Left out, since measured with another number of threads: 2, 8 (--threads NUMBER).",
        "Left out, since measured with another profile: strict (--profile NAME).",
        "Left out, since measured in other weather: coherent (--arrangement NAME).",
    ]
    coherent = Conditions("laptop", 1, "production", "coherent")
    assert [one.per_point for one in store.newest(coherent).results] == [1.0]
    assert [one.per_point for one in store.newest(Conditions("node", 1, "production", "shuffled")).results] == [1.0]
    with pytest.raises(UsageError) as caught:
        store.newest(Conditions("laptop", 4, "strict", "shuffled"))
    assert "no result on 'laptop' with 4 threads and the profile strict in shuffled weather" in str(caught.value)
    command = f"nox -s {store.settings.cells[0].session} -- --threads 4 --profile strict --arrangement shuffled."
    assert command in str(caught.value)
    assert "another number of threads: 1, 2, 8" in str(caught.value)


def test_a_report_with_odd_names_does_not_cost_the_table(store: Store) -> None:
    good, foreign = timed("ice_adjust/numpy/float64/50x50x60", 2.0), timed("ice_adjust/debug/float64/50x50x60", 1.0)
    odd = foreign.model_copy(update={"name": "odd name"})
    store.measure("numpy-float64", good)
    store.measure("numpy-float64", foreign)
    found = store.newest()
    assert names(found) == [good.name]
    (left_out,) = found.left_out
    assert left_out.startswith("Left out, since they are no names of benchmarks of the cell that was measured: ")
    assert left_out.endswith(f": '{foreign.name}' (numpy-float64).")
    bad = store.make_report(cell="numpy-float64")
    bad.benchmarks = [odd]
    with History(store.path) as history:
        history.add(bad)
    found = store.newest()
    assert names(found) == [good.name]
    assert found.left_out[-1].startswith(f"The report {bad.id} in ")
    assert "'odd name' is not the name of a benchmark" in found.left_out[-1]


def test_the_profile_is_no_condition_where_nothing_is_compiled(store: Store) -> None:
    strict = Protocol(profile="strict", compile_args=[], threads=1, environment={})
    store.measure("numpy-float64", timed("ice_adjust/numpy/float64/8x8x30", 9.0), protocol=strict)
    assert [result.per_point for result in store.newest().results] == [9.0]


@pytest.mark.parametrize("testbed", [None, "node"])
def test_the_gpus_of_a_machine_belong_to_it_with_any_number_of_threads(store: Store, testbed: str | None) -> None:
    gpu = device_record(Device("13.0", 50_000_000, 80_000_000_000, 4.3e12, SMI))
    machine = describe_machine(testbed, gpu)
    here = machine_name(testbed)
    assert host_name(machine) == host_name(describe_machine(testbed)) == here
    kernel = timed("ice_adjust/gt_gpu/float64/50x50x60", 0.01, clock="kernel")
    store.measure("gt_gpu-float64", kernel, machine=machine, device="gpu")
    cpu = Protocol(profile="production", compile_args=[], threads=8, environment={})
    reference = timed("ice_adjust/numpy/float64/50x50x60", 3.0, clock="wall")
    store.measure("numpy-float64", reference, machine=describe_machine(testbed), protocol=cpu)
    summary = store.summary("numpy", Conditions(here, 8, "production", "shuffled"))
    assert {name: ratio.text for name, ratio in summary.ratios.items()} == {kernel.name: "300x"}
    text = cells_markdown(summary)
    assert text.startswith(f"{here} (")
    assert "; NVIDIA H200), 8 threads, " in text
    assert "- GPU cells: time and memory of the device, without transfers." in text


def test_results_are_sorted_by_component_domain_and_mix_and_the_fastest_comes_first(store: Store) -> None:
    order = [
        ("ice_adjust/{}/float64/50x50x60", 2.0),
        ("ice_adjust/{}/float64/100x100x90", 1.0),
        ("ice_adjust:modular/{}/float64/50x50x60", 3.0),
        ("rain_ice/{}/float64/50x50x60/rich", 9.0),
        ("rain_ice/{}/float64/50x50x60/typical", 8.0),
        ("microphysics/{}/float64/50x50x60/rich", 9.5),
    ]
    for backend, factor in (("numpy", 20.0), ("gt_cpu_ifirst", 1.0), ("debug", None)):
        benchmarks = [timed(name.format(backend), factor and factor * time) for name, time in reversed(order)]
        store.measure(f"{backend}-float64", *benchmarks)
    expected = [name.format(backend) for name, _ in order for backend in ("gt_cpu_ifirst", "numpy", "debug")]
    assert names(store.newest()) == expected


# The reference --------------------------------------------------------------------------------------------------------


def test_each_precision_is_compared_with_itself_and_a_cell_with_all(store: Store) -> None:
    store.measure("numpy-float64", timed("ice_adjust/numpy/float64/50x50x60", 80.0))
    for precision, time in (("float32", 10.0), ("float64", 25.0)):
        store.measure(f"debug-{precision}", timed(f"ice_adjust/debug/{precision}/50x50x60", time))
    doubles, singles = "ice_adjust/debug/float64/50x50x60", "ice_adjust/debug/float32/50x50x60"
    assert store.ratios("numpy") == {doubles: "3.2x"}
    assert store.ratios("numpy-float64") == {doubles: "3.2x", singles: "8.0x"}
    assert store.ratios("debug") == {"ice_adjust/numpy/float64/50x50x60": "0.31x"}
    by_backend, by_cell = cells_markdown(store.summary("numpy")), cells_markdown(store.summary("numpy-float64"))
    assert "| speed relative to numpy in the same precision |" in by_backend
    assert "| ice_adjust | – | 50x50x60 | debug-float32 | 10.0 | – |" in by_backend
    assert "| ice_adjust | – | 50x50x60 | numpy-float64 | 80.0 | reference |" in by_backend
    assert "| speed relative to numpy-float64 |" in by_cell
    assert "| ice_adjust | – | 50x50x60 | debug-float32 | 10.0 | 8.0x |" in by_cell


def test_only_the_same_component_domain_and_mix_are_compared_but_variants_with_the_plain_one(store: Store) -> None:
    store.measure(
        "numpy-float64",
        timed("ice_adjust/numpy/float64/50x50x60", 8.0),
        timed("rain_ice/numpy/float64/50x50x60/rich", 90.0),
        timed("rain_ice:fluxes/numpy/float64/50x50x60/rich", 100.0),
        timed("rain_ice/numpy/float64/50x50x60/typical"),
    )
    name = "/debug/float64/50x50x60"
    store.measure(
        "debug-float64",
        timed(f"ice_adjust:modular{name}", 2.0),
        timed("ice_adjust/debug/float64/8x8x30", 2.0),
        timed(f"rain_ice:fluxes{name}/rich", 10.0),
        timed(f"rain_ice{name}/typical", 10.0),
        timed(f"microphysics{name}/rich", 10.0),
    )
    assert store.ratios("numpy") == {f"ice_adjust:modular{name}": "4.0x", f"rain_ice:fluxes{name}/rich": "10x"}


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (3.1622, 0.0, "3.2x"), (3.1622, 0.1, "3.2x"), (3.1622, 0.2, "3x"), (1.34, 0.2, "1.3x"), (1.34, 0.5, "1x"),
        (0.0314, 0.01, "0.031x"), (123.9, 0.01, "120x"), (9.96, 0.01, "10x"), (1.0, 0.0, "1.0x"), (96.0, 0.1, "100x"),
    ],
)  # fmt: skip
def test_a_ratio_has_the_digits_that_the_rounds_justify(value: float, spread: float, text: str) -> None:
    assert Ratio("numpy-float64", value, spread).text == text


def test_noisy_rounds_of_either_side_cost_a_digit(store: Store) -> None:
    name = "ice_adjust/{}/float64/50x50x60"
    store.measure("numpy-float64", timed(name.format("numpy"), 8.1))
    store.measure("debug-float64", timed(name.format("debug"), 2.5, noise=0.3))
    assert store.ratios("numpy") == {name.format("debug"): "3x"}
    assert store.ratios("debug") == {name.format("numpy"): "0.3x"}


def test_an_unknown_reference_lists_the_known_ones(settings: Settings) -> None:
    assert reference_of(settings, "gt:gpu").backend == "gt_gpu"
    assert reference_of(settings, "numpy").sessions == ("bench-numpy-float32", "bench-numpy-float64")
    with pytest.raises(UsageError, match=r"Unknown reference 'numpy-float16'.*'debug', 'numpy'.*'debug-float32'"):
        reference_of(settings, "numpy-float16")


@pytest.mark.parametrize(("value", "text"), [(16.196, "16.2"), (59284.2, "59300"), (0.0, "0.00"), (0.01234, "0.0123")])
def test_significant_digits_need_no_exponent(value: float, text: str) -> None:
    assert significant(value, 3) == text


# The three forms ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(store: Store) -> Summary:
    """Return a summary with wrong physics, a failure, a missing memory, a missing error and several commits."""
    wrong = FieldError(data_set="lite", component="rain_ice", field="rvs", error=0.5, tolerance=1e-12, passed=False)
    store.measure(
        "numpy-float64",
        timed("rain_ice/numpy/float64/50x50x60/rich", 90.0),
        timed("microphysics/numpy/float64/50x50x60/rich", 100.0),
        timed("ice_adjust/numpy/float64/50x50x60", 8.0),
        accuracy=[wrong],
        accuracy_policy="report",
    )
    unchecked = timed("rain_ice/gt_cpu_ifirst/float64/50x50x60/rich", 10.0, marked="it used 3.9 processors")
    del unchecked.measures["accuracy"], unchecked.measures["peak-memory"]
    failed = timed("microphysics/gt_cpu_ifirst/float64/50x50x60/rich", error=HOSTILE)
    store.measure("gt_cpu_ifirst-float64", unchecked, failed, commit=Commit(hash="9" * 40, dirty=True))
    return store.summary("numpy")


def shown(summary: Summary, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    with console.capture() as captured:
        console.print(cells_table(summary))
    return captured.get().splitlines()


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")]


@pytest.mark.parametrize("width", [80, 200])
def test_the_console_shows_the_cells_below_each_benchmark(mixed: Summary, width: int) -> None:
    lines = shown(mixed, width)
    assert max(map(len, lines)) <= width
    rows = [cells_of(line) for line in lines if "│" in line]
    assert rows == [
        ["ice_adjust 50x50x60", "", "", "", ""],
        ["numpy-float64", "8.00", "reference", "36.0 MB", "1.0e-15"],
        ["rain_ice 50x50x60 rich", "", "", "", ""],
        ["gt_cpu_ifirst-float64", "10.0", "9.0x", "–", "not checked"],
        ["doubtful timing", "", "", "", ""],
        ["numpy-float64", "90.0", "reference", "36.0 MB", "1.0e-15"],
        ["physics differs", "", "", "", ""],
        ["microphysics 50x50x60 rich", "", "", "", ""],
        ["numpy-float64", "100", "reference", "36.0 MB", "1.0e-15"],
        ["physics differs", "", "", "", ""],
        ["gt_cpu_ifirst-float64", "failed", "–", "–", "not checked"],
    ]
    text = " ".join(" ".join(lines).split())
    for told in (
        "laptop (A Processor (1/2), 2 cores), 1 thread, ",
        ", several commits",
        "speed relative to numpy in the same precision",
        "Commit 9999999999 with uncommitted changes: gt_cpu_ifirst-float64.",
        "Commit 0123456789: numpy-float64.",
        "numpy-float64: rain_ice: physics differs. 1 output is out of tolerance",
        "gt_cpu_ifirst-float64: rain_ice 50x50x60 rich: its timing is doubtful: it used 3.9 processors.",
        f"microphysics/gt_cpu_ifirst/float64/50x50x60/rich failed: {' '.join(HOSTILE.split())}",
    ):
        assert told in text


def test_a_narrow_terminal_shows_paragraphs_with_all_of_it(mixed: Summary) -> None:
    lines = shown(mixed, 40)
    assert not any("│" in line for line in lines)
    for told in ("rain_ice 50x50x60 rich", "physics differs", "speed 9.0x", "memory 36.0 MB"):
        assert any(told in line for line in lines)


def test_one_commit_is_in_the_caption_and_without_a_reference_there_is_no_ratio(store: Store) -> None:
    store.measure("numpy-float64", timed("ice_adjust/numpy/float64/50x50x60", 8.0))
    lines = cells_markdown(store.summary()).splitlines()
    assert lines[0].endswith(", commit 0123456789.")
    assert lines[2:] == [
        "| component | mix | domain | cell | ns/point | memory | error |",
        "| --- | --- | --- | --- | ---: | ---: | ---: |",
        "| ice_adjust | – | 50x50x60 | numpy-float64 | 8.00 | 36.0 MB | 1.0e-15 |",
    ]


def test_the_markdown_is_one_table_with_remarks(mixed: Summary) -> None:
    lines = cells_markdown(mixed).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {10}
    assert table[1] == "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- |"
    assert table[2].endswith("| numpy-float64 | 8.00 | reference | 36.0 MB | 1.0e-15 |  |")
    assert table[4].endswith("| numpy-float64 | 90.0 | reference | 36.0 MB | 1.0e-15 | physics differs |")
    assert table[6] == ("| microphysics | rich | 50x50x60 | gt_cpu_ifirst-float64 | failed | – | – | not checked |  |")
    assert lines[-1] == f"- microphysics/gt_cpu_ifirst/float64/50x50x60/rich failed: {ESCAPED}"


def test_csv_has_full_precision_units_and_no_formula(mixed: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(cells_csv(mixed))))
    assert [row["cell"] for row in rows] == [result.report.cell for result in mixed.results]
    by_name = {(row["component"], row["backend"]): row for row in rows}
    ours, failed = by_name["rain_ice", "gt_cpu_ifirst"], by_name["microphysics", "gt_cpu_ifirst"]
    assert (ours["mix"], ours["domain"], ours["points"], ours["precision"]) == ("rich", "50x50x60", "150000", "float64")
    assert (ours["reference"], float(ours["times_faster"])) == ("numpy-float64", 9.0)
    assert float(ours["latency_ns"]) == 1_500_000.0
    assert (ours["peak_memory_bytes"], ours["normalised_error"]) == ("", "")
    assert (ours["physics_differs"], ours["doubtful_timing"], ours["uncommitted_changes"]) == ("false", "true", "true")
    assert by_name["rain_ice", "numpy"]["physics_differs"] == "true"
    assert failed["failure"] == "'" + " ".join(HOSTILE.split())
    assert (failed["latency_ns"], failed["times_faster"], failed["peak_memory_bytes"]) == ("", "", "")


def test_text_from_reports_breaks_neither_form(store: Store) -> None:
    report = store.measure("numpy-float64", timed("ice_adjust/numpy/float64/50x50x60", 8.0))
    name = " ".join(HOSTILE.split())
    machine = report.machine.model_copy(update={"cpu": HOSTILE, "testbed": HOSTILE})
    store.measure(
        "numpy-float64",
        timed("ice_adjust/numpy/float64/50x50x60", 8.0),
        machine=machine,
        commit=Commit(hash="a" * 40, branch=HOSTILE),
    )
    summary = store.summary("numpy", Conditions(name, 1, "production", "shuffled"))
    assert cells_markdown(summary).startswith(f"{ESCAPED} ({ESCAPED}, 2 cores)")
    assert "[red]" in "\n".join(shown(summary, 200))
    (row,) = csv.DictReader(io.StringIO(cells_csv(summary)))
    assert (row["testbed"], row["cpu"]) == ("'" + name, "'" + name)


def test_control_characters_of_a_report_do_not_reach_the_terminal(store: Store) -> None:
    failed = timed("ice_adjust/numpy/float64/50x50x60", error="\x1b]0;title\x07red \x1b[31mtext")
    report = store.measure("numpy-float64", failed)
    machine = report.machine.model_copy(update={"cpu": "A\x1b[2J Processor"})
    store.measure("numpy-float64", failed, machine=machine)
    summary = store.summary()
    text = "\n".join(shown(summary, 200))
    assert r"A\x1b[2J Processor" in text
    assert r"failed: \x1b]0;title\x07red \x1b[31mtext" in text
    assert "\x1b" not in text


def test_markdown_keeps_names_readable_and_makes_the_rest_literal() -> None:
    for kept in ("ice_adjust:modular", "gt:cpu_ifirst", "gt_cpu_ifirst-float64: 1.0e-15, 3 % (×)", "Méso-NH"):
        assert literal(kept) == kept
    assert literal("_a_ https://x :tada: @b") == "&#95;a&#95; https&#58;//x &#58;tada: &#64;b"
    assert markdown_table(["a", "b"], [["x|y", "1\n2"]], right=["b"]) == [
        "| a | b |", "| --- | ---: |", "| x\\|y | 1 2 |"
    ]  # fmt: skip


def test_errors_in_another_norm_and_a_busy_machine_are_said(store: Store) -> None:
    found = FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1e-15, tolerance=1e-12, passed=True)
    name = "ice_adjust/{}/float64/50x50x60"
    store.measure("numpy-float64", timed(name.format("numpy"), 8.0), accuracy=[found])
    busy = timed(
        name.format("gt_cpu_ifirst"), 4.0, busy="wall time 3.6 times the CPU time, 80% of the rounds preempted"
    )
    store.measure("gt_cpu_ifirst-float64", busy, accuracy=[found], accuracy_norm=2)
    told = " ".join(" ".join(shown(store.summary("numpy"), 200)).split())
    assert "Errors of numpy-float64 are in an earlier norm, not comparable with the others." in told
    assert "gt_cpu_ifirst-float64: The machine was busy while timing ice_adjust 50x50x60 (wall time 3.6 times" in told
    row = next(
        one for one in csv.DictReader(io.StringIO(cells_csv(store.summary("numpy")))) if one["cell"] != "numpy-float64"
    )
    assert row["busy_machine"] == "true"


def on_data(store: Store, cell: str, per_point: float, digest: str) -> None:
    protocol = store.make_report().protocol.model_copy(update={"data": {"my set": digest}, "arrangement": "coherent"})
    benchmark = timed(f"ice_adjust/{cell.rpartition('-')[0]}/float64/50x50x60", per_point)
    benchmark.name = benchmark.name.replace("50x50x60", "data:my_set/2500x60")
    benchmark.domain = (2500, 1, 60)
    store.measure(cell, benchmark, protocol=protocol)


def test_data_are_no_weather_and_compared_if_they_are_the_same(store: Store) -> None:
    on_data(store, "fortran-float64", 4.0, "a")
    on_data(store, "numpy-float64", 8.0, "a")
    assert "data of PHYEX" in store.summary().caption
    assert "weather" not in store.summary().caption
    assert store.ratios("fortran") == {"ice_adjust/numpy/float64/data:my_set/2500x60": "0.50x"}
    on_data(store, "debug-float64", 8.0, "b")
    assert list(store.ratios("fortran")) == ["ice_adjust/numpy/float64/data:my_set/2500x60"]
    store.measure("numpy-float64", timed("ice_adjust/numpy/float64/50x50x60", 3.0))
    assert "shuffled weather and data of PHYEX" in store.summary().caption


def test_what_the_reference_lacks_is_said_with_the_command_that_measures_it(store: Store, settings: Settings) -> None:
    store.measure("fortran-float64", timed("ice_adjust/fortran/float64/50x50x60", 3.0))
    on_data(store, "numpy-float64", 8.0, "a")
    mixes = ("ice_adjust/numpy/float64/50x50x60", "rain_ice/numpy/float64/50x50x60/rich")
    store.measure("numpy-float64", *(timed(name, 3.0) for name in mixes))
    store.measure("numpy_port-float64", timed("ice_adjust/numpy_port/float64/8x8x30", 3.0))
    store.measure("debug-float64", timed("tridiagonal/debug/float64/8x8x30", 3.0))  # of no component of the reference
    summary = store.summary("fortran")
    assert summary.reference is not None
    assert hints(summary.reference, summary.results, summary.ratios, HERE, settings) == [
        (
            "The reference fortran was not measured in ice_adjust 8x8x30: nox -s bench-fortran-float64 -- "
            "--domain 8x8x30 --arrangement shuffled."
        ),
        (
            "The reference fortran was not measured in ice_adjust 2500x60 data:my_set: nox -s bench-fortran-float64 -- "
            "--data FOLDER --arrangement shuffled."
        ),
        (
            "The reference fortran was not measured in rain_ice 50x50x60 rich: nox -s bench-fortran-float64 -- "
            "--arrangement shuffled."
        ),
    ]
    store.measure("fortran-float64", timed("rain_ice/fortran/float64/50x50x60/rich"))  # failed
    assert len(hints(summary.reference, store.summary("fortran").results, {}, HERE, settings)) == 3
