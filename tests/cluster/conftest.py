"""A SLURM of its own for the tests, with two nodes on this machine, and a project that sends jobs to it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sessions.conftest import Place

from ice3_bench.cluster.run import Run, runs
from ice3_bench.commands.jobs import follower_of
from ice3_bench.show.jobs import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=2
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=60
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{second}] CPUs=1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""
TABLE = """
[tool.ice3-bench.cluster.hpc]
scheduler = "slurm"
partition = "main"
exclusive = false
time = "01:00:00"
patience = 2
"""


class Slurm:
    """Controller and nodes; ends them by the numbers in the files that they write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("munge", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "munge").chmod(0o755)
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        ports = iter(_free_ports(3))
        text = CONFIGURATION.format(
            folder=folder,
            host=socket.gethostname().partition(".")[0],
            user=subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip(),
            port=next(ports),
            first=(first := _free_pair()),
            second=first + 1,
        )
        (folder / "slurm.conf").write_text(text, encoding="utf-8")
        version = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout
        if int(version.split()[1].partition(".")[0]) >= 23:  # which looks for control groups unless told not to
            (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n", encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        place = self.folder / "munge"
        files = [f"--{name}-file={place / name}" for name in ("key", "pid", "log", "seed")]
        self._run("munged", "--force", f"--socket={place / 'socket'}", *files)
        self.start_controller()
        for node in ("n1", "n2"):
            self._run("slurmd", "-N", node)
        self.until(lambda: self.say("sinfo", "-h", "-o", "%T %D") == "idle 2", "both nodes are idle")

    def start_controller(self) -> None:
        self._run("slurmctld")
        self.until(lambda: "UP" in self.say("scontrol", "ping"), "the controller is up")

    def end_controller(self) -> None:
        self._end(self.folder / "slurmctld.pid")
        self.until(lambda: "UP" not in self.say("scontrol", "ping"), "the controller is down")

    def end(self) -> None:
        for name in ("n1.pid", "n2.pid", "slurmctld.pid", "munge/pid"):
            self._end(self.folder / name)

    def say(self, *command: str) -> str:
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return (run.stdout + run.stderr).strip()

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}\n{self.say('squeue', '--states=all')}"
            time.sleep(0.3)

    def idle(self) -> None:
        """Cancel everything and wait until the nodes are free."""
        self.say("scancel", "--user", str(os.getuid()))
        for node in ("n1", "n2"):
            self.say("scontrol", "update", f"nodename={node}", "state=resume")
        self.until(lambda: self.say("sinfo", "-h", "-o", "%T %D") == "idle 2", "both nodes are idle")

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)

    @staticmethod
    def _end(pid_file: Path) -> None:
        try:
            number = int(pid_file.read_text(encoding="utf-8"))
            os.kill(number, signal.SIGTERM)
        except (OSError, ValueError):
            return
        for _ in range(100):
            if not Path(f"/proc/{number}").exists():
                return
            time.sleep(0.1)
        os.kill(number, signal.SIGKILL)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _free_pair() -> int:
    """Return the first of two free ports side by side, as a range of nodes needs them."""
    while True:
        (first,) = _free_ports(1)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", first))
                other.bind(("127.0.0.1", first + 1))
            except (OSError, OverflowError):
                continue
            return first


class Site(Place):
    """A repository with one commit, whose cells are sent to the cluster."""

    def __init__(self, folder: Path, slurm: Slurm) -> None:
        super().__init__(folder)
        self.slurm = slurm
        self.table(TABLE)
        (self.project / ".gitignore").write_text(".cache/\n__pycache__/\n", encoding="utf-8")
        for command in (("init", "--quiet", "--initial-branch=rain"), ("add", "."), ("commit", "--quiet", "-mfirst")):
            run = self.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", *command)
            assert run.returncode == 0, run.stderr

    def table(self, text: str) -> None:
        """Replace the cluster's table."""
        path = self.project / "pyproject.toml"
        before = path.read_text(encoding="utf-8").partition("\n[tool.ice3-bench.cluster")[0]
        path.write_text(before + text, encoding="utf-8")

    def environment(self, misbehaviour: str = "") -> dict[str, str]:
        return {**super().environment(misbehaviour), "SLURM_CONF": self.slurm.environment["SLURM_CONF"]}

    def submit(self, *cells: str, misbehaviour: str = "", wait: bool = False) -> subprocess.CompletedProcess[str]:
        options = ["--cells", *cells, "--wait" if wait else "--no-wait", "--benchmark-max-time=0.01"]
        return self.harness("cluster.submit", "--", *options, misbehaviour=misbehaviour)

    def begun(self, *words: str, misbehaviour: str = "") -> subprocess.Popen[str]:
        """Start a command of the harness that is not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "ice3_bench", *words],
            cwd=self.project,
            env=self.environment(misbehaviour),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def last(self) -> Run:
        """Return the last run."""
        return runs(self.results)[-1]

    def states(self) -> dict[str, str]:
        """Return the state of each cell of the last run, as ``cluster.status`` shows it."""
        return {one.task.name: words(one) for one in follower_of(self.last()).look().situations}

    def until(self, condition: Callable[[dict[str, str]], bool], seconds: float = 90.0) -> dict[str, str]:
        """Ask for the states until they meet a condition."""
        deadline = time.monotonic() + seconds
        while not condition(states := self.states()):
            assert time.monotonic() < deadline, states
            time.sleep(0.5)
        return states


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    folder = Path("/tmp") / f"ice3-slurm-{os.getpid()}"  # noqa: S108 (the path of a socket must be short)
    with pytest.MonkeyPatch.context() as patch:
        searched = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
        patch.setenv("PATH", searched)  # where daemons are, which not every user's PATH names
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            pytest.skip(f"SLURM is not installed ({', '.join(missing)} missing): apt-get install slurm-wlm munge")
        made = Slurm(folder)
        try:
            made.start()
            yield made
        finally:
            made.end()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    yield Site(tmp_path, slurm)
    slurm.idle()
