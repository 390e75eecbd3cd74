"""Whole comparisons in a repository of their own, measured with a small port: verdicts, failures, interrupts."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.compare.conftest import PORT, TABLE, git

from ice3_probe.cases import weather
from ice3_probe.messages import ARRANGEMENTS

if TYPE_CHECKING:
    from tests.compare.conftest import Repository

    from ice3_probe.messages import Arrangement

COMPONENTS = '"ice_adjust", "ice_adjust:beta"'


def test_what_became_slower_larger_or_worse_is_said(repository: Repository) -> None:
    """All in one run: a slowdown in an untracked file, benchmarks of one side only, failures, a worse accuracy."""
    repository.change(PORT, 'WORK = {"ice_adjust": 40, "ice_adjust:beta": 40}', "from small.work import WORK")
    (repository.project / "src/small/work.py").write_text(
        'WORK = {"ice_adjust": 80, "ice_adjust:beta": 40, "ice_adjust:late": 1, "ice_adjust:broken": 1}',
        encoding="utf-8",
    )
    repository.change("pyproject.toml", COMPONENTS, f'{COMPONENTS}, "ice_adjust:late", "ice_adjust:broken"')
    repository.change(PORT, '"rcs": 1e-15', '"rcs": 1e-12')
    run = repository.compare("--base", "HEAD", "--budget", "20")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks
    slower = found["ice_adjust"].decision
    assert slower is not None
    assert slower.verdict == "slower"
    assert slower.change > 0.3
    unchanged = found["ice_adjust:beta"].decision
    assert unchanged is not None
    assert unchanged.verdict != "slower"
    assert str(found["ice_adjust:late"].missing).startswith("base: The port has no component 'ice_adjust:late'")
    assert found["ice_adjust:broken"].at_fault == "base"  # which has no such benchmark, and is asked first
    base_bytes = found["ice_adjust:beta"].base_bytes
    assert base_bytes is not None
    assert base_bytes >= 16 * 16 * 60 * 8
    assert abs(base_bytes - (found["ice_adjust:beta"].contender_bytes or 0)) < 2**14
    assert {entry.field for entry in repository.cell.less_accurate} == {"rcs"}
    output = " ".join(run.stdout.split())
    assert "ice_adjust is less accurate, in tolerance, more than doubled: 1 output, worst 'rcs'" in output
    assert "NOT COMPARED" in output
    assert "bench-calibrate measures them" in output
    assert "worktree" in (repository.results / "comparison.md").read_text(encoding="utf-8")
    assert repository.nothing_is_left()
    assert (repository.project / "src/small/work.py").exists()


def test_what_a_compiler_takes_is_not_the_memory_of_a_port(repository: Repository) -> None:
    """One that compiles for each shape, for the base: the contender, which is the same, finds it in the cache."""
    compiling = """
    cell.cache.mkdir(parents=True, exist_ok=True)
    program = cell.cache / "x".join(map(str, case.domain))
    if not program.exists():
        program.write_bytes(bytes(2**24))
    return Component(case)
"""
    repository.change(PORT, "\n    return Component(case)\n", compiling)
    repository.commit()
    repository.compare("--base", "HEAD", "--budget", "1", "--benchmarks", "beta")
    found = repository.benchmarks["ice_adjust:beta"]
    assert found.base_bytes is not None
    assert found.base_bytes < 2**23
    assert abs(found.base_bytes - (found.contender_bytes or 0)) < 2**14


def test_a_contender_that_fails_is_reported_and_the_others_are_compared(repository: Repository) -> None:
    repository.change("pyproject.toml", COMPONENTS, f'{COMPONENTS}, "ice_adjust:late"')
    repository.change(PORT, '"ice_adjust:beta": 40}', '"ice_adjust:beta": 40, "ice_adjust:late": 1}')
    repository.commit()
    repository.change(PORT, '"no template fits"', '"no template fits at all"')
    repository.change(PORT, 'if self.name == "ice_adjust:broken"', 'if self.name == "ice_adjust:beta"')
    repository.change(PORT, 'if self.name == "ice_adjust:crashing"', 'if self.name == "ice_adjust:late"')
    run = repository.compare("--base", "HEAD", "--budget", "2")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks
    assert str(found["ice_adjust:beta"].missing).endswith("RuntimeError: no template fits at all")
    assert found["ice_adjust:beta"].at_fault == "contender"
    assert found["ice_adjust:late"].missing == "contender: The process ended with code 7."
    assert found["ice_adjust"].decision is not None
    assert repository.cell.broken is None  # the accuracy of what runs was checked
    assert "Traceback" not in run.stdout + run.stderr
    logs = list((repository.results / "comparison/small-float64").glob("contender-*.log"))
    assert any("Traceback" in log.read_text(encoding="utf-8") for log in logs)


def test_a_benchmark_that_the_contender_lacks_is_its_fault(repository: Repository) -> None:
    repository.change(PORT, '"ice_adjust:beta": 40}', '"ice_adjust:gamma": 40}')
    run = repository.compare("--base", "HEAD", "--benchmarks", "beta", "--budget", "2")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks["ice_adjust:beta"]
    assert str(found.missing).startswith("contender: The port has no component 'ice_adjust:beta'")
    assert found.at_fault == "contender"


def test_a_contender_that_cannot_be_imported_is_its_fault(repository: Repository) -> None:
    repository.change(PORT, "def create(", "def create")
    run = repository.compare("--base", "HEAD", "--budget", "2")
    assert run.returncode == 1, run.stderr
    found = repository.benchmarks["ice_adjust"]
    assert found.at_fault == "contender"
    assert "Port small.port cannot be imported: SyntaxError" in str(found.missing)
    assert repository.cell.broken == "contender"


def test_the_last_comparison_is_not_taken_for_one_that_could_not_begin(repository: Repository) -> None:
    repository.results.mkdir()
    (repository.results / "comparison.json").write_text("{}", encoding="utf-8")
    run = repository.compare("--base", "HEAD", "--contender", "HEAD~9")
    assert run.returncode == 2
    assert not (repository.results / "comparison.json").exists()


def test_a_revision_with_itself_is_not_slower_and_undecided_has_its_own_code(repository: Repository) -> None:
    """With one pair of processes only, nothing can be decided."""
    run = repository.compare(
        *("--base", "HEAD", "--contender", "HEAD", "--benchmarks", "beta", "--undecided-exit", "9", "--budget", "0.01")
    )
    decision = repository.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert (decision.verdict, run.returncode) == ("undecided", 9)
    assert list(repository.benchmarks) == ["ice_adjust:beta"]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_both_sides_have_the_weather_that_was_asked_for(
    repository: Repository, arrangement: Arrangement, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    keeping = f"np.save(f'{kept}/{{os.getpid()}}-{{self.domain[0]}}.npy', fields['th'])"
    repository.change(PORT, "        self.loaded = {", f"        {keeping}\n        self.loaded = {{")
    repository.commit()
    asked = [] if arrangement == "coherent" else ["--arrangement", arrangement]
    repository.compare(*("--base", "HEAD", "--contender", "HEAD", "--benchmarks", "beta", "--budget", "0.01"), *asked)
    assert repository.comparison.arrangement == arrangement
    expected = weather((16, 16, 60), "rich", arrangement)["th"]
    loaded = [np.load(path) for path in kept.glob("*-16.npy")]
    assert len(loaded) >= 4  # for memory and time, on either side
    assert all(np.array_equal(one, expected) for one in loaded)


def test_the_same_with_itself_is_never_worse(repository: Repository) -> None:
    run = repository.compare("--base", "HEAD", "--contender", "HEAD", "--benchmarks", "beta", "--budget", "5")
    decision = repository.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert decision.verdict != "slower"
    assert run.returncode == 0, run.stdout
    assert not repository.cell.less_accurate
    assert not list((repository.results / "comparison/small-float64").iterdir())  # logs of failures only


def test_a_base_that_cannot_be_built_leaves_it_undecided(repository: Repository) -> None:
    repository.change("pyproject.toml", '"numpy>=1.26"', '"no-such-package"')
    repository.commit()
    repository.change("pyproject.toml", '"no-such-package"', '"numpy>=1.26"')
    run = repository.compare("--base", "HEAD", "--undecided-exit", "9", "--budget", "2")
    assert run.returncode == 9, run.stderr
    found = repository.benchmarks["ice_adjust"]
    assert found.at_fault == "base"
    assert "no-such-package was not found" in str(found.missing)
    run = repository.compare("--base", "HEAD~1", "--contender", "HEAD", "--undecided-exit", "9", "--budget", "2")
    assert run.returncode == 1, run.stderr
    assert repository.benchmarks["ice_adjust"].at_fault == "contender"
    assert repository.nothing_is_left()


def test_each_side_has_the_settings_of_its_own_revision(repository: Repository) -> None:
    """A base from before the project had a matrix gets those of the working tree."""
    settings = 'settings = { work = "40" }'
    repository.change(
        PORT, "    return Component", '    WORK[case.component] = int(cell.settings["work"])\n    return Component'
    )
    (repository.project / "pyproject.toml").unlink()
    without = repository.commit()
    (repository.project / "pyproject.toml").write_text(TABLE.replace("tags", f"{settings}\ntags", 1), encoding="utf-8")
    before = repository.commit()
    repository.change("pyproject.toml", 'work = "40"', 'work = "80"')
    arguments = ("--benchmarks", "beta", "--budget", "10")
    run = repository.compare("--base", before, *arguments)
    assert run.returncode == 1, run.stderr + run.stdout
    assert repository.cell.remarks == ["the settings differ: work 40 -> 80"]
    run = repository.compare("--base", without, *arguments)
    decision = repository.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert decision.verdict != "slower"
    assert "does not describe the cell" in repository.cell.remarks[0]


def test_a_port_that_is_a_file_is_that_of_the_working_tree(repository: Repository) -> None:
    """A foreign repository: its old revisions have neither table nor port, but the package that is measured."""
    project = repository.project
    (project / PORT).unlink()
    (project / "pyproject.toml").unlink()
    (project / "src/small/work.py").write_text("PASSES = 40\n", encoding="utf-8")
    foreign = repository.commit()
    (project / "bench").mkdir()
    port = Path(__file__).with_name("small_port.py").read_text(encoding="utf-8")
    port = port.replace('"ice_adjust:beta": 40}', '"ice_adjust:beta": PASSES}').replace(
        "from ice3_probe import contract\n", "from ice3_probe import contract\nfrom small.work import PASSES\n"
    )
    (project / "bench/port.py").write_text(port, encoding="utf-8")
    (project / "pyproject.toml").write_text(TABLE.replace('"small.port"', '"bench/port.py"'), encoding="utf-8")
    (project / "src/small/work.py").write_text("PASSES = 80\n", encoding="utf-8")
    run = repository.compare("--base", foreign, "--benchmarks", "beta", "--budget", "10")
    assert run.returncode == 1, run.stderr + run.stdout
    decision = repository.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert decision.verdict == "slower"


def test_a_revision_from_before_the_port_is_refused_with_the_first_that_has_it(repository: Repository) -> None:
    port = (repository.project / PORT).read_text(encoding="utf-8")
    (repository.project / PORT).unlink()
    git(repository.project, "commit", "--all", "--amend", "-m", "no port yet")
    (repository.project / PORT).write_text(port, encoding="utf-8")
    first = repository.commit("the port")
    repository.change(PORT, '"ice_adjust:beta": 40', '"ice_adjust:beta": 41')
    repository.commit("more")
    for arguments in (("--base", "HEAD~2"), ("--base", "HEAD", "--contender", "HEAD~2")):
        run = repository.compare(*arguments)
        assert run.returncode == 2
        *_, said = run.stderr.strip().splitlines()
        assert f"it lacks {PORT} of port small.port" in said
        assert f"the first revision that can be compared is {first[:12]}" in said
        assert "'the port'" in said
    assert repository.nothing_is_left()


def test_wrong_physics_of_a_port_that_reports_its_accuracy_is_marked_and_gates_nothing(repository: Repository) -> None:
    repository.change("pyproject.toml", "tags", 'accuracy = "report"\ntags')
    repository.commit()
    repository.change(PORT, '"rcs": 1e-15', '"rcs": 1e-3')
    repository.change(PORT, '"ice_adjust:beta": 40}', '"ice_adjust:beta": 80}')
    run = repository.compare("--base", "HEAD", "--benchmarks", "beta", "--budget", "10")
    found = repository.benchmarks["ice_adjust:beta"]
    assert found.decision is not None
    assert found.decision.verdict == "slower"
    assert found.physics_differs
    assert "slower, physics differs" in (repository.results / "comparison.md").read_text(encoding="utf-8")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "no-such-revision"), "git knows no revision 'no-such-revision'"),
        (("--base", "--all"), "expected one argument"),
        (
            ("--base", "HEAD", "--benchmarks", "hail"),
            "No benchmark contains hail: there are ice_adjust/small/float64/16x16x60",
        ),
        (("--cells", "hail"), "No cell is called or tagged 'hail': expected one of 'all'"),
        (("--instructions",), "--instructions counts those of compiled cells"),
        (("--budget", "0"), "0 is not positive"),
        (("--threads", "0"), "0 is not a whole number from 1"),
        (("--undecided-exit", "256"), "256 is not a whole number from 0 to 255"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(
    repository: Repository, arguments: tuple[str, ...], message: str
) -> None:
    run = repository.compare(*arguments)
    assert run.returncode == 2
    assert message in run.stderr


def test_without_a_cell_of_this_machine_the_selection_that_has_some_is_named(repository: Repository) -> None:
    command = repository.command("--base", "HEAD")
    command[command.index("--cells") + 1] = "gpu"
    run = subprocess.run(
        command, cwd=repository.project, env=repository.environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "--cells cpu are all of them" in run.stderr
    assert "Traceback" not in run.stderr
    assert repository.nothing_is_left()


@pytest.mark.parametrize(
    ("where", "number"),
    [("uv", signal.SIGINT), ("run", signal.SIGINT), ("accuracy", signal.SIGINT), ("run", signal.SIGTERM)],
)
def test_nothing_is_left_behind_after_an_interruption(
    repository: Repository, where: str, number: signal.Signals
) -> None:
    if where == "accuracy":
        repository.change(PORT, '"ice_adjust:beta": 40', '"ice_adjust:beta": 1')
    command = repository.command("--base", "HEAD", "--benchmarks", "beta", "--budget", "0.1")
    environment: dict[str, Any] = {**repository.environment, "HANG": where}
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
