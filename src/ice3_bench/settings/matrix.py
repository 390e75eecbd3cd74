"""The matrix of backends and precisions and the policies, read from ``[tool.ice3-bench]`` of pyproject.toml."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ice3_bench.errors import UsageError
from ice3_bench.settings.cluster import Cluster
from ice3_bench.settings.policy import BencherPolicy, HistoryPolicy
from ice3_bench.settings.values import LONGEST, Component, Domain, checked_python
from ice3_bench.text import quoted
from ice3_probe.messages import STANDARD_ARRANGEMENT, Arrangement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULTS = Path(__file__).with_name("defaults.toml")
"""Defaults of the tables and keys that a project leaves out."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


Compiler = Literal["cxx", "nvcc", "fc"]


class Backend(_Strict):
    """One backend of the matrix: an implementation of ICE3, and what it needs.

    What a backend without a ``port`` leaves out is taken from ``[tool.ice3-bench.default-port]``.
    """

    name: Annotated[str, Field(min_length=1)]
    """What people call it, such as ``gt:cpu_ifirst``."""
    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=LONGEST)]
    """The name in session ids (no colon)."""
    device: Literal["cpu", "gpu"] = "cpu"
    """What it runs on."""
    port: Annotated[str, Field(min_length=1)]
    """Module with ``create``, or a file of the project that ends with ``.py``."""
    pythonpath: tuple[str, ...] = ()
    """Folders of the revision that is measured from which its packages are imported."""
    requirements: tuple[str, ...] = ()
    """What is installed for the port; ``{cuda}`` stands for the major version of nvcc."""
    python: Annotated[str, AfterValidator(checked_python)] | None = None
    """Version of Python; ``None``: that of the harness; ``current``: the harness's own environment."""
    components: Annotated[tuple[Component, ...], Field(min_length=1)] = ("ice_adjust", "rain_ice")
    """Components, or parts or variants of them, that are timed and whose accuracy is checked."""
    also_checked: tuple[Component, ...] = ()
    """Components whose accuracy is checked, but which are not timed."""
    accuracy: Literal["gate", "report"] = "gate"
    """``gate``: wrong physics stops a session before timing. ``report``: errors are published and timings marked."""
    settings: dict[str, str] = Field(default_factory=dict)
    """Whatever the port wants to know."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables of the environment of the processes that measure."""
    compiler: Compiler | None = None
    """Compiler whose flags in ``[tool.ice3-bench.flags]`` reach the port; ``None``: no flags."""
    compile_args: tuple[str, ...] = ()
    """Compiler arguments of this backend, added to those of the profile."""
    compiled_sources: tuple[str, ...] = ()
    """Patterns of files whose change forces a rebuild, besides those that the port's own cache tracks."""
    tags: tuple[str, ...] = ()
    """Groups for ``nox -t`` and ``--cells``; the precision and the device are always among them."""
    domains: Annotated[tuple[Domain, ...], Field(min_length=1)] = ("50x50x60",)
    """Domains it is measured on."""
    compare_domain: Domain | None = None
    """Domain on which revisions are compared; ``None``: the first of ``domains``."""

    @property
    def answers(self) -> set[str]:
        """The names by which its cells may be selected."""
        return {self.name, self.id, self.device, *self.tags}

    @property
    def checked(self) -> tuple[str, ...]:
        """Components whose accuracy is checked."""
        return tuple(dict.fromkeys((*self.components, *self.also_checked)))

    @property
    def port_is_file(self) -> bool:
        """Whether the port is a file of the project rather than a module."""
        return self.port.endswith(".py")


class Flags(_Strict):
    """The table ``[tool.ice3-bench.flags.<compiler>]``: arguments by profile, and more by architecture."""

    production: tuple[str, ...] = ()
    """What is timed."""
    strict: tuple[str, ...] = ()
    """The specification's arithmetic, which is held to tighter tolerances."""
    instructions: tuple[str, ...] = ()
    """What valgrind can run, for ``bench-compare --instructions``."""
    x86_64: Flags | None = Field(default=None, alias="x86_64")
    """Added on machines of this architecture."""
    aarch64: Flags | None = None
    """Added on machines of this architecture."""

    def arguments(self, profile: str, architecture: str) -> tuple[str, ...]:
        """Return the arguments of a profile on an architecture (``platform.machine()``)."""
        further = {"x86_64": self.x86_64, "amd64": self.x86_64, "aarch64": self.aarch64, "arm64": self.aarch64}
        more = further.get(architecture.lower())
        return (*getattr(self, profile), *(getattr(more, profile) if more else ()))


class Cell(BaseModel):
    """One cell of the matrix: a backend and a precision."""

    model_config = ConfigDict(frozen=True)

    backend: Backend
    precision: Literal["float32", "float64"]

    @property
    def id(self) -> str:
        """Name of the cell, as in ``bench-<id>`` and ``results/<id>``."""
        return f"{self.backend.id}-{self.precision}"

    @property
    def session(self) -> str:
        """Name of the nox session that measures the cell."""
        return f"bench-{self.id}"


class Settings(_Strict):
    """The table ``[tool.ice3-bench]``."""

    precisions: Annotated[tuple[Literal["float32", "float64"], ...], Field(min_length=1)]
    """Precisions of every backend."""
    threads: Annotated[int, Field(ge=1)] = 1
    """Threads that compute, also set for OpenMP."""
    flags: dict[Compiler, Flags]
    """Compiler arguments by compiler, profile and architecture."""
    default_port: dict[str, Any] = Field(default_factory=dict)
    """Keys of the backends that name no port."""
    backends: Annotated[tuple[Backend, ...], Field(min_length=1)]
    """Implementations to measure."""
    reference: str | None = None
    """Id of the backend that the table of all cells compares with; ``None``: none."""
    harness: str = "ice3-bench"
    """What the nox sessions install as the harness."""
    phyex: str | None = None
    """Folder of a checkout of PHYEX, for the backends that compile it; ``None``: the variable ``PHYEX_DIR``."""
    testbed: str | None = None
    """Name of this machine in the results; ``None`` derives it from the processor."""
    max_time: Annotated[float, Field(gt=0)] = 2.0
    """Seconds of timed rounds for each benchmark."""
    min_rounds: Annotated[int, Field(ge=2)] = 10
    """Fewest timed rounds, whatever they take."""
    arrangement: Arrangement = STANDARD_ARRANGEMENT
    """Where the columns of the weather stand in timings."""
    bencher: BencherPolicy = BencherPolicy()
    """What Bencher is told."""
    history: HistoryPolicy = HistoryPolicy()
    """How a run is checked against the local history."""
    cluster: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")], Cluster] = Field(default_factory=dict)
    """Clusters that jobs are sent to, by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what in ("name", "id"):
            values = [getattr(backend, what) for backend in self.backends]
            doubled = sorted({value for value in values if values.count(value) > 1})
            if doubled:
                raise ValueError(f"backend {what} given twice: {', '.join(doubled)}")
        for backend in self.backends:
            if backend.compiler and backend.compiler not in self.flags:
                raise ValueError(f"[tool.ice3-bench.flags.{backend.compiler}] is missing: '{backend.name}' needs it")
        ids = [backend.id for backend in self.backends]
        if self.reference is not None and self.reference not in ids:
            raise ValueError(f"reference '{self.reference}' is not the id of a backend: expected one of {quoted(ids)}")
        return self

    def with_bases(self, branches: Sequence[str]) -> Settings:
        """Return the settings with other base branches; the same if there are none."""
        policy = self.bencher.model_copy(update={"base_branches": tuple(branches) or self.bencher.base_branches})
        return self.model_copy(update={"bencher": policy})

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, backend by backend."""
        return tuple(Cell(backend=b, precision=p) for b in self.backends for p in self.precisions)

    def compile_args(self, backend: Backend, profile: str) -> tuple[str, ...]:
        """Compiler arguments of a backend in a profile on this machine; none for backends without a compiler."""
        if backend.compiler is None:
            return ()
        return (*self.flags[backend.compiler].arguments(profile, platform.machine()), *backend.compile_args)

    def backend(self, name: str) -> Backend:
        """Find a backend by name or id.

        Raises
        ------
        UsageError
            If there is none; the message lists the known ones.
        """
        for backend in self.backends:
            if name in (backend.name, backend.id):
                return backend
        raise UsageError(f"Unknown backend '{name}': expected one of {quoted([b.name for b in self.backends])}.")

    def cell(self, backend: str, precision: str) -> Cell:
        """Find a cell; raises UsageError, listing the known names, if there is none."""
        for known in self.precisions:
            if precision == known:
                return Cell(backend=self.backend(backend), precision=known)
        raise UsageError(f"Unknown precision '{precision}': expected one of {quoted(self.precisions)}.")

    def select(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """Find the cells that have one of ``names`` as a name or tag; ``all`` selects every cell.

        A cell answers to its id, its backend's name, id, device and tags, and its precision.

        Raises
        ------
        UsageError
            If a name fits no cell; the message lists what would.
        """
        answers = {cell.id: {cell.id, cell.precision, "all", *cell.backend.answers} for cell in self.cells}
        known = set().union(*answers.values())
        for name in names:
            if name not in known:
                raise UsageError(f"No cell is called or tagged '{name}': expected one of {quoted(sorted(known))}.")
        return tuple(cell for cell in self.cells if not answers[cell.id].isdisjoint(names))

    def cell_by_id(self, cell_id: str) -> Cell:
        """Find a cell by its id, such as ``gt_cpu_ifirst-float64``; raises UsageError if there is none."""
        for cell in self.cells:
            if cell_id == cell.id:
                return cell
        raise UsageError(f"Unknown cell '{cell_id}': expected one of {quoted([c.id for c in self.cells])}.")


def find_project(start: Path) -> Path:
    """Return the folder at or above ``start`` whose pyproject.toml has the matrix; ``start`` if there is none."""
    for folder in (start, *start.parents):
        try:
            text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if "[tool.ice3-bench" in text:
            return folder
    return start


def load_settings(project: Path) -> Settings:
    """Read and validate ``[tool.ice3-bench]`` of ``project``/pyproject.toml.

    Raises
    ------
    UsageError
        If the file cannot be read or the table is not valid; the message names the key.
    """
    path = project / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["ice3-bench"]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Run from the project's folder.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    except KeyError as error:
        raise UsageError(f"{path} has no table [tool.ice3-bench]: the matrix is defined there.") from error
    return parse_settings(table, path)


def parse_settings(table: Mapping[str, Any], path: Path) -> Settings:
    """Validate a table of settings, completed by the defaults; ``path`` is named in errors (UsageError)."""
    defaults = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    complete = {**defaults, **table, "flags": {**defaults["flags"], **_table(table.get("flags"))}}
    if isinstance(table.get("backends"), list):
        complete["backends"] = [_with_port(backend, _table(table.get("default-port"))) for backend in table["backends"]]
    if "base-branches" in table:  # the policy of the uploads holds them
        complete["bencher"] = {**_table(table.get("bencher")), "base-branches": complete.pop("base-branches")}
    try:
        return Settings.model_validate(complete)
    except ValidationError as error:
        found = [(one["loc"], one["msg"].removeprefix("Value error, "), one["type"]) for one in error.errors()]
        # Pydantic does not count a wrong element: it would also call a list of one too short.
        told = [
            f"{_key(table, where)}: {what}"
            for where, what, kind in found
            if kind != "too_short" or not any(other[: len(where)] == where != other for other, _, _ in found)
        ]
        lines = "; ".join(told)
        raise UsageError(f"[tool.ice3-bench] in {path} is not valid: {lines}.") from error


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401
    return value if isinstance(value, dict) else {}


def _with_port(backend: Any, default_port: dict[str, Any]) -> Any:  # noqa: ANN401
    """Complete a backend that names no port; anything but a table is left to the validation."""
    return {**default_port, **backend} if isinstance(backend, dict) and "port" not in backend else backend


def _key(table: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    """Write where an error is, naming the backend too: ``backends.1.id ('numpy')``."""
    if location[:2] == ("bencher", "base-branches") and "base-branches" in table:
        location = location[1:]
    key = ".".join(map(str, location)) or "table"
    if len(location) > 1 and location[0] == "backends" and isinstance(location[1], int):
        name = _table(table["backends"][location[1]]).get("name")
        key += f" ('{name}')" if isinstance(name, str) else ""
    return key
