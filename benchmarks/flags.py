"""What each compiler flag of a cell is worth: the time with all flags, and with each one left out.

Run from the project's folder, in an environment of the tests:

    python -m benchmarks.flags --cell gt_cpu_ifirst-float64 --components ice_adjust --domain 50x50x60
    python -m benchmarks.flags --without=-march=native --without=-mprefer-vector-width=512 --also=-O2

All variants are built first, which takes minutes for each; then their calls take turns, so that a busy machine disturbs
all of them alike. The result is a table in Markdown: CPU time of the shortest call, ns per point.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.probe import benchmarks_of, make_job
from ice3_bench.names import parse_domain
from ice3_bench.settings.matrix import load_settings
from ice3_probe.cases import instance_of
from ice3_probe.messages import ARRANGEMENTS, COMPONENTS, STANDARD_ARRANGEMENT
from ice3_probe.ports import load_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_probe.messages import Benchmark
    from ice3_probe.ports import Instance

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Variant:
    """A set of flags, and the components built with it, by the name of the benchmark."""

    name: str
    instances: dict[str, Instance]


def main() -> None:
    """Build, measure and print."""
    arguments = parse()
    settings = load_settings(PROJECT)
    cell = settings.cell_by_id(arguments.cell)
    backend = cell.backend
    if backend.compiler is None:
        sys.exit(f"{cell.id} has no compiler, so it has no flags.")
    flags = settings.compile_args(backend, "production")
    unknown = [flag for flag in arguments.without if flag not in flags]
    if unknown:
        sys.exit(f"{unknown[0]} is none of the flags of {cell.id}: {' '.join(flags)}")
    chosen = arguments.without or [flag for flag in flags if flag not in backend.compile_args and flag != "-g0"]
    variants = {"all flags": flags}
    variants |= {f"without {left}": tuple(flag for flag in flags if flag != left) for left in chosen}
    variants |= {f"and {more}": (*flags, more) for more in arguments.also}

    benchmarks = benchmarks_of(cell, [arguments.domain], arguments.components, arguments.arrangement)
    built = []
    for number, (name, args) in enumerate(variants.items()):
        print(f"Building: {name} ...", file=sys.stderr)
        folder = arguments.cache / f"{cell.id}-{number}"
        job = make_job(PROJECT, cell, args, threads=1, cache=folder, benchmarks=benchmarks)
        port = load_port(job.port)
        built.append(Variant(name, {one.name: instance_of(port, job.cell, one) for one in benchmarks}))
    show(built, benchmarks, measure(built, benchmarks, arguments.rounds))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", default="gt_cpu_ifirst-float64")
    parser.add_argument("--components", nargs="+", default=["ice_adjust", "rain_ice"], choices=sorted(COMPONENTS))
    parser.add_argument("--domain", type=parse_domain, default=(50, 50, 60))
    parser.add_argument("--arrangement", default=STANDARD_ARRANGEMENT, choices=ARRANGEMENTS)
    parser.add_argument("--without", action="append", default=[], help="a flag to leave out; default: each in turn")
    parser.add_argument("--also", action="append", default=[], help="a flag to add")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cache", type=Path, default=PROJECT / ".cache" / "flags", help="folder of the stencils")
    return parser.parse_args()


def measure(variants: Sequence[Variant], benchmarks: Sequence[Benchmark], rounds: int) -> dict[tuple[str, str], float]:
    """Return the shortest CPU time of a call, ns per point, by variant and benchmark; the variants take turns."""
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for benchmark in benchmarks:
            points = benchmark.domain[0] * benchmark.domain[1] * benchmark.domain[2]
            for variant in variants:
                runnable = variant.instances[benchmark.name].runnable
                runnable.reset()
                start = time.process_time_ns()
                runnable.run()
                spent = (time.process_time_ns() - start) / points
                key = variant.name, benchmark.name
                best[key] = min(spent, best.get(key, spent))
    return best


def show(variants: Sequence[Variant], benchmarks: Sequence[Benchmark], best: dict[tuple[str, str], float]) -> None:
    """Print the table."""
    names = [benchmark.name for benchmark in benchmarks]
    labels = [f"{benchmark.component} {benchmark.mix}" for benchmark in benchmarks]
    print(f"| flags | {' | '.join(labels)} |")
    print(f"|---|{'---:|' * len(names)}")
    reference = variants[0].name
    for variant in variants:
        cells = []
        for name in names:
            value = best[variant.name, name]
            change = value / best[reference, name] - 1.0
            cells.append(f"{value:.1f}" if variant.name == reference else f"{value:.1f} ({change:+.0%})")
        print(f"| `{variant.name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
