"""The commands: thin Invoke tasks over the harness, offered as ``ice3-bench`` and, in a checkout, as ``invoke``."""

from __future__ import annotations

from importlib import metadata

from invoke.collection import Collection
from invoke.program import Program

from ice3_bench.commands import (
    bench,
    bencher,
    bisecting,
    cleaning,
    cluster,
    comparing,
    exporting,
    importing,
    looking,
    packing,
    port,
    publishing,
    reference,
    tabulating,
)

__all__ = ["namespace", "program"]

namespace = Collection(
    bench.accuracy,
    bench.bench,
    bench.gpu,
    bench.upload,
    bisecting.bisect_task,
    cleaning.clean,
    publishing.comment_task,
    comparing.calibrate,
    comparing.compare,
    exporting.export_task,
    importing.import_task,
    looking.history_task,
    looking.report_task,
    tabulating.table,
    packing.pack,
)
namespace.add_collection(Collection("bencher", bencher.archive, bencher.check, bencher.fork_upload, bencher.setup))
namespace.add_collection(
    Collection("cluster", cluster.cancel, cluster.collect_task, cluster.measure, cluster.status, cluster.submit)
)
namespace.add_collection(Collection("port", port.check, port.new))
namespace.add_collection(Collection("reference", reference.make_task))

program = Program(namespace=namespace, name="ice3-bench", binary="ice3-bench", version=metadata.version("ice3-bench"))
"""The program ``ice3-bench``."""
