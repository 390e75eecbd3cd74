"""The newest values for Prometheus to scrape: each scrape reads the history, if it has changed since the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import start_http_server
from prometheus_client.registry import Collector

from ice3_bench.errors import UsageError
from ice3_bench.export.openmetrics import families
from ice3_bench.export.table import newest
from ice3_bench.history.store import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.core import Metric

    from ice3_bench.export.table import Selection
    from ice3_bench.settings.matrix import Settings


class Newest(Collector):
    """The newest values of a history file, at the time of a scrape.

    Raises
    ------
    UsageError
        At the first reading, if the history cannot be read.
    """

    def __init__(self, path: Path, settings: Settings, selection: Selection) -> None:
        self._path, self._settings, self._selection = path, settings, selection
        self._read_at: tuple[int, int] | None = None
        self._families: Sequence[Metric] = ()

    def collect(self) -> Sequence[Metric]:
        """Return the families of metrics."""
        status = self._path.stat()
        state = (status.st_mtime_ns, status.st_size)
        if state != self._read_at:
            with opened(self._path) as history:
                self._families = list(families(newest(history, self._settings, self._selection)))
            self._read_at = state
        return self._families


def serve(values: Newest, address: str, port: int) -> tuple[WSGIServer, Thread]:
    """Serve the values at ``/metrics`` in a thread.

    Raises
    ------
    UsageError
        If the port cannot be had, or the history cannot be read.
    """
    values.collect()
    try:
        return start_http_server(port, addr=address, registry=values)
    except (OSError, OverflowError) as error:
        raise UsageError(f"Port {port} of {address} cannot be served: {error}. Choose another with --serve.") from error
