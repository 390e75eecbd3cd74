"""Files that were changed at random: each is read, or refused in words, in bounded time and memory.

What is read goes on through what shows, stores and judges it, since nonsense does its harm there.
"""

from __future__ import annotations

import copy
import json
import random
import signal
import sqlite3
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from ice3_bench.bencher.answer import read_outcome
from ice3_bench.bencher.document import draft
from ice3_bench.compare.calibration import Calibration, Trials
from ice3_bench.compare.pairs import Protocol as Procedure
from ice3_bench.compare.result import (
    BenchmarkComparison,
    CellComparison,
    Compared,
    Comparison,
    Count,
    Inaccuracy,
    exit_code,
    load_comparison,
)
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.errors import BenchError
from ice3_bench.github.actions import Actions, revision_of_event
from ice3_bench.github.comment import Content, comment
from ice3_bench.history.checks import check, summary
from ice3_bench.history.series import collect
from ice3_bench.history.store import History
from ice3_bench.report import Report
from ice3_bench.reports import load_report, save_report
from ice3_bench.show.comparison import calibration_table, comparison_markdown, comparison_table
from ice3_bench.show.tables import history_table, results_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from ice3_bench.settings.matrix import Settings

pytestmark = pytest.mark.slow

MUTANTS = 2000
SEED = 20260301
SECONDS, BYTES = 5, 64 * 2**20
"""What one file may take."""
BEFORE = Path(__file__).parents[1] / "data/before"
NONSENSE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, 2**200, 0.0, -0.0, 1e-300, 1e300, -1e300, 0.5),
    *(
        "",
        "no",
        "1",
        "1e300",
        "x" * 100_000,
        "\x1b[2J\r::error::x",
        "\ud800",
        "../../x",
        "[/red]",
        "9999-12-31T23:59:59Z",
    ),
    *("0001-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+25:00", "ice_adjust", "main", "a" * 40),
    *([], {}, [[]], [None], {"": None}, {"value": "1"}, [1] * 1000),
)
RAW = ("9" * 5000, "NaN", "-Infinity", "1e999", "[" * 100_000, '{"a":' * 50_000, '"\\ud800"', "\x00", "01", "'x'")
"""Text that stands for a value, and is not always JSON."""
MARK = "@@"


@contextmanager
def bounded() -> Iterator[None]:
    """Fail if what is inside takes too much memory or processor time: a busy machine is no fault of the file."""

    def late(*_: object) -> None:
        raise TimeoutError(f"not read within {SECONDS} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    tracemalloc.reset_peak()
    start = tracemalloc.get_traced_memory()[0]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
    assert tracemalloc.get_traced_memory()[1] - start < BYTES


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def console() -> Iterator[Console]:
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        yield Console(width=200, markup=False, emoji=False, file=nowhere)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container in a value with each of its keys."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in ((value, key), *places(one))]


def mutant(original: Any, chance: random.Random) -> str:
    """Return JSON with one or a few changes: a value, a key, an element twice, or bytes of the text."""
    changed = copy.deepcopy(original)
    raw = ""
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        found = places(changed)
        if not found:
            break
        container, key = chance.choice(found)
        what = chance.randrange(8)
        if what < 4:
            container[key] = copy.deepcopy(chance.choice(NONSENSE))
        elif what == 4:
            del container[key]
        elif what == 5 and isinstance(container, dict):
            container[chance.choice(("extra", "\n::error::x", str(key).upper()))] = container.pop(key)
        elif what == 6 and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            container[key], raw = MARK, chance.choice(RAW)
    text = json.dumps(changed).replace(f'"{MARK}"', raw, 1)
    if chance.random() < 0.2:
        position = chance.randrange(len(text) + 1)
        text = chance.choice(
            (text[:position], text[position:], text[:position] + chance.choice('"{}[],:0x') + text[position:])
        )
    return text


def mutants(original: Any) -> Iterator[str]:
    chance = random.Random(SEED)  # noqa: S311 (it repeats)
    for _ in range(MUTANTS):
        yield mutant(original, chance)


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def rich_report(make_report: Callable[..., Report]) -> dict[str, Any]:
    report = json.loads((BEFORE / "measured_report.json").read_text(encoding="utf-8"))
    report["schema_version"] = 2
    own = json.loads(make_report(remarks=["a remark"]).model_dump_json())
    return {**own, "passes": report["passes"], "stencils": report["stencils"], "benchmarks": own["benchmarks"]}


def test_reports(make_report: Callable[..., Report], settings: Settings, tmp_path: Path, console: Console) -> None:
    path, accepted = tmp_path / "cell" / "report.json", 0
    save_report(make_report(), path)
    with History(tmp_path / "history.db") as history:
        history.connection.execute("PRAGMA synchronous = OFF")
        history.add(make_report())
        for text in mutants(rich_report(make_report)):
            with bounded():
                try:
                    report = load_report(written(path, text))
                    history.add(report)
                except BenchError:
                    continue
                accepted += 1
                console.print(results_table(report, history.previous_of_each(report), check(report, history, settings)))
                summary(check(report, history, settings))
                draft([report], settings.bencher, None, {})
                assert Report.model_validate_json(report.model_dump_json(), strict=True) == report
        assert 0 < accepted < MUTANTS / 2
        with bounded():
            console.print(history_table(collect(history, "main", "main")))
        assert history.set_aside == {}


def test_histories(make_report: Callable[..., Report], settings: Settings, tmp_path: Path, console: Console) -> None:
    original, path = tmp_path / "original.db", tmp_path / "history.db"
    with History(original) as history:
        for _ in range(3):
            history.add(make_report())
        history.queue.enqueue(lambda reports: draft(reports[:2], settings.bencher, None, {}))
    content = original.read_bytes()
    chance = random.Random(SEED)  # noqa: S311 (it repeats)
    cells: dict[str, tuple[str, ...]] = {}
    cells["run"] = ("id", "created", "cell", "commit_hash", "branch", "comparability", "report", "dirty", "measured")
    cells["metric"] = ("benchmark", "measure", "value", "lower_value", "trusted")
    cells["submission"] = ("key", "testbed", "branch", "body", "state")
    plain = [
        one for one in NONSENSE if isinstance(one, str | int | float | None) and one not in ("\ud800", 2**63, 2**200)
    ]
    report = json.loads(make_report().model_dump_json())
    read = 0
    for number in range(MUTANTS):
        shown: list[RenderableType] = []
        changed = bytearray(content)
        if number % 2:
            for _ in range(chance.choice((1, 4, 64))):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            path.write_bytes(changed[: chance.randrange(len(changed))] if number % 10 == 1 else changed)
        else:
            path.write_bytes(content)
            table = chance.choice(list(cells))
            column = chance.choice(cells[table])
            value = mutant(report, chance) if column == "report" else chance.choice([*plain, b"\xff\xfe"])
            connection = sqlite3.connect(path)
            try:
                connection.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE rowid > 1 OR 1", (value,))  # noqa: S608
                connection.commit()
            except (sqlite3.Error, UnicodeEncodeError):
                pass
            finally:
                connection.close()
        with bounded():
            try:
                with History(path) as history:
                    history.connection.execute("PRAGMA synchronous = OFF")
                    shown.append(history_table(collect(history, None, "main")))
                    shown += [
                        results_table(one, history.previous_of_each(one), check(one, history, settings))
                        for one in history.latest_of_each() + history.latest_of_each_benchmark()
                    ]
                    if number % 20 < 2:  # it takes long
                        console.print(*shown)
                    history.queue.enqueue(lambda reports: draft(reports, settings.bencher, None, {}))
                    history.queue.queued()
                read += 1
            except BenchError:
                continue
    assert 0 < read < MUTANTS


def comparison() -> Comparison:
    decision = Decision(Verdict.SLOWER, 0.02, 0.01, 0.03, 0.001, 0.01, 16, "it is slower")
    benchmark = BenchmarkComparison(
        name="ice_adjust/numpy/float64/8x8x16", component="ice_adjust", decision=decision, base_ns=1e6,
        contender_ns=2e6, wall_change=0.02, preempted=0.1, base_bytes=1000, contender_bytes=2000,
        instructions=Count(base=10, contender=12), remarks=["a remark"],
    )  # fmt: skip
    inaccuracy = Inaccuracy(
        data_set="one", component="ice_adjust", field="rvs", base=None, contender=1e-3, tolerance=1e-12, failed=True
    )
    return Comparison(
        base=Compared(name="main", commit="a" * 40),
        contender=Compared(name="worktree", commit="b" * 40),
        calibration="unknown",
        cells=[CellComparison(cell="numpy-float64", benchmarks=[benchmark], less_accurate=[inaccuracy])],
    )


def test_comparisons(settings: Settings, tmp_path: Path, console: Console) -> None:
    accepted = 0
    for text in mutants(json.loads(comparison().as_json())):
        with bounded():
            try:
                found = load_comparison(written(tmp_path / "comparison.json", text))
            except BenchError:
                continue
            accepted += 1
            console.print(comparison_table(found))
            comparison_markdown(found)
            exit_code(found, 0)
            comment(Content("a" * 40, settings.bencher, comparison=found))
    assert 0 < accepted < MUTANTS


def test_calibrations(tmp_path: Path, console: Console) -> None:
    trials = [Trials(share, [share], [share], [Verdict.SAME], [16], [1.0]) for share in (0.0, 0.02)]
    original = Calibration("laptop", "ice_adjust/numpy/float64/8x8x16", Procedure(), trials, 2.0)
    accepted = 0
    for text in mutants(json.loads(original.as_json())):
        with bounded():
            try:
                found = Calibration.load(written(tmp_path / "calibration.json", text))
            except BenchError:
                continue
            accepted += 1
            table = calibration_table(found)
            found.as_json()
            if accepted % 10 == 0:  # it takes long
                console.print(table)
    assert 0 < accepted < MUTANTS


def test_events_of_github(settings: Settings, tmp_path: Path) -> None:
    head = {"ref": "topic", "sha": "a" * 40, "user": {"login": "me"}, "repo": {"full_name": "me/ice3"}}
    event = {"pull_request": {"number": 5, "head": head, "base": {"ref": "main", "sha": "b" * 40}}}
    for text in mutants(event):
        path = written(tmp_path / "event.json", text)
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "org/ice3",
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_EVENT_NAME": "pull_request",
        }
        with bounded():
            try:
                run = Actions.read(variables)
                assert run is not None
                revision_of_event(run.event_name, run.event, run.repository, run.ref, run.sha, settings.bencher)
            except BenchError:
                continue


def test_answers_of_bencher(settings: Settings) -> None:
    named = {"uuid": "u", "name": "n", "slug": "latency", "units": "ns"}
    entry = {"measure": named, "metric": {"uuid": "m", "value": 1.0}, "boundary": {"baseline": 1.0}, "threshold": {}}
    answer = {
        "uuid": "r",
        "project": {"slug": "ice3", "visibility": "public"},
        "branch": {"name": "main", "head": {"version": {"number": 3}, "start_point": {"branch": "b"}}},
        "testbed": {"name": "laptop"},
        "results": [[{"iteration": 0, "benchmark": named, "measures": [entry]}]],
        "alerts": [{"iteration": 0, "benchmark": {"uuid": "u"}, "metric": {"uuid": "m"}, "limit": "upper"}],
        "counts": {"alerts": {"total": 1}},
    }
    for text in mutants(answer):
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):  # the client refuses it
            continue
        with bounded():
            try:
                outcome = read_outcome(reply, "main", "https://bencher.dev")
            except BenchError:
                continue
            outcome.silences(settings.bencher)
            comment(Content("a" * 40, settings.bencher, [outcome]))
