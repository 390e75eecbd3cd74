"""The command that packs cells for a machine without network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.pack.archive import make_archive
from ice3_bench.show.console import make_console, working

if TYPE_CHECKING:
    import argparse


def _parse(given: list[str], results: Path) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-pack --", description="Pack cells into one archive.")
    parser.add_argument("--cells", action="names", nargs="+", required=True, help="ids, backends, precisions or tags")
    parser.add_argument("--output", type=Path, default=results / "pack.tar.gz", help="the archive")
    parser.add_argument("--on-node", nargs="+", default=[], help="packages to leave out, as the machine has them")
    parser.add_argument("--not-compiled", action="store_true", help="compile on the machine instead of here")
    return parser.parse_args(given)


@task
@explained
def pack(_context: Context) -> None:
    """Pack cells into one archive, for a machine without network. Arguments after --: see -- --help."""
    surroundings = Surroundings.read()
    options = _parse(arguments(), surroundings.results)
    console = make_console()
    with working(console, "packing") as notify:
        packed = make_archive(
            surroundings.project,
            surroundings.settings.select(options.cells),
            surroundings.settings,
            options.output.absolute(),
            on_node=options.on_node,
            compile_here=not options.not_compiled,
            notify=notify,
        )
    name = os.path.relpath(packed.path)
    console.print(f"Wrote {name}: {packed.bytes / 2**20:.1f} MiB, {', '.join(packed.cells)}.", soft_wrap=True)
    for remark in packed.remarks:
        console.print(f"Note: {remark}.", soft_wrap=True)
    console.print(
        f"On the machine: tar -xzf {packed.path.name} && bash ice3-bench-pack/run (--help shows its options).",
        soft_wrap=True,
    )
