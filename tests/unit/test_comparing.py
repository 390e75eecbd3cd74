"""Whole comparisons in a repository of their own, the physics played by a stand-in: verdicts, failures, interrupts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ice3_bench.compare import workers
from ice3_bench.compare.calibration import Calibration, calibrate, place, statements
from ice3_bench.compare.instructions import count, require_valgrind
from ice3_bench.compare.result import Case, Pairs, Protocol, judge, measure
from ice3_bench.compare.verdict import Rule, Verdict
from ice3_bench.compare.workers import Side
from ice3_bench.errors import PassError, UsageError
from ice3_bench.files import write_atomically
from ice3_bench.show.tables import calibration_table, make_console

PROJECT = Path(__file__).parents[2]

ATMOSPHERE = """
import numpy as np

def synthetic_atmosphere(domain, **options):
    return {"x": np.ones(domain)}
"""
FIELDS = """
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Field:
    name: str
    intent: str

def from_arrays(fields, arrays, domain, build):
    return {field.name: np.array(arrays[field.name]) for field in fields}
"""
COMPONENTS = """
import os
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

from ice3_gt4py.fields import Field

WORK = {"alpha": 40, "beta": 40}
BENCHMARKS = {name: () for name in WORK}

def wait(where):
    if os.environ.get("HANG") == where:
        Path(os.environ["HANGING"]).touch()
        time.sleep(600)

class Component:
    fields = (Field("x", "inout"),)

    def __init__(self, name, domain):
        self.name, self.domain = name, domain
        if name == "broken":
            raise RuntimeError("no template fits")

    def __call__(self, state, timestep):
        wait("call")
        if self.name == "crashing":
            os._exit(7)
        for _ in range(WORK[self.name]):
            state["x"] *= 1.0

def create(name, domain, build):
    return Component(name, domain)

def add_build_options(parser):
    for name in ("backend", "precision", "cache"):
        parser.add_argument(f"--{name}")

def build_from(options):
    return SimpleNamespace(precision=options.precision)
"""
ACCURACY = """
import json
from ice3_gt4py.components import wait

wait("accuracy")
ERRORS = {"rvs": 1e-15, "rcs": 1e-15}
fields = [{"field": f, "error": e, "tolerance": 1e-12, "passed": e < 1e-12} for f, e in ERRORS.items()]
print(json.dumps([{"data_set": "one.nc", "component": "alpha", "fields": fields}]))
"""
UV = """#!{python}
# Stands in for uv: makes an environment of the one that the tests run in.
import os, sys, time
from pathlib import Path

if os.environ.get("HANG") == "uv":
    Path(os.environ["HANGING"]).touch()
    time.sleep(600)
if sys.argv[1] == "venv":
    folder = Path(sys.argv[-1], "bin")
    folder.mkdir(parents=True)
    (folder / "python").write_text('#!/bin/sh\\nexec {python} "$@"\\n')
    (folder / "python").chmod(0o755)
else:
    tree = next(Path(word[: word.index("[")]) for word in sys.argv if "[" in word)
    if "no-such-package" in (tree / "pyproject.toml").read_text():
        sys.exit("error: no-such-package was not found in the package registry")
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


class Repository:
    """A project with the real tasks and matrix, and components whose work is a number in the source."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.temporary = folder / "temporary"
        self.results = folder / "results"
        self.hanging = folder / "hanging"
        programs = folder / "programs"
        for path in (self.project / "src/ice3_gt4py", self.temporary, programs):
            path.mkdir(parents=True)
        (programs / "uv").write_text(UV.format(python=sys.executable), encoding="utf-8")
        (programs / "uv").chmod(0o755)
        shutil.copytree(PROJECT / "tasks", self.project / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "pyproject.toml", self.project)
        (self.project / ".gitignore").write_text("__pycache__/\n.cache/\n", encoding="utf-8")
        for name, text in (
            ("__init__", ""),
            ("atmosphere", ATMOSPHERE),
            ("fields", FIELDS),
            ("components", COMPONENTS),
            ("accuracy", ACCURACY),
        ):
            (self.project / f"src/ice3_gt4py/{name}.py").write_text(text, encoding="utf-8")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BENCHER", "PYTEST"))},
            "PYTHONPATH": str(self.project / "src"),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "ICE3_BENCH_RESULTS": str(self.results),
            "HANGING": str(self.hanging),
            "NO_COLOR": "1",
        }
        git(self.project, "init")
        self.commit()

    def change(self, name: str, old: str, new: str) -> None:
        path = self.project / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def commit(self) -> None:
        git(self.project, "add", "--all")
        git(self.project, "commit", "-m", "change")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "invoke", "compare", "--", "--cells", "numpy-float64", *arguments]

    def compare(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def comparison(self, cell: int = 0) -> dict[str, Any]:
        stored = json.loads((self.results / "comparison.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = stored["cells"][cell]
        return found

    def benchmarks(self, cell: int = 0) -> dict[str, dict[str, Any]]:
        return {entry["name"].split("/")[0]: entry for entry in self.comparison(cell)["benchmarks"]}

    def nothing_is_left(self) -> bool:
        processes = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                processes.append(path.read_bytes())
            except OSError:
                continue
        return (
            len(git(self.project, "worktree", "list").splitlines()) == 1
            and not list(self.temporary.iterdir())
            and not any(str(self.project).encode() in command for command in processes)
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_what_became_slower_larger_or_worse_is_said(repository: Repository) -> None:
    """All in one run: a slowdown in an untracked file, a benchmark of one side only, failures, a worse accuracy."""
    repository.change(
        "src/ice3_gt4py/components.py", 'WORK = {"alpha": 40, "beta": 40}', "from ice3_gt4py.work import WORK"
    )
    (repository.project / "src/ice3_gt4py/work.py").write_text(
        'WORK = {"alpha": 80, "beta": 40, "late": 1, "broken": 1, "crashing": 1}', encoding="utf-8"
    )
    repository.change("src/ice3_gt4py/accuracy.py", '"rcs": 1e-15', '"rcs": 2e-15')
    run = repository.compare("--base", "HEAD")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks()
    assert found["alpha"]["decision"]["verdict"] == "slower"
    assert found["alpha"]["decision"]["change"] > 0.3
    assert found["beta"]["decision"]["verdict"] != "slower"
    assert "base: ValueError: There is no benchmark 'late'" in found["late"]["missing"]
    assert found["broken"]["at_fault"] == "base"  # which has no such benchmark, and is asked first
    assert found["beta"]["base_bytes"] == found["beta"]["contender_bytes"] >= 16 * 16 * 60 * 8
    assert "alpha is less accurate, in tolerance: 1 outputs, worst 'rcs'" in run.stdout.replace("\n", " ")
    assert "NOT COMPARED" in run.stdout
    assert "bench-calibrate measures it" in run.stdout
    assert "worktree" in (repository.results / "comparison.md").read_text(encoding="utf-8")
    assert repository.nothing_is_left()
    assert (repository.project / "src/ice3_gt4py/work.py").exists()


def test_a_contender_that_fails_is_reported_and_the_others_are_compared(repository: Repository) -> None:
    repository.change("src/ice3_gt4py/components.py", '"beta": 40}', '"beta": 40, "late": 1}')
    repository.commit()
    repository.change("src/ice3_gt4py/components.py", '"no template fits"', '"no template fits at all"')
    repository.change("src/ice3_gt4py/components.py", 'if name == "broken"', 'if name == "beta"')
    repository.change("src/ice3_gt4py/components.py", 'if self.name == "crashing"', 'if self.name == "late"')
    run = repository.compare("--base", "HEAD")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks()
    assert found["beta"]["missing"] == "contender: RuntimeError: no template fits at all"
    assert found["late"]["missing"] == "contender: The process ended with code 7."
    assert found["alpha"]["decision"]["verdict"] in {"same", "undecided"}
    assert "Traceback" not in run.stdout + run.stderr


def test_a_benchmark_that_the_contender_lacks_is_its_fault(repository: Repository) -> None:
    repository.change("src/ice3_gt4py/components.py", '"beta": 40}', '"gamma": 40}')
    run = repository.compare("--base", "HEAD", "--benchmarks", "beta", "gamma")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks()
    assert found["beta"]["missing"].startswith("contender: ValueError: There is no benchmark 'beta'")
    assert found["gamma"]["at_fault"] == "base"


def test_a_contender_that_cannot_be_imported_is_its_fault(repository: Repository) -> None:
    repository.change("src/ice3_gt4py/components.py", "def create(", "def create")
    run = repository.compare("--base", "HEAD")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks()["alpha"]
    assert found["at_fault"] == "contender"
    assert "cannot be listed: SyntaxError" in found["missing"]
    run = repository.compare("--base", "HEAD", "--contender", "HEAD~9")
    assert run.returncode == 2
    assert not (repository.results / "comparison.json").exists()


def test_the_budget_is_spent_where_it_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last look has as many pairs as fit, not a multiple of the first."""
    pairs = Pairs(Case.parse("alpha/x/float64/4x4x4"))

    def take_half_a_second(self: Pairs, *_: object) -> None:
        for side, time_ in (("base", 1.0), ("contender", 0.5 + len(self) % 2)):
            self.minimum[side].append(time_)
            self.wall[side].append(time_)
        self.switched.append(False)
        self.seconds += 0.5

    monkeypatch.setattr(Pairs, "measure", take_half_a_second)
    monkeypatch.setattr("ice3_bench.compare.result._load", lambda *_: None)
    crew: Any = SimpleNamespace(started=lambda: nullcontext({}))
    told: list[str] = []
    protocol = Protocol(budget=75.0)
    decisions = measure(crew, [pairs], protocol, 1, lambda group: judge(group, protocol.rule, 1, 1), told.append)
    assert decisions[pairs.name].verdict is Verdict.UNDECIDED
    assert len(pairs) == 150
    assert "pair 16 of 16" in told[15]
    assert "pair 32 of 32" in told[31]
    assert told[-1].endswith("pair 150, 74 of 75 s")


def test_a_worker_that_hangs_is_given_up(repository: Repository, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    side = Side("base", Path(sys.executable), repository.project, ("--backend=x", "--precision=float64"))
    with workers.Worker.started(side, tmp_path / "log") as worker, pytest.raises(PassError, match="gives no answer"):
        worker.answer()


def test_a_revision_with_itself_is_the_same_and_undecided_has_its_own_code(repository: Repository) -> None:
    run = repository.compare("--base", "HEAD", "--contender", "HEAD", "--benchmarks", "alpha", "--undecided-exit", "9")
    verdict = repository.benchmarks()["alpha"]["decision"]["verdict"]
    assert (verdict, run.returncode) in {("same", 0), ("undecided", 9)}
    assert list(repository.benchmarks()) == ["alpha"]


def test_a_base_that_cannot_be_built_leaves_it_undecided(repository: Repository) -> None:
    repository.change("pyproject.toml", '"h5py>=3.12"', '"no-such-package"')
    repository.commit()
    repository.change("pyproject.toml", '"no-such-package"', '"h5py>=3.12"')
    run = repository.compare("--base", "HEAD", "--undecided-exit", "9")
    assert run.returncode == 9, run.stderr
    assert "no-such-package was not found" in repository.benchmarks()["alpha"]["missing"]
    run = repository.compare("--base", "HEAD~1", "--contender", "HEAD", "--undecided-exit", "9")
    assert run.returncode == 1, run.stderr
    assert repository.benchmarks()["alpha"]["at_fault"] == "contender"
    assert repository.nothing_is_left()


def test_a_base_older_than_what_is_measured_is_reported(repository: Repository) -> None:
    (repository.project / "src/ice3_gt4py/fields.py").rename(repository.project / "src/ice3_gt4py/state.py")
    repository.commit()
    (repository.project / "src/ice3_gt4py/state.py").rename(repository.project / "src/ice3_gt4py/fields.py")
    run = repository.compare("--base", "HEAD")
    assert run.returncode == 0, run.stderr
    found = repository.benchmarks()["alpha"]
    assert found["at_fault"] == "base"
    assert "No module named 'ice3.fields'" in found["missing"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "no-such-revision"), "git knows no revision 'no-such-revision'"),
        (("--base", "--all"), "expected one argument"),
        (
            ("--base", "HEAD", "--benchmarks", "hail"),
            "No benchmark contains hail: there are alpha/numpy/float64/16x16x60",
        ),
        (("--cells", "hail"), "No cell is called or tagged 'hail': known are 'all'"),
        (("--cells", "gpu"), "--cells cpu are all of them"),
        (("--instructions",), "--instructions counts those of compiled cells"),
        (("--budget", "0"), "0 is not positive"),
        (("--threads", "0"), "0 is no whole number from 1"),
        (("--undecided-exit", "256"), "256 is no whole number from 0 to 255"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(
    repository: Repository, arguments: tuple[str, ...], message: str
) -> None:
    run = repository.compare(*arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert repository.nothing_is_left()


@pytest.mark.parametrize(
    ("where", "number"),
    [("uv", signal.SIGINT), ("call", signal.SIGINT), ("accuracy", signal.SIGINT), ("call", signal.SIGTERM)],
)
def test_nothing_is_left_behind_after_an_interruption(
    repository: Repository, where: str, number: signal.Signals
) -> None:
    if where == "accuracy":
        repository.change("src/ice3_gt4py/components.py", '"beta": 40', '"beta": 1')
    command = repository.command("--base", "HEAD", "--benchmarks", "beta", "--budget", "0.1")
    environment = {**repository.environment, "HANG": where}
    with subprocess.Popen(
        command, cwd=repository.project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 240
        while not repository.hanging.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert not repository.nothing_is_left()
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)  # an impatient user
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "Interrupted" in messages
    assert repository.nothing_is_left()
    assert not list((repository.project / ".cache/environments").glob("*/bin/python")) or where != "uv"


def test_a_calibration_goes_on_where_it_ended_and_states_what_it_showed(repository: Repository, tmp_path: Path) -> None:
    protocol = Protocol(rounds=2, turns=1, pairs=2, rule=Rule(looks=1, significance=0.5))
    case = Case.parse("alpha/x/float64/16x16x60")
    side = Side("project", Path(sys.executable), repository.project, ("--backend=x", "--precision=float64"))
    folder = tmp_path / "calibrations"
    path = place(folder, "machine", case.name, protocol)

    def run(known: Calibration, trials: int) -> Calibration:
        return calibrate(
            side,
            case,
            known,
            injected=(0.0, 1.0),
            budget=300.0,
            trials=trials,
            protocol=protocol,
            store=lambda calibration: write_atomically(path, calibration.as_json()),
            notify=lambda _: None,
        )

    assert statements(folder, "machine", protocol) == []
    run(Calibration("machine", case.name, {}, []), 1)
    again = run(Calibration.load(path), 2)
    assert [len(trials) for trials in again.trials] == [2, 2]
    assert again.trials[1].slower == 2
    assert again.detectable == 1.0
    (statement,) = statements(folder, "machine", protocol)
    assert "in 2 of 2 trials" in statement
    assert "false alarms in 2 trials" in statement
    assert statements(folder, "another machine", protocol) == []
    assert statements(folder, "machine", Protocol()) == []
    console = make_console()
    with console.capture() as captured:
        console.print(calibration_table(again))
    assert "nothing" in captured.get()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="counting instructions needs valgrind")
def test_instructions_repeat_and_more_work_is_more(repository: Repository) -> None:
    """Two per cent more loops are two per cent more instructions; the same loops are the same count to 0.01 %."""
    first = repository.project
    second = first.with_name("second")
    shutil.copytree(first, second)
    text = (second / "src/ice3_gt4py/components.py").read_text(encoding="utf-8")
    (second / "src/ice3_gt4py/components.py").write_text(text.replace('"beta": 40', '"beta": 41'), encoding="utf-8")
    sides = {
        label: Side(label, Path(sys.executable), tree, ("--backend=x", "--precision=float64"))
        for label, tree in (("base", first), ("contender", second))
    }
    cases = [
        Case.parse("alpha/x/float64/16x16x60"),
        Case.parse("hail/x/float64/16x16x60"),
        Case.parse("beta/x/float64/16x16x60"),
    ]
    counts, problems = count(sides, cases, repository.temporary)
    assert abs(counts[cases[0].name].change) < 1e-4
    assert counts[cases[2].name].change == pytest.approx(1 / 40, rel=0.1)
    assert counts[cases[2].name].verdict == "more"
    assert len(problems) == 1
    assert "hail" in problems[0]


def test_without_valgrind_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="apt-get install valgrind"):
        require_valgrind()
