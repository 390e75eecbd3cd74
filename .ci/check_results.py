"""Check that the cells which .ci/run measured, on one domain, left valid reports and a history of three runs."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

results = Path(sys.argv[1])
for cell in ("numpy_port-float64", "gt_cpu_ifirst-float64"):
    report = json.loads((results / cell / "report-partial.json").read_text(encoding="utf-8"))
    assert report["schema_version"] == 2, report["schema_version"]
    assert report["incomplete"] is None, report["incomplete"]
    assert all(entry["passed"] for entry in report["accuracy"]), "wrong physics was not stopped"
    for benchmark in report["benchmarks"]:
        missing = {"latency", "throughput", "bandwidth", "peak-memory", "accuracy"} - set(benchmark["measures"])
        assert benchmark["error"] is None and not missing, (benchmark["name"], benchmark["error"], missing)
        print(f"{benchmark['name']}: {benchmark['measures']['latency']['value'] / 1e6:.3f} ms")
with closing(sqlite3.connect(results / "history.db")) as history:
    (runs,) = history.execute("SELECT count(*) FROM run").fetchone()
assert runs == 3, f"the history holds {runs} runs, not 3"
