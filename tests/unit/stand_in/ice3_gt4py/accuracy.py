from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    misbehaviour = os.environ.get("STAND_IN")
    if misbehaviour == "hang-accuracy":
        time.sleep(600)
    if misbehaviour == "accuracy-crash":
        raise RuntimeError("no such variable")
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path)
    options, _ = parser.parse_known_args()
    wrong = misbehaviour == "wrong-physics"
    fields = [
        {
            "field": "rvs",
            "error": 3e-2 if wrong else 1e-15,
            "tolerance": 1e-10,
            "maximum": 5e-2 if wrong else 2e-15,
            "passed": not wrong,
            "column": 7,
            "level": 42,
        }
    ]
    results = [{"data_set": "one.nc", "component": name, "fields": fields} for name in ("alpha", "beta")]
    options.output.write_text(json.dumps(results))
    sys.exit(1 if wrong else 0)
