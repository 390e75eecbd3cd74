"""Play it through: work is added and called slower, removed and called the same, and documentation changes nothing.

    python benchmarks/compare_demo.py --rounds 10 --load 1

In a throw-away clone it makes a commit that has our port check that its outputs are finite, one that removes this
again, and one that changes documentation; it compares each with a commit before it by ``bench-compare`` and prints the
verdicts. How much work was added is measured apart, by alternating runs in one process. It needs a C++ compiler;
``--load`` keeps cores busy meanwhile. Exit code 1 if a verdict is not what it should be.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.compare.cases import select
from ice3_bench.compare.preparation import Workshop
from ice3_bench.compare.result import FILE, load_comparison
from ice3_bench.compare.revisions import checked_out
from ice3_bench.compare.sides import Sides
from ice3_bench.settings.matrix import load_settings
from ice3_probe.messages import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1]
CELL = "gt_cpu_ifirst-float64"
SOURCE = "src/ice3_gt4py/port.py"
CALLED = "        self._component(self._state, self._timestep)\n"
ADDED = """\
        for name in CHECKED:
            if not np.isfinite(self._state[name]).all():
                raise FloatingPointError(f"Field '{name}' is not finite.")
"""
FIELDS = ("rvs", "rcs", "ris", "ths", "srcs", "cldfr", "hlc_hrc", "hlc_hcf", "hli_hri", "hli_hcf")
MEASURE = """
import sys, time
from pathlib import Path
from ice3_probe.cases import instance_of
from ice3_probe.messages import Job, decode_as
from ice3_probe.ports import load_port
job = decode_as(Job, Path(sys.argv[1]).read_text())
instance = instance_of(load_port(job.port), job.cell, job.benchmarks[0])
module = sys.modules[job.port]
checked = module.CHECKED
times = {True: [], False: []}
for number in range(2000):
    added = number % 2 == 0
    module.CHECKED = checked if added else ()
    instance.reset()
    start = time.process_time_ns()
    instance.run()
    times[added].append(time.process_time_ns() - start)
print(min(times[True]) / min(times[False]) - 1.0)
"""
"""Runs with and without the work that was added take turns."""


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    identity = ["-c", "user.name=demo", "-c", "user.email=demo@example.org"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


def commit(clone: Path, name: str, text: str, message: str) -> str:
    """Commit a file's new text and return the commit."""
    (clone / name).write_text(text, encoding="utf-8")
    git(clone, "commit", "--all", "--message", message)
    return git(clone, "rev-parse", "HEAD")


def make_commits(clone: Path, fields: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Make the commits; return (base, contender) of each comparison."""
    start = git(clone, "rev-parse", "HEAD")
    before = (clone / SOURCE).read_text(encoding="utf-8")
    if before.count(CALLED) != 1:
        raise SystemExit(f"{SOURCE} has changed: adapt the place where this script adds work.")
    after = before.replace(CALLED, CALLED + ADDED) + f"\n\nimport numpy as np\n\nCHECKED = {fields}\n"
    slower = commit(clone, SOURCE, after, "add work")
    removed = commit(clone, SOURCE, before, "remove it")
    readme = (clone / "README.md").read_text(encoding="utf-8")
    documented = commit(clone, "README.md", readme + "\nOne more line.\n", "say more")
    return {"slower": (start, slower), "removed": (start, removed), "documentation": (removed, documented)}


def measure(clone: Path, commit: str) -> float:
    """Return the share of a run that a commit adds, from alternating runs with and without it in one process."""
    settings = load_settings(clone)
    cell = settings.cell_by_id(CELL)
    with checked_out(clone, commit) as revision, tempfile.TemporaryDirectory() as scratch:
        workshop = Workshop(clone, settings, Sides(revision, revision), 1, Path(scratch))
        sides, _ = workshop.sides(cell, select([cell], None, ["ice_adjust/"])[cell.id])
        side = sides.contender
        job = Path(scratch, "job.json")
        job.write_text(encode(side.job), encoding="utf-8")
        side.interpreter.scratch.mkdir(exist_ok=True)
        run = subprocess.run(
            [side.interpreter.python, "-c", MEASURE, str(job)],
            env=side.interpreter.environment,
            cwd=side.interpreter.scratch,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return float(run.stdout.splitlines()[-1])


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` cores busy."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield


def compare(clone: Path, base: str, contender: str, arguments: list[str]) -> tuple[str, float, int, float]:
    """Compare two commits; return verdict, change, exit code and seconds."""
    results = clone / "results"
    start = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "invoke",
            "compare",
            "--",
            "--quiet",
            "--measure",  # the second and third pair run the same code
            "--base",
            base,
            "--contender",
            contender,
            *arguments,
        ],
        cwd=clone,
        env={**os.environ, "ICE3_BENCH_RESULTS": str(results)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()  # it cleans up
        raise
    if process.returncode not in (0, 1) or not (results / FILE).exists():
        raise SystemExit(output)
    (benchmark,) = load_comparison(results / FILE).benchmarks
    if benchmark.decision is None:
        raise SystemExit(benchmark.missing)
    decision = benchmark.decision
    return decision.verdict, decision.change, process.returncode, time.monotonic() - start


def main() -> int:
    """Play it and print the verdicts."""
    parser = argparse.ArgumentParser(description="Verdicts on commits whose effect is known.")
    parser.add_argument("--rounds", type=int, default=1, help="times each comparison is made")
    parser.add_argument("--load", type=int, default=0, help="cores kept busy meanwhile")
    parser.add_argument("--fields", type=int, choices=range(1, 11), default=4, help="outputs that are checked")
    options = parser.parse_args()
    arguments = ["--benchmarks", "ice_adjust/", "--cells", CELL]
    wanted = {"slower": "slower", "removed": "same", "documentation": "same"}
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="ice3-bench-demo-") as folder, busy(options.load):
        clone = Path(folder, "clone")
        git(PROJECT, "clone", "--quiet", str(PROJECT), str(clone))
        (PROJECT / ".cache").mkdir(exist_ok=True)
        (clone / ".cache").symlink_to(PROJECT / ".cache")
        commits = make_commits(clone, FIELDS[: options.fields])
        print(f"The work added is {measure(clone, commits['slower'][1]):.2%} of a call.", flush=True)
        for number in range(options.rounds):
            for name, (base, contender) in commits.items():
                verdict, change, code, seconds = compare(clone, base, contender, arguments)
                right = verdict == wanted[name] and code == int(verdict == "slower")
                wrong += not right
                print(
                    f"round {number + 1}, {name:<13}: {verdict:<9} {change:+.2%}, exit code {code}, {seconds:.0f} s"
                    f"{'' if right else '   <- wrong'}",
                    flush=True,
                )
    print(f"{wrong} of {options.rounds * len(commits)} verdicts are wrong.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
