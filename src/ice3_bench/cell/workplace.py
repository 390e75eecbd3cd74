"""Where and how the passes of a cell run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ice3_bench.cell.probe import make_interpreter, make_job, phyex_checkout
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.cell.environment import Environment
    from ice3_bench.cell.processes import Interpreter
    from ice3_bench.settings.matrix import Cell, Settings


@dataclass(frozen=True)
class Workplace:
    """Where and how the passes of one cell run.

    Attributes
    ----------
    project
        Project with the matrix; the files that are measured are its working tree.
    folder
        Takes what this run writes.
    results
        Folder of the cell's results: what ``folder`` holds is moved there at the end, and errors name it there.
    cache
        Folder of what is kept between sessions.
    stencils
        Folder of what the port compiles.
    arrangement
        Where the columns of the weather stand in all benchmarks.
    benchmarks
        What is timed.
    data_sets
        Files with reference data; empty: those of the probe.
    data
        Files and folders with data of PHYEX that are timed, and checked after the data sets.
    found
        What these are.
    namelist
        File with the options of PHYEX's data; empty: the one beside the data.
    gpu
        Number of the GPU in nvidia-smi's order; None leaves the choice to CUDA.
    pytest_args
        What the user gave for pytest.
    notify
        Called with each message of a pass.
    """

    project: Path
    folder: Path
    results: Path
    cell: Cell
    settings: Settings
    environment: Environment
    cache: Path
    stencils: Path
    threads: int
    profile: Literal["production", "strict"] = "production"
    arrangement: messages.Arrangement = messages.STANDARD_ARRANGEMENT
    benchmarks: tuple[messages.Benchmark, ...] = ()
    data_sets: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    found: tuple[messages.DataSetFound, ...] = ()
    namelist: str = ""
    gpu: int | None = None
    pytest_args: tuple[str, ...] = ()
    notify: Callable[[messages.Message], None] = field(default=lambda _message: None)

    @property
    def compile_args(self) -> tuple[str, ...]:
        """Compiler arguments of the profile and the backend."""
        return self.settings.compile_args(self.cell.backend, self.profile)

    @cached_property
    def interpreter(self) -> Interpreter:
        """What runs the passes."""
        return make_interpreter(
            self.environment,
            self.cell.backend,
            project=self.project,
            tree=self.project,
            cache=self.cache,
            scratch=self.folder / "scratch",
            threads=self.threads,
            gpu=self.gpu,
        )

    @property
    def job(self) -> messages.Job:
        """What the passes are asked to do."""
        return make_job(
            self.project,
            self.cell,
            self.compile_args,
            threads=self.threads,
            cache=self.stencils,
            benchmarks=self.benchmarks,
            data_sets=self.data_sets,
            data=self.data,
            namelist=self.namelist,
            profile=self.profile,
            phyex=phyex_checkout(self.project, self.settings),
        )

    def log(self, name: str) -> Path:
        """File with the output of a pass, while the session runs."""
        return self.folder / f"{name}.log"

    def shown_log(self, name: str) -> Path:
        """File with the output of a pass, once the session has ended."""
        return self.results / f"{name}.log"
