"""Options and fixtures of the benchmarks: which cell, which build, which domains; and what they announce."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.errors import UsageError
from ice3_bench.settings.matrix import Cell, load_settings, parse_domain
from ice3_gt4py.compilation import Build

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

PROJECT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ice3-bench")
    group.addoption("--cell", default="numpy-float64", help="cell of the matrix, such as gt_cpu_ifirst-float64")
    group.addoption("--backend", help="GT4Py name of the backend (default: the cell's)")
    group.addoption("--precision", help="float32 or float64 (default: the cell's)")
    group.addoption("--compile-arg", action="append", default=[], help="argument for the C++ compiler; repeatable")
    group.addoption("--cache", type=Path, default=PROJECT / ".cache/stencils", help="folder of the compiled stencils")
    group.addoption("--domain", action="append", help="domain such as 50x50x60 instead of the cell's; repeatable")
    group.addoption("--leave-out", action="append", default=[], help="benchmark not to run; repeatable")
    group.addoption("--isolate", action="store_true", help="run each benchmark in a process forked after its set-up")
    group.addoption("--events", type=int, help="file descriptor to announce benchmarks on, as JSON lines")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a bad domain or cell before anything is collected."""
    _cell(config)
    try:
        for domain in config.getoption("--domain") or ():
            parse_domain(domain)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case of the cell; its id is the benchmark's name."""
    if "case" not in metafunc.fixturenames:
        return
    cell = _cell(metafunc.config)
    domains = metafunc.config.getoption("--domain") or cell.backend.domains
    left_out = metafunc.config.getoption("--leave-out")
    cases = [case for domain in domains for case in metafunc.module.cases(cell, parse_domain(domain))]
    cases = [case for case in cases if case.name not in left_out]
    metafunc.parametrize("case", cases, ids=[case.name for case in cases])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Isolate the benchmarks if asked to: what one leaves allocated would be missing from the peak of the next."""
    if config.getoption("--isolate"):
        for item in items:
            item.runtest = partial(_run_forked, item.runtest)  # type: ignore[method-assign]


def _run_forked(run: Callable[[], None]) -> None:
    """Call ``run`` in a forked process, and fail with the message of what it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            run()
        except BaseException as error:  # noqa: BLE001 (whatever it is, the parent reports it)
            message = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        os.write(writer, message.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as pipe:
        message = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        message = f"its process was killed by signal {-code}" if code < 0 else f"its process ended with code {code}"
    if message:
        pytest.fail(message.splitlines()[0], pytrace=False)


def _cell(config: pytest.Config) -> Cell:
    try:
        return load_settings(PROJECT).cell_by_id(config.getoption("--cell"))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def build(request: pytest.FixtureRequest) -> Build:
    """Backend, precision, compiler arguments and cache of the cell."""
    config = request.config
    cell = _cell(config)
    return Build(
        backend=config.getoption("--backend") or cell.backend.name,
        precision=config.getoption("--precision") or cell.precision,
        compile_args=tuple(config.getoption("--compile-arg")),
        cache=config.getoption("--cache"),
    )


def _announce(config: pytest.Config, item: pytest.Item, event: dict[str, Any]) -> None:
    descriptor = config.getoption("--events")
    case: Any = getattr(item, "callspec", None) and item.callspec.params.get("case")  # type: ignore[attr-defined]
    if descriptor is None or not hasattr(case, "component"):  # where all are left out, there is a test without one
        return
    record = {**event, "benchmark": case.name, "component": case.component, "domain": case.domain}
    os.write(descriptor, (json.dumps(record) + "\n").encode())


def pytest_collection_finish(session: pytest.Session) -> None:
    descriptor = session.config.getoption("--events")
    if descriptor is not None:
        os.write(descriptor, (json.dumps({"event": "collected", "count": len(session.items)}) + "\n").encode())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    _announce(item.config, item, {"event": "started"})
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        message = crash.message.splitlines()[0] if crash else str(report.longrepr).splitlines()[-1]
        message = message.removeprefix("Failed: ")  # what pytest.fail puts in front
        _announce(item.config, item, {"event": "failed", "message": f"{report.when}: {message}"})
    elif report.when == "call":
        properties = {name: value for name, value in item.user_properties if name == "device_bytes"}
        _announce(item.config, item, {"event": "finished", **properties})
    return report
