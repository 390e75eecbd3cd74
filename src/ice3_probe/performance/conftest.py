"""Options and fixtures of the performance tests, and what they tell the harness."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ice3_probe.cases import load_everything
from ice3_probe.channel import Channel, read_job
from ice3_probe.messages import Collected, Failed, Finished, MessageError, Started
from ice3_probe.performance.memory import peak_of, run_forked, starts_threads
from ice3_probe.ports import load_port

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ice3_probe.contract import Cell
    from ice3_probe.messages import Job
    from ice3_probe.ports import Port

JOB: pytest.StashKey[Job] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options by which the harness runs pytest."""
    group = parser.getgroup("ice3-bench")
    group.addoption("--job", type=Path, help="file with the job")
    group.addoption("--channel", type=int, help="descriptor that messages are written to")
    group.addoption("--leave-out", action="append", default=[], help="benchmark not to run; repeatable")
    group.addoption("--isolate", action="store_true", help="run each benchmark in a process forked after its set-up")


def pytest_configure(config: pytest.Config) -> None:
    """Read the job before anything is collected."""
    path = config.getoption("--job")
    if path is None:
        raise pytest.UsageError("--job is missing: the sessions of nox run these tests, as in nox -s bench-...")
    try:
        config.stash[JOB] = read_job(path)
    except (OSError, MessageError) as error:
        raise pytest.UsageError(f"The job {path} cannot be read: {error}") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each benchmark of the job, with the benchmark's name."""
    if "case" in metafunc.fixturenames:
        left_out = metafunc.config.getoption("--leave-out")
        cases = [case for case in metafunc.config.stash[JOB].benchmarks if case.name not in left_out]
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Isolate the benchmarks if asked to: what one leaves allocated would be missing from the peak of the next."""
    if config.getoption("--isolate"):
        for item in items:
            item.runtest = partial(run_forked, partial(_run_and_tell, item, item.runtest))  # type: ignore[method-assign]


def _run_and_tell(item: pytest.Item, run: Callable[[], None]) -> None:
    given = item.funcargs  # type: ignore[attr-defined]
    if given["alone"]:
        load_everything(given["port"], given["cell"], given["case"])
    run()
    _tell_peak(item, Channel(item.config.getoption("--channel")))


def _tell_peak(item: pytest.Item, channel: Channel) -> None:
    peak = peak_of(item, _name(item) or "")
    if peak is not None:
        channel.send(peak)


@pytest.fixture(scope="session")
def channel(request: pytest.FixtureRequest) -> Channel:
    """Return where messages are sent."""
    return Channel(request.config.getoption("--channel"))


@pytest.fixture(scope="session")
def cell(request: pytest.FixtureRequest) -> Cell:
    """Return the cell that is measured."""
    return request.config.stash[JOB].cell


@pytest.fixture(scope="session")
def port(request: pytest.FixtureRequest) -> Port:
    """Return the port that is measured."""
    return load_port(request.config.stash[JOB].port)


@pytest.fixture(scope="session")
def alone(cell: Cell, port: Port, request: pytest.FixtureRequest) -> bool:
    """Return whether forked processes must load everything themselves, since the port starts threads when it loads.

    Otherwise the process that tried it goes on, so that nothing is loaded twice.
    """
    first = request.config.stash[JOB].benchmarks[0]
    return bool(request.config.getoption("isolate")) and starts_threads(lambda: load_everything(port, cell, first))


def _name(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params["case"].name if callspec is not None else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say how many benchmarks there are, and which."""
    names = tuple(filter(None, map(_name, session.items)))
    Channel(session.config.getoption("--channel")).send(Collected(len(session.items), names))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Say which benchmark begins."""
    if name := _name(item):
        Channel(item.config.getoption("--channel")).send(Started(name))
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say how a benchmark ended."""
    report = yield
    if name := _name(item):
        channel = Channel(item.config.getoption("--channel"))
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message.splitlines()[0] if crash else str(report.longrepr).splitlines()[-1]
            for prefix in ("Failed: ", "ice3_probe.ports.PortError: "):
                message = message.removeprefix(prefix)
            channel.send(Failed(name, f"{report.when}: {message}"))
        elif report.when == "call":
            if not item.config.getoption("--isolate"):  # otherwise its own process tells
                _tell_peak(item, channel)
            channel.send(Finished(name))
    return report
