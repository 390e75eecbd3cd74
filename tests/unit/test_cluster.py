"""What becomes of jobs, by their files and the scheduler's words; scripts; programs that stand in for schedulers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from ice3_bench.cluster import following
from ice3_bench.cluster.following import Follower
from ice3_bench.cluster.queue import Queued, SchedulerError
from ice3_bench.cluster.run import Attempt, Ended, Run, RunRecord, Started, Submitted, Task
from ice3_bench.cluster.scheduler import Scheduler
from ice3_bench.cluster.script import batch_script
from ice3_bench.cluster.states import Evidence, State, judge
from ice3_bench.cluster.submission import absolute, choose, name_of_testbed
from ice3_bench.commands import jobs
from ice3_bench.errors import UsageError
from ice3_bench.provenance import Gpu
from ice3_bench.settings.cluster import Cluster
from ice3_bench.show.console import make_console
from ice3_bench.show.jobs import differing_nodes, words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

STARTED = Started(job="7", node="n1", partition="main", time=1_000_000_000)
PENDING = Queued("7", "a", "PENDING", waiting=True, over=False, reason="Resources")
RUNNING = Queued("7", "a", "RUNNING", waiting=False, over=False)
PATIENCE = 60.0


def gone(state: str = "", age: float = 0.0) -> Ended:
    return Ended(state=state, time=1000.0 - age)


@pytest.mark.parametrize(
    ("evidence", "state", "detail"),
    [
        (Evidence(submitted=False), State.NOT_SUBMITTED, ""),
        (Evidence(submitted=False, cancelled=True), State.CANCELLED, ""),
        (Evidence(submitted=True), State.SUBMITTED, ""),
        (Evidence(submitted=True, queued=PENDING), State.WAITING, "no node is free"),
        (Evidence(submitted=True, queued=RUNNING), State.RUNNING, ""),
        (Evidence(submitted=True, started=STARTED), State.RUNNING, ""),  # the scheduler does not answer
        # The exit status is the truth, whatever the scheduler says.
        (Evidence(submitted=True, started=STARTED, code=0, queued=RUNNING), State.FINISHED, ""),
        (Evidence(submitted=True, started=STARTED, code=0, ended=gone("NODE_FAIL")), State.FINISHED, ""),
        (Evidence(submitted=True, started=STARTED, code=1), State.FAILED, "exit code 1"),
        # What a signal ended may begin again, and the scheduler knows why.
        (Evidence(submitted=True, started=STARTED, code=130, queued=PENDING), State.WAITING, "begun before"),
        (Evidence(submitted=True, started=STARTED, code=143, ended=gone("TIMEOUT")), State.TIME_LIMIT, ""),
        (Evidence(submitted=True, started=STARTED, code=143, ended=gone("CANCELLED")), State.CANCELLED, ""),
        (Evidence(submitted=True, started=STARTED, code=143, ended=gone("PREEMPTED")), State.PREEMPTED, ""),
        (Evidence(submitted=True, started=STARTED, code=143, ended=gone(), cancelled=True), State.CANCELLED, ""),
        (Evidence(submitted=True, started=STARTED, code=143, ended=gone()), State.FAILED, "does not say why"),
        (Evidence(submitted=True, started=STARTED, ended=gone("NODE_FAIL")), State.NODE_FAILED, ""),
        (Evidence(submitted=True, started=STARTED, ended=gone("OUT_OF_MEMORY")), State.FAILED, "more memory"),
        # Its files may take a while to be seen here.
        (Evidence(submitted=True, ended=gone("COMPLETED", age=59)), State.RUNNING, "on their way"),
        (Evidence(submitted=True, ended=gone("COMPLETED", age=61)), State.LOST, "COMPLETED"),
        (Evidence(submitted=True, ended=gone(age=61)), State.LOST, "does not know it any more"),
    ],
)
def test_the_state_of_a_job(evidence: Evidence, state: State, detail: str) -> None:
    verdict = judge(evidence, now=1000.0, patience=PATIENCE)
    assert verdict.state is state
    assert detail in verdict.detail


def test_reasons_are_told_in_words() -> None:
    reason = "ReqNodeNotAvail, UnavailableNodes:n2"
    queued = Queued("7", "a", "PENDING", waiting=True, over=False, reason=reason)
    assert judge(Evidence(submitted=True, queued=queued), 0.0, 0.0).detail == "the nodes are drained, down or reserved"
    other = Queued("7", "a", "PENDING", waiting=True, over=False, reason="NotYetInvented")
    assert judge(Evidence(submitted=True, queued=other), 0.0, 0.0).detail == "NotYetInvented"
    new = Queued("7", "a", "PENDING", waiting=True, over=False, reason="None")
    assert judge(Evidence(submitted=True, queued=new), 0.0, 0.0).detail == "the scheduler has not considered it yet"


def table(**keys: Any) -> Cluster:
    return Cluster.model_validate({"scheduler": "slurm", **keys})


def test_gpu_cells_get_what_is_different_for_them() -> None:
    cluster = table(partition="cpu", time="01:00:00", gpu={"partition": "gpu", "gres": "gpu:1"})
    assert (cluster.resources("cpu").partition, cluster.resources("cpu").gres) == ("cpu", None)
    resources = cluster.resources("gpu")
    assert (resources.partition, resources.gres, resources.time) == ("gpu", "gpu:1", "01:00:00")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"scheduler": "lsf"}, "slurm"),
        ({"time": "soon"}, "as in 02:30:00"),
        ({"poll": 1}, "greater than or equal to 10"),
        ({"gpu": {"partitoin": "gpu"}}, "partitoin"),
        ({"options": ["--a\n#SBATCH --b"]}, "one line"),
        ({"environment": {"A B": "1"}}, "environment"),
    ],
)
def test_a_wrong_table_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        table(**keys)


def test_a_cluster_is_chosen(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    two = settings.model_copy(update={"cluster": {"one": table(), "two": table(testbed="big")}})
    assert choose(two, "two")[0] == "two"
    with pytest.raises(UsageError, match="--on NAME names one of one, two"):
        choose(two, None)
    with pytest.raises(UsageError, match="Unknown cluster 'three'"):
        choose(two, "three")
    assert (name_of_testbed(two, "one", "cpu"), name_of_testbed(two, "two", "cpu")) == ("one", "big")
    none = settings.model_copy(update={"cluster": {}})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"tool\.ice3-bench\.cluster\.NAME"):
        choose(none, None)
    program(tmp_path, "qsub", "")
    name, cluster = choose(none, None)
    assert (name, cluster.scheduler) == ("pbs", "pbs")
    assert name_of_testbed(none, name, "cpu") is None  # named after the processor


def test_files_in_options_are_made_absolute() -> None:
    here = Path.cwd()
    given = ["--data", "a", "--data=b", "--domain", "8x8x30", "--namelist", "/c"]
    assert absolute(given) == ("--data", f"{here}/a", f"--data={here}/b", "--domain", "8x8x30", "--namelist", "/c")


def a_run(folder: Path, cluster: Cluster, *cells: str) -> Run:
    tasks = tuple(Task(name=cell, device="cpu", threads=3, words=("cluster.measure", "--cell", cell)) for cell in cells)
    record = RunRecord(id="r1", created=datetime.now(UTC), user=1, name="hpc", cluster=cluster, tasks=tasks)
    return Run(folder, record)


def script(tmp_path: Path, **keys: Any) -> list[str]:
    cluster = table(**keys)
    run = a_run(tmp_path / "a b", cluster, "single-float64")
    scheduler = Scheduler(cluster.scheduler)
    return batch_script(scheduler, run, run.attempt(run.record.tasks[0], 1)).splitlines()


def test_the_script_for_slurm(tmp_path: Path) -> None:
    lines = script(
        tmp_path,
        partition="p",
        account="a",
        qos="q",
        memory="8G",
        time="1-00:30:00",
        options=["--constraint=milan"],
        before=["module load gcc"],
        environment={"A": "it's"},
    )
    assert lines[0] == "#!/bin/bash -l"
    for option in (
        *("partition=p", "account=a", "qos=q", "mem=8G", "nodes=1", "cpus-per-task=3", "exclusive", "requeue"),
        *("constraint=milan", "job-name=ice3-r1-1-single-float64", "time=1-0:30:0"),
    ):
        assert f"#SBATCH --{option}" in lines
    assert lines.index("""export A='it'"'"'s'""") < lines.index("module load gcc") < len(lines) - 1
    assert lines[-1].endswith("-P -m ice3_bench cluster.measure --cell single-float64")
    assert "#SBATCH --exclusive" not in script(tmp_path, exclusive=False)


def test_the_script_for_pbs(tmp_path: Path) -> None:
    lines = script(tmp_path, scheduler="pbs", partition="q", time="00:30:00", gres="ngpus=1", memory="8gb", cpus=4)
    for option in ("-q q", "-l select=1:ncpus=4:mem=8gb:ngpus=1", "-l place=excl", "-l walltime=0:30:0", "-r y"):
        assert f"#PBS {option}" in lines


class Stand:
    """Stands in for a scheduler: knows what it is told, counts what it is asked."""

    def __init__(self) -> None:
        self.queue: list[Queued] = []
        self.accounts: dict[str, str] = {}
        self.questions = 0
        self.submitted: list[str] = []
        self.most = 10**6
        self.silent = False

    def script(self, name: str, *_arguments: object) -> str:
        return name

    def submit(self, script: Path) -> str:
        if len(self.submitted) >= self.most:
            raise SchedulerError("too many jobs")
        name = script.read_text(encoding="utf-8")
        self.submitted.append(name)
        job = str(len(self.submitted))
        self.queue.append(Queued(job, name, "PENDING", waiting=True, over=False))
        return job

    def jobs(self, _user: int, _known: Collection[str]) -> list[Queued]:
        self.questions += 1
        if self.silent:
            raise SchedulerError("no answer")
        return self.queue

    def accounted(self, jobs: Collection[str]) -> dict[str, str]:
        self.questions += bool(jobs)
        return {job: self.accounts[job] for job in jobs if job in self.accounts}

    def becomes(self, state: str, *, waiting: bool = False, over: bool = False) -> None:
        self.queue = [Queued(one.job, one.name, state, waiting=waiting, over=over) for one in self.queue]


@pytest.fixture
def stand() -> Stand:
    return Stand()


def follower(run: Run, stand: Stand) -> Follower:
    return Follower(run, stand)  # type: ignore[arg-type]


def states(run: Run, stand: Stand, **options: bool) -> list[str]:
    return [words(one) for one in follower(run, stand).look(**options).situations]


def first(run: Run, number: int = 1) -> Attempt:
    return run.attempt(run.record.tasks[0], number)


def test_two_hundred_jobs_cost_one_question(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(), *(f"c{number}-float64" for number in range(200)))
    looking = follower(run, stand)
    assert len(looking.look(submit=True).situations) == len(stand.submitted) == 200
    assert stand.questions == 1
    looking.look()
    assert stand.questions == 2
    looking.look(ask=False)
    assert stand.questions == 2


def test_the_scheduler_is_asked_every_ten_seconds_the_submission_included(
    tmp_path: Path, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path, table(), *(f"c{number}-float64" for number in range(20)))
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] == 50.0:
            for task in run.record.tasks:
                (run.attempt(task, 1).folder / "status").write_text("0", encoding="utf-8")

    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time, sleep=sleep)
    for module in (following, jobs):
        monkeypatch.setattr(module, "time", clock)
    asked = []
    answer = stand.jobs

    def noted(user: int, known: Collection[str]) -> list[Queued]:
        asked.append(now[0])
        return answer(user, known)

    monkeypatch.setattr(stand, "jobs", noted)
    looking = follower(run, stand)
    looking.look(submit=True)
    assert jobs.wait_for(looking, make_console(quiet=True)).over
    assert asked == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]


def test_what_a_calibration_says_names_the_files_that_were_brought_home(
    tmp_path: Path, stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    run = a_run(tmp_path / "cluster" / "r1", table(), "calibrate")
    looking = follower(run, stand)
    looking.look(submit=True)
    there = first(run).results / "calibrations" / "m.json"
    there.parent.mkdir()
    there.write_text("{}", encoding="utf-8")
    first(run).output.write_text(f"Stored in {there}.\nThe logs are in {first(run).results}/logs.\n", encoding="utf-8")
    (first(run).folder / "status").write_text("0", encoding="utf-8")
    surroundings = SimpleNamespace(project=tmp_path, results=tmp_path)
    jobs.collect(surroundings, make_console(quiet=True), run, looking.look())  # type: ignore[arg-type]
    here = tmp_path / "calibrations" / "m.json"
    assert here.exists()
    assert capsys.readouterr().out == f"Stored in {here}.\nThe logs are in {first(run).results}/logs.\n"


def test_what_the_scheduler_complains_of_is_said_until_it_is_asked_again(tmp_path: Path, stand: Stand) -> None:
    looking = follower(a_run(tmp_path, table(), "a-float64"), stand)
    stand.silent = True
    assert looking.look(submit=True).trouble == looking.look(ask=False).trouble == "no answer"
    stand.silent, stand.most = False, 0
    assert looking.look(submit=True).trouble == looking.look(ask=False).trouble == "too many jobs"
    stand.most = 1
    assert looking.look(submit=True).trouble == looking.look(ask=False).trouble == ""


def test_what_was_not_submitted_is_submitted_later_and_once(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(), "a-float64", "b-float64")
    stand.most = 1
    look = follower(run, stand).look(submit=True)
    assert look.trouble == "too many jobs"
    assert [one.verdict.state for one in look.situations] == [State.SUBMITTED, State.NOT_SUBMITTED]
    stand.most = 9
    for _ in range(2):
        states(run, stand, submit=True)
    assert stand.submitted == ["ice3-r1-1-a-float64", "ice3-r1-1-b-float64"]


def test_a_job_whose_number_was_lost_is_found_by_its_name(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(), "a-float64")
    states(run, stand, submit=True)
    (first(run).folder / "submitted").unlink()  # killed before it could be written
    assert states(run, stand, submit=True) == ["waiting"]
    assert len(stand.submitted) == 1
    assert first(run).submitted == Submitted(job="1")


def test_nothing_is_decided_while_the_scheduler_is_silent(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(patience=0), "a-float64", "b-float64")
    stand.most = 1
    states(run, stand, submit=True)
    stand.silent, stand.most = True, 9
    look = follower(run, stand).look(submit=True)
    assert look.trouble == "no answer"
    assert [one.verdict.state for one in look.situations] == [State.SUBMITTED, State.NOT_SUBMITTED]
    assert len(stand.submitted) == 1


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED"])
def test_what_was_not_its_fault_is_submitted_again(tmp_path: Path, stand: Stand, state: str) -> None:
    run = a_run(tmp_path, table(resubmit=1), "a-float64")
    states(run, stand, submit=True)
    stand.becomes(state, over=True)
    name = "node failed" if state == "NODE_FAIL" else "preempted"
    assert states(run, stand) == [f"{name}, will be submitted again"]
    assert states(run, stand, submit=True) == ["submitted (attempt 2)"]
    stand.becomes(state, over=True)
    assert states(run, stand, submit=True) == [f"{name}, given up"]
    assert stand.submitted == ["ice3-r1-1-a-float64", "ice3-r1-2-a-float64"]
    first(run).folder.joinpath("status").write_text("0\n", encoding="utf-8")  # it had finished after all
    assert states(run, stand) == ["finished"]


def test_a_forgotten_job_is_explained_by_the_accounting(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(patience=0), "a-float64", "b-float64")
    states(run, stand, submit=True)
    stand.queue, stand.accounts = [], {"1": "TIMEOUT"}
    assert states(run, stand) == [
        "time limit",
        "lost: it left no exit status, and the scheduler does not know it any more",
    ]
    stand.accounts = {}
    assert states(run, stand)[0] == "time limit"  # it was written down


def test_two_hundred_forgotten_jobs_cost_one_question_a_look(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(patience=0), *(f"c{number}-float64" for number in range(200)))
    looking = follower(run, stand)
    looking.look(submit=True)
    stand.queue, stand.accounts = [], {str(number + 1): "TIMEOUT" for number in range(200)}
    asked = stand.questions
    assert {words(one) for one in looking.look().situations} == {"submitted"}  # nothing is decided yet
    assert stand.questions == asked + 1
    assert {words(one) for one in looking.look().situations} == {"time limit"}
    assert stand.questions == asked + 2


def test_what_is_cancelled_is_not_submitted_again(tmp_path: Path, stand: Stand) -> None:
    run = a_run(tmp_path, table(), "a-float64", "b-float64")
    stand.most = 1
    states(run, stand, submit=True)
    cancelled: list[str] = []
    stand.cancel = cancelled.append  # type: ignore[attr-defined]
    follower(run, stand).cancel(["a-float64", "b-float64"])
    assert cancelled == ["1"]
    stand.becomes("NODE_FAIL", over=True)
    stand.most = 9
    look = follower(run, stand).look(submit=True)
    assert look.over
    assert look.situations[1].verdict.state is State.CANCELLED
    assert len(stand.submitted) == 1


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs hide those of the machine."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_squeue_is_read_line_by_line(programs: Path) -> None:
    lines = [
        "7<><> PD<><> Resources<><> ice3-r1-1-a<><> u<><> main<><> 5:00<><> 1<><> 1<><> 0:00<><> 0",
        "8<><> RQ<><> None<><> ice3-r1-1-b<><> u<><> main<><> 5:00<><> 1<><> 1<><> 0:00<><> 0",  # the library fails
        "9<><> TO<><> TimeLimit<><> ice3-r1-1-c<><> u<><> main<><> 5:00<><> 1<><> 1<><> 5:00<><> 0",
    ]
    program(programs, "squeue", "\n".join(f"echo '{line}'" for line in ['test "$#" -gt 0', *lines][1:]))
    found = Scheduler("slurm").jobs(0, ())
    assert [(one.job, one.waiting, one.over) for one in found] == [
        ("7", True, False),
        ("8", False, False),
        ("9", False, True),
    ]
    assert [(one.name, one.state, one.reason) for one in found][0::2] == [
        ("ice3-r1-1-a", "PENDING", "Resources"),
        ("ice3-r1-1-c", "TIMEOUT", "TimeLimit"),
    ]


def test_sacct_is_read_if_there_is_one(programs: Path) -> None:
    program(programs, "sacct", "printf '7|CANCELLED by 0\\n8|COMPLETED\\n'")
    assert Scheduler("slurm").accounted({"7", "8"}) == {"7": "CANCELLED", "8": "COMPLETED"}
    program(programs, "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert Scheduler("slurm").accounted({"7"}) == {}


QSTAT = """Job Id: 14.server
    Job_Name = ice3-r1-1-a
    Job_Owner = me@login
    resources_used.walltime = 00:00:07
    job_state = R
    queue = workq
    Resource_List.ncpus = 1
    Resource_List.nodect = 1
    Resource_List.walltime = 01:00:00
    Variable_List = PBS_O_HOME=/home/me,
    PBS_O_QUEUE=workq

Job Id: 15.server
    Job_Name = ice3-r1-1-b
    Job_Owner = me@login
    job_state = Q
    queue = workq
    Resource_List.ncpus = 1
    Resource_List.nodect = 1
    Resource_List.walltime = 01:00:00
"""


def test_pbs_by_programs_that_answer_as_it_does(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "qstat").write_text(QSTAT, encoding="utf-8")
    program(programs, "qsub", "echo 14.server")
    program(programs, "qstat", f"cat {tmp_path}/qstat; echo 'qstat: 16.server Job has finished' >&2; exit 35")
    program(programs, "qdel", "echo 'qdel: Job has finished 14.server' >&2; exit 35")
    pbs = Scheduler("pbs")
    assert pbs.submit(tmp_path / "script") == "14.server"
    assert pbs.jobs(0, {"14.server", "15.server", "16.server"}) == [
        Queued("14.server", "ice3-r1-1-a", "RUNNING", waiting=False, over=False),
        Queued("15.server", "ice3-r1-1-b", "QUEUED", waiting=True, over=False),
    ]
    pbs.cancel("14.server")
    program(programs, "qdel", "echo 'qdel: Unauthorized Request 14.server' >&2; exit 210")
    with pytest.raises(SchedulerError, match="Unauthorized"):
        pbs.cancel("14.server")
    program(programs, "qsub", "echo 'qsub: Unknown queue' >&2; exit 170")
    with pytest.raises(SchedulerError, match="Unknown queue"):
        pbs.submit(tmp_path / "script")
    program(programs, "qstat", "echo 'cannot connect to server' >&2; exit 111")
    with pytest.raises(SchedulerError, match="cannot connect"):
        pbs.jobs(0, {"14.server"})


def test_a_missing_program_is_told(programs: Path) -> None:
    with pytest.raises(UsageError, match="qstat is not on PATH"):
        Scheduler("pbs").jobs(0, {"14.server"})
    assert programs.is_dir()


def gpu(driver: str) -> Gpu:
    clocks = {"sm_clock_max_mhz": None, "memory_clock_max_mhz": None, "sm_clock_mhz": None, "memory_clock_mhz": None}
    return Gpu(
        name="A100", uuid="GPU-0", index=0, driver=driver, runtime="12.4", memory_bytes=2**36, cache_bytes=2**25,
        power_limit_watts=None, copy_bytes_per_second=1e12, **clocks,
    )  # fmt: skip


def on_two_nodes(make_report: Callable[..., Report]) -> list[Report]:
    from ice3_bench.report import ClusterJob  # noqa: PLC0415

    reports = [make_report() for _ in range(2)]
    for number, report in enumerate(reports):
        report.job = ClusterJob(cluster="hpc", id=str(number), node=f"n{number}", partition="main")
    return reports


def test_nodes_that_differ_are_told(make_report: Callable[..., Report]) -> None:
    reports = on_two_nodes(make_report)
    assert differing_nodes(reports) == []
    reports[1].machine.cores = 64
    (said,) = differing_nodes(reports)
    assert "differ in their cores: 2 (n0) and 64 (n1)" in said
    reports[1].machine.cores, reports[1].software.compiler = reports[0].machine.cores, "GNU Fortran 14"
    assert differing_nodes(reports) == []  # of another cell
    reports[1].software.compiler = "g++ 14"
    (said,) = differing_nodes(reports)
    assert "differ in their version of g++: g++ 12 (n0) and g++ 14 (n1)" in said
    for report, driver in zip(reports, ("550", "570"), strict=True):
        report.software.compiler, report.machine.gpu = None, gpu(driver)
    (said,) = differing_nodes(reports)
    assert "differ in their driver of the GPU: 550 (n0) and 570 (n1)" in said


def test_whatever_makes_devices_differ_is_told_of_nodes_too(make_report: Callable[..., Report]) -> None:
    reports = on_two_nodes(make_report)
    for report in reports:
        report.machine.gpu = gpu("550")
    device = reports[1].machine.gpu
    assert device is not None
    assert differing_nodes(reports) == []
    for name in device.identity:
        reports[1].machine.gpu = device.model_copy(
            update={name: "9" if isinstance(device.identity[name], str) else 9.0}
        )
        assert len(differing_nodes(reports)) == 1, name
