"""What bench-export gives to Prometheus, checked by the real promtool and scraped and queried by a real Prometheus."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ice3_bench.history.store import History
from ice3_bench.report import Commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_bench.report import Report

PROJECT = Path(__file__).parents[2]
DASHBOARD = PROJECT / "grafana" / "dashboard.json"
DAYS = 30
PATIENCE = 60.0
CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: ice3-bench
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
    metric_relabel_configs: [{{regex: job|instance, action: labeldrop}}]
"""

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="there is no Prometheus: apt-get install prometheus",
)


@pytest.fixture
def results(tmp_path: Path, make_report: Callable[..., Report]) -> Path:
    """A history of one run a day, the last one half a day ago."""
    random, now = Random(7), datetime.now(UTC)  # noqa: S311 (no secret)
    with History(tmp_path / "history.db") as history:
        for day in range(DAYS):
            made = now - timedelta(days=DAYS - day - 0.5)
            commit = Commit(hash=f"{day:040x}", branch="main")
            history.add(make_report(1e6 * random.gauss(1.0, 0.01), created=made, commit=commit))
    return tmp_path


def export(results: Path, *words: str) -> bytes:
    command = [sys.executable, "-m", "ice3_bench", "export", "--", "--format", "openmetrics", *words]
    done = subprocess.run(command, cwd=PROJECT, env=environment(results), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(results: Path) -> dict[str, str]:
    return {**os.environ, "ICE3_BENCH_RESULTS": str(results)}


def promtool(*words: str, given: bytes = b"") -> str:
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"error" not in done.stderr.lower()
    return done.stdout.decode()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def serving(results: Path) -> Iterator[str]:
    """Serve the newest values; yield the host and port."""
    command = [sys.executable, "-m", "ice3_bench", "export", "--", "--format", "openmetrics", "--serve", "0"]
    with running(*command, cwd=PROJECT, env=environment(results), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.startswith("Serving http://127.0.0.1:"), told
        yield told.split("//")[1].split("/")[0]


def until(look: Callable[[], Any]) -> Any:
    """Look until something is there."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_promtool_finds_nothing_to_complain_about(results: Path) -> None:
    written = export(results, "--output", "-")
    assert promtool("check", "metrics", given=written) == ""
    export(results, "--output", str(results / "ice3.prom"))
    assert (results / "ice3.prom").read_bytes() == written


def test_prometheus_stores_the_whole_history(results: Path) -> None:
    blocks, path = results / "blocks", results / "history.txt"
    export(results, "--history", "--output", str(path))
    promtool("tsdb", "create-blocks-from", "openmetrics", str(path), str(blocks))
    (blocks / "wal").mkdir()  # promtool wants one
    samples = promtool("tsdb", "dump", str(blocks)).splitlines()
    with History(results / "history.db") as history:
        points = [(key.measure, point) for key, found in history.series().items() for point in found]
    assert len(samples) == len(points) == DAYS * 5
    latencies = {
        int(line.split()[-1]): float(line.split()[-2]) for line in samples if '"ice3_bench_latency_seconds"' in line
    }
    assert latencies == {
        round(1000 * point.created.timestamp()): pytest.approx(1e-9 * point.metric.value, rel=1e-12)
        for measure, point in points
        if measure == "latency"
    }


def test_a_scrape_follows_the_history(results: Path, make_report: Callable[..., Report]) -> None:
    with serving(results) as place:
        first = httpx.get(f"http://{place}/metrics")
        assert first.headers["content-type"].startswith("text/plain")
        assert promtool("check", "metrics", given=first.content) == ""
        accept = {"Accept": "application/openmetrics-text"}
        assert httpx.get(f"http://{place}/metrics", headers=accept).text.endswith("# EOF\n")
        with History(results / "history.db") as history:
            history.add(make_report(7e6, commit=Commit(hash="f" * 40, branch="main")))
        assert 'ice3_bench_latency_seconds{backend="gt_cpu_ifirst"' in httpx.get(f"http://{place}/metrics").text
        later = httpx.get(f"http://{place}/metrics").text
        assert f'commit="{"f" * 40}"' in later
        assert " 0.007" in later
        assert later != first.text


def queries(dashboard: Any) -> list[tuple[str, str]]:
    """Title and query of every target, with every variable at 'All'."""
    names = [one["name"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    found = []
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name in names:
                text = text.replace(f"${name}", ".*")
            assert "$" not in text
            found.append((panel["title"], text))
    return found


def test_every_query_of_the_dashboard_returns_data(results: Path) -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    data, path, port = results / "data", results / "history.txt", free_port()
    export(results, "--history", "--output", str(path))
    promtool("tsdb", "create-blocks-from", "openmetrics", str(path), str(data))
    with serving(results) as place:
        configuration = results / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(port=place.rpartition(":")[2]), encoding="utf-8")
        promtool("check", "config", str(configuration))
        command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={data}"]
        options = [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y"]
        with (
            (results / "prometheus.log").open("w") as log,
            running(*command, *options, stdout=log, stderr=log),
            httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as api,
        ):

            def result(kind: str, **parameters: Any) -> Any:
                try:
                    response = api.get(f"/{kind}", params=parameters)
                except httpx.TransportError:  # not up yet
                    return None
                if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # up, and not ready yet
                    return None
                answer = response.json()
                assert answer["status"] == "success", answer
                return answer["data"]["result"] if kind.startswith("query") else answer["data"]

            (scraped,) = until(lambda: result("query", query='up{job="ice3-bench"} == 1'))
            assert scraped["metric"]["job"] == "ice3-bench"
            until(lambda: result("query", query="ice3_bench_latency_seconds"))
            now = time.time()
            tried = queries(dashboard)
            assert len(tried) == len(dashboard["panels"]) == 9
            for title, text in tried:
                assert result("query", query=text), title
            stored = "ice3_bench_latency_seconds"
            (history,) = result(
                "query_range", query=f"last_over_time({stored}[7d])", start=now - 86400 * 20, end=now, step=86400
            )
            assert len(history["values"]) == 21  # imported and scraped values are one series
            for variable in (one for one in dashboard["templating"]["list"] if one["type"] == "query"):
                assert result(f"label/{variable['name']}/values", **{"match[]": stored})


def test_the_dashboard_is_what_the_script_writes() -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")
    specification = importlib.util.spec_from_file_location("dashboard", DASHBOARD.with_suffix(".py"))
    assert specification is not None
    assert specification.loader is not None
    script: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert script.built() == DASHBOARD.read_text(encoding="utf-8"), "run python grafana/dashboard.py"
