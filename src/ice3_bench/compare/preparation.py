"""Make a revision and a cell ready to be measured: the revision's own settings, its environment, its job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ice3_bench.cell.environment import make_environment
from ice3_bench.cell.passes import MEMORY_ENVIRONMENT
from ice3_bench.cell.probe import make_interpreter, make_job, phyex_checkout
from ice3_bench.cell.processes import is_complete, run
from ice3_bench.cell.toolchain import stencil_cache
from ice3_bench.compare.accuracy import Accuracy
from ice3_bench.compare.requirements import none_given, replaced
from ice3_bench.compare.revisions import WORKTREE, require_port
from ice3_bench.compare.sides import LABELS, Sides
from ice3_bench.compare.stack import Stack
from ice3_bench.compare.workers import Side, SideError, ended
from ice3_bench.errors import PassError, UsageError
from ice3_bench.settings.matrix import load_settings
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from ice3_bench.cell.environment import Environment
    from ice3_bench.compare.revisions import Revision
    from ice3_bench.compare.sides import Label
    from ice3_bench.settings.matrix import Cell, Settings


@dataclass(frozen=True)
class Workshop:
    """Prepares the sides of a comparison.

    Attributes
    ----------
    settings
        Those of the working tree.
    scratch
        For the working directories of the processes.
    requirements
        Requirements that replace those of the same packages, or are added.
    """

    project: Path
    settings: Settings
    revisions: Sides[Revision]
    threads: int
    scratch: Path
    requirements: Sides[Sequence[str]] = field(default_factory=none_given)

    def require_ports(self, cells: Sequence[Cell]) -> None:
        """Raise UsageError if, in every cell, a revision is older than the port."""
        for label in LABELS:
            problems = []
            for cell in cells:
                try:
                    self._require_port(label, self._settings(label, cell)[0], cell)
                except UsageError as error:
                    problems.append(error)
            if len(problems) == len(cells):
                raise problems[0]

    def install(self, cells: Sequence[Cell]) -> None:
        """Make the environments of both sides, as ``sides`` finds them: where it runs there may be no network.

        Raises
        ------
        UsageError
            If one cannot be made.
        """
        for label in LABELS:
            for cell in cells:
                own = _described(self._settings(label, cell)[0], cell)
                make_environment(own.backend, self.project / ".cache" / "environments")

    def sides(
        self, cell: Cell, benchmarks: Sequence[messages.Benchmark], profile: str = "production"
    ) -> tuple[Sides[Side], list[str]]:
        """Prepare both sides of a cell, each with the environment, flags and settings of its own pyproject.toml.

        Returns
        -------
        Sides of Side
        list of str
            Remarks: how their environments and settings differ.

        Raises
        ------
        SideError
            If a side cannot be prepared; the contender's, if neither can.
        """
        contender = self._prepare("contender", cell, benchmarks, profile)
        base = self._prepare("base", cell, benchmarks, profile)
        prepared = Sides(base, contender)
        remarks = [
            f"{self.revisions[label]} does not describe the cell: it is measured with the settings of the working tree"
            for label, one in prepared.items()
            if one.borrowed
        ]
        return prepared.map(lambda one: one.side), remarks + _differences(prepared)

    def _prepare(self, label: Label, cell: Cell, benchmarks: Sequence[messages.Benchmark], profile: str) -> _Prepared:
        revision = self.revisions[label]
        settings, borrowed = self._settings(label, cell)
        own = self._with_requirements(label, _described(settings, cell))
        cache = self.project / ".cache"
        scratch = self.scratch / label
        compile_args = settings.compile_args(own.backend, profile)
        try:
            self._require_port(label, settings, cell)
            environment = make_environment(own.backend, cache / "environments")
            interpreter = make_interpreter(
                environment,
                own.backend,
                project=self._port_home,
                tree=revision.tree,
                cache=cache,
                scratch=scratch,
                threads=self.threads,
            )
        except UsageError as error:
            raise SideError(label, str(error)) from error
        job = make_job(
            self._port_home,
            own,
            compile_args,
            threads=self.threads,
            cache=stencil_cache(cache / "stencils", own, compile_args, self.threads, environment, revision.tree),
            benchmarks=benchmarks,
            phyex=phyex_checkout(self.project, self.settings),
        )
        stack = Stack.of(environment, own.backend, revision.tree)
        return _Prepared(Side(label, interpreter, job, stack), environment, own, borrowed)

    def _with_requirements(self, label: Label, cell: Cell) -> Cell:
        """Return a cell with the requirements that are given for a side."""
        given = self.requirements[label]
        if not given:
            return cell
        requirements = replaced(cell.backend.requirements, given)
        return cell.model_copy(update={"backend": cell.backend.model_copy(update={"requirements": requirements})})

    @property
    def _port_home(self) -> Path:
        """The tree from which ports that are files are taken, for both sides: the copy of the working tree, if any."""
        contender = self.revisions.contender
        return contender.tree if contender.name == WORKTREE else self.project

    def _settings(self, label: Label, cell: Cell) -> tuple[Settings, bool]:
        """Return the settings of a revision, and whether they are the working tree's, as for old ones without any."""
        try:
            settings = load_settings(self.revisions[label].tree)
            settings.cell_by_id(cell.id)
        except UsageError:
            return self.settings, True
        return settings, False

    def _require_port(self, label: Label, settings: Settings, cell: Cell) -> None:
        backend = _described(settings, cell).backend
        require_port(self.project, self.revisions[label], backend.port, backend.pythonpath)


@dataclass(frozen=True)
class _Prepared:
    side: Side
    environment: Environment
    cell: Cell
    borrowed: bool
    """Whether the settings are the working tree's."""


def _described(settings: Settings, cell: Cell) -> Cell:
    """Return a cell of the working tree as a revision's settings describe it.

    A port that is a file is the working tree's: the revision may name a file that was moved since.
    """
    own = settings.cell_by_id(cell.id)
    if not cell.backend.port_is_file:
        return own
    return own.model_copy(update={"backend": own.backend.model_copy(update={"port": cell.backend.port})})


def _differences(prepared: Sides[_Prepared]) -> list[str]:
    """Say how the environments (packages and Python), settings (flags among them) and variables differ."""
    return [
        *_changed("environments", prepared.map(lambda one: one.environment.packages)),
        *_changed("settings", prepared.map(lambda one: one.side.job.cell.settings)),
        *_changed("environment variables", prepared.map(lambda one: one.cell.backend.environment)),
    ]


def _changed(what: str, sides: Sides[Mapping[str, str]]) -> list[str]:
    base, contender = sides
    changed = [
        f"{name} {base.get(name, 'absent')} -> {contender.get(name, 'absent')}"
        for name in {**base, **contender}
        if base.get(name) != contender.get(name)
    ]
    return [f"the {what} differ: {', '.join(changed)}"] if changed else []


def traced(side: Side) -> Side:
    """Return a side with an allocator that memray can trace."""
    variables = {**side.interpreter.variables, **MEMORY_ENVIRONMENT}
    return replace(side, interpreter=replace(side.interpreter, variables=variables))


def build(side: Side, folder: Path) -> None:
    """Compile what a side's benchmarks need, at full speed: under valgrind it would take fifty times as long.

    Parameters
    ----------
    folder
        For the log, if that fails.

    Raises
    ------
    SideError
        If something cannot be built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _, problems = _run(side, "compile", (), folder / f"{side.label}-compile.log")
    if problems:
        raise SideError(side.label, problems[0])


def check_accuracy(side: Side, folder: Path, without: Collection[str] = ()) -> Accuracy:
    """Check the accuracy of a side: of all components at once, or one by one if one of them fails.

    Parameters
    ----------
    folder
        For the logs of what fails.
    without
        Components that are not checked, since the side cannot run them.
    """
    components = tuple(component for component in side.job.checked if component not in without)
    if not components:
        return Accuracy(problems=("none of its components runs",))
    folder.mkdir(parents=True, exist_ok=True)
    found = _accuracy_of(side, components, folder / f"{side.label}-accuracy.log")
    if not found.problems or len(components) == 1:
        return found
    alone = [
        _accuracy_of(side, (component,), folder / f"{side.label}-accuracy-{number}.log")
        for number, component in enumerate(components, start=1)
    ]
    return Accuracy(
        tuple(result for one in alone for result in one.checked),
        tuple(problem for one in alone for problem in one.problems),
    )


def _accuracy_of(side: Side, components: tuple[str, ...], log: Path) -> Accuracy:
    """Run the accuracy pass over components; the log is kept if it fails."""
    received, problems = _run(side, "accuracy", components, log)
    return Accuracy(tuple(one for one in received if isinstance(one, messages.Checked)), tuple(problems))


def _run(side: Side, name: str, checked: tuple[str, ...], log: Path) -> tuple[list[messages.Message], list[str]]:
    """Run a pass of the probe; return its messages, and what went wrong. The log is kept if something did."""
    received: list[messages.Message] = []
    job = replace(side.job, checked=checked)
    try:
        code = run(side.interpreter, ("-m", "ice3_probe", name), job, log, received.append)
    except PassError as error:
        return received, [str(error)]
    problems = [one.message for one in received if isinstance(one, messages.Failure)]
    if not problems and not is_complete(code, received):
        problems.append(f"the {name} pass {ended(code)}, see {log}")
    if not problems:
        log.unlink(missing_ok=True)
    return received, problems
