"""How fast this machine is for the microphysics: nanoseconds per element of a loop over the C library's scalar exp.

    python benchmarks/scalar_exp.py [RESULTS/CELL/report.json ...]

Speeds of ICE3 on different machines are compared by this figure, since exponentials dominate. With reports, it also
prints the time per grid point of each benchmark, scaled to a machine on which the loop takes 5 ns, beside the Fortran's
time there. Needs g++; takes a second.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path

STANDARD = 5.0  # ns per element of the machine that figures are scaled to
FORTRAN = {
    ("ice_adjust", "float64", ""): 122.0,
    ("ice_adjust", "float32", ""): 94.0,
    ("rain_ice", "float64", "rich"): 1015.0,
    ("rain_ice", "float64", "typical"): 462.0,
}
"""PHYEX compiled by gfortran on the machine of 5 ns, ns per grid point."""

SOURCE = """
#include <math.h>
#include <time.h>
extern "C" double shortest(int repeats) {
    enum { size = 20000 };
    static double x[size], y[size];
    for (int i = 0; i < size; ++i) x[i] = -20.0 + 25.0 * i / size;
    double best = 1e30;
    for (int n = 0; n < repeats; ++n) {
        timespec start, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        for (int i = 0; i < size; ++i) y[i] = exp(x[i]);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        double ns = 1e9 * (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec);
        if (ns / size < best) best = ns / size;
        x[n % size] += 1e-9 * y[n % size];
    }
    return best;
}
"""


def scalar_exp() -> float:
    """Compile and run the loop; return ns per element (shortest of 2000 runs, thread CPU time)."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "exp.cpp"), Path(folder, "exp.so")
        source.write_text(SOURCE, encoding="utf-8")
        subprocess.run(["g++", "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
        function = ctypes.CDLL(str(library)).shortest
        function.restype = ctypes.c_double
        return float(function(2000))


def main(paths: list[str]) -> None:
    """Print the figure, and the benchmarks of the reports scaled by it."""
    exp = scalar_exp()
    print(f"scalar exp: {exp:.2f} ns per element; figures scaled by {STANDARD / exp:.2f}")
    for path in paths:
        for benchmark in json.loads(Path(path).read_text(encoding="utf-8"))["benchmarks"]:
            if "latency" not in benchmark["measures"]:
                continue
            component, _, precision, *rest = benchmark["name"].split("/")
            here = benchmark["measures"]["latency"]["value"] / prod(benchmark["domain"])
            scaled = here * STANDARD / exp
            fortran = FORTRAN.get((component, precision, rest[1] if len(rest) > 1 else ""))
            beside = f", {fortran / scaled:4.1f} times faster than the Fortran ({fortran:.0f})" if fortran else ""
            print(f"{benchmark['name']:<56} {here:7.1f} ns per point, scaled {scaled:6.1f}{beside}")


if __name__ == "__main__":
    main(sys.argv[1:])
