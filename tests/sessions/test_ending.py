"""What is left of a session that is ended from outside: nothing runs on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ice3_bench.programs import PARENT, SECRETS, end_with_parent, inherited, run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.sessions.conftest import Place

SECONDS = 10.0
"""Seconds after which nothing of an ended session may run."""


def group(number: int) -> list[str]:
    """Return the processes of a group that run; those that ended and wait to be reaped do not."""
    shown = subprocess.run(["ps", "-ewwo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=2) for line in shown.splitlines()]
    return [words[2] for words in found if words[0] == str(number) and not words[1].startswith("Z")]


def until(condition: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def pass_of(place: Place) -> int | None:
    """Return the group of the pass that runs for a place."""
    shown = subprocess.run(["ps", "-ewwo", "pgid=,args="], capture_output=True, text=True, check=True).stdout
    groups = [int(line.split()[0]) for line in shown.splitlines() if "--job=" in line and str(place.results) in line]
    return groups[0] if groups else None


@pytest.fixture
def hearing() -> Iterator[None]:
    """Undo nohup, which children inherit: under it, a session runs on, as asked."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
def test_no_pass_runs_on_after_its_session(place: Place, number: signal.Signals) -> None:
    with subprocess.Popen(
        place.command(backend="single"),
        cwd=place.project,
        env=place.environment("hang-compile"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as session:
        try:
            assert until(lambda: pass_of(place), 30.0)
            running = pass_of(place)
            assert running is not None
            session.send_signal(number)
            assert until(lambda: not group(running), SECONDS), group(running)
            assert session.wait(SECONDS) != 0
        finally:
            session.kill()


START = """
import os, subprocess, sys
os.environ["{variable}"] = str(os.getpid())
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
input()
"""
CHILD = """
import os, time
from ice3_bench.programs import PARENT, end_with_parent
end_with_parent(os.environ[PARENT])
print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_the_harness_ends_with_the_process_that_started_it() -> None:
    """As nox does, whatever ends nox."""
    command = [sys.executable, "-c", START.format(variable=PARENT), CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert until(lambda: not alive(child), SECONDS)


def alive(process: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")


def test_a_process_that_something_else_started_ends_with_nobody() -> None:
    end_with_parent(None)
    end_with_parent("1" if os.getppid() != 1 else "2")


def test_an_installer_ends_with_the_harness(tmp_path: Path) -> None:
    """It would go on to write into an environment that the next session makes anew."""
    script = tmp_path / "install.sh"
    script.write_text(f"sleep 600 & echo $$ > {tmp_path}/group\nwait\n", encoding="utf-8")
    code = f"from ice3_bench.programs import run_program; run_program(['sh', '{script}'])"
    with subprocess.Popen([sys.executable, "-c", code]) as harness:
        assert until(lambda: (tmp_path / "group").exists() and (tmp_path / "group").read_text(), 30.0)
        number = int((tmp_path / "group").read_text())
        assert len(group(number)) == 2
        harness.kill()
    assert until(lambda: not group(number), SECONDS), group(number)


def test_other_programs_see_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "GIT_DIR"):
        monkeypatch.setenv(name, "swordfish")
    assert "swordfish" not in inherited().values()
    assert "swordfish" not in run_program(["env"]).stdout


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert run_program(["printf", r"caf\351"]).stdout == r"caf\xe9"
