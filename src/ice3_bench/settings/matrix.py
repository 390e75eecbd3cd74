"""The matrix of backends and precisions and the policy, read from ``[tool.ice3-bench]`` of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ice3_bench.errors import UsageError
from ice3_bench.settings.policy import BencherPolicy, HistoryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


def parse_domain(text: str) -> tuple[int, int, int]:
    """Return (i, j, k) of a domain written as ``50x50x60``.

    Raises
    ------
    UsageError
        If ``text`` is not three positive numbers separated by ``x``.
    """
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", text):
        raise UsageError(f"'{text}' is not a domain: write three positive numbers of points as in 50x50x60.")
    i, j, k = map(int, text.split("x"))
    return i, j, k


def _domain(text: str) -> str:
    try:
        parse_domain(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


class Backend(_Strict):
    """One backend of the matrix."""

    name: str
    """GT4Py's name, such as ``gt:cpu_ifirst``."""
    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    """The name in session ids (no colon)."""
    device: Literal["cpu", "gpu"]
    extra: str
    """The project's extra that installs what the backend needs; for a GPU without the major version of CUDA."""
    tags: tuple[str, ...] = ()
    compile_args: tuple[str, ...] = ()
    """Compiler arguments of this backend, added to those of the profile."""
    domains: Annotated[tuple[Annotated[str, AfterValidator(_domain)], ...], Field(min_length=1)]
    """Domains it is measured on."""
    compare_domain: Annotated[str, AfterValidator(_domain)] | None = None
    """Domain on which revisions are compared; ``None``: the first of ``domains``."""

    @property
    def answers(self) -> set[str]:
        """The names by which its cells may be selected."""
        return {self.name, self.id, self.device, *self.tags}


class Cell(BaseModel):
    """One cell of the matrix: a backend and a precision."""

    model_config = ConfigDict(frozen=True)

    backend: Backend
    precision: str

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
    threads: Annotated[int, Field(ge=1)] = 1
    profiles: dict[str, tuple[str, ...]]
    gpu_profiles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Arguments of nvcc by profile, where ``profiles`` has those of the C++ compiler."""
    backends: Annotated[tuple[Backend, ...], Field(min_length=1)]
    testbed: str | None = None
    """Name of this machine in the results; ``None`` derives it from the processor."""
    max_time: Annotated[float, Field(gt=0)] = 2.0
    """Seconds of timed rounds for each benchmark."""
    min_rounds: Annotated[int, Field(ge=2)] = 10
    bencher: BencherPolicy = BencherPolicy()
    history: HistoryPolicy = HistoryPolicy()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what in ("name", "id"):
            values = [getattr(backend, what) for backend in self.backends]
            doubled = sorted({value for value in values if values.count(value) > 1})
            if doubled:
                raise ValueError(f"backend {what} given twice: {', '.join(doubled)}")
        for profile in ("production", "strict"):
            if profile not in self.profiles:
                raise ValueError(f"profile '{profile}' is missing from [tool.ice3-bench.profiles]")
        return self

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, backend by backend."""
        return tuple(Cell(backend=b, precision=p) for b in self.backends for p in self.precisions)

    def compile_args(self, backend: Backend, profile: str) -> tuple[str, ...]:
        """Compiler arguments of a backend in a profile; none for backends that compile nothing."""
        if "compiled" not in backend.tags:
            return ()
        ours = self.gpu_profiles.get(profile, ()) if backend.device == "gpu" else self.profiles[profile]
        return (*ours, *backend.compile_args)

    def backend(self, name: str) -> Backend:
        """Find a backend by GT4Py name or id.

        Raises
        ------
        UsageError
            If there is none; the message lists the known ones.
        """
        for backend in self.backends:
            if name in (backend.name, backend.id):
                return backend
        raise UsageError(f"Unknown backend '{name}': known are {_listed(b.name for b in self.backends)}.")

    def cell(self, backend: str, precision: str) -> Cell:
        """Find a cell; raises UsageError, listing the known names, if there is none."""
        if precision not in self.precisions:
            raise UsageError(f"Unknown precision '{precision}': known are {_listed(self.precisions)}.")
        return Cell(backend=self.backend(backend), precision=precision)

    def select(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """Find the cells that are called, or tagged, by one of ``names``; ``all`` are all of them.

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
                raise UsageError(f"No cell is called or tagged '{name}': known are {_listed(sorted(known))}.")
        return tuple(cell for cell in self.cells if not answers[cell.id].isdisjoint(names))

    def cell_by_id(self, cell_id: str) -> Cell:
        """Find a cell by its id, such as ``gt_cpu_ifirst-float64``; raises UsageError if there is none."""
        for cell in self.cells:
            if cell_id == cell.id:
                return cell
        raise UsageError(f"Unknown cell '{cell_id}': known are {_listed(c.id for c in self.cells)}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


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
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    except KeyError as error:
        raise UsageError(f"{path} has no table [tool.ice3-bench]: the matrix is defined there.") from error
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'table'}: {e['msg']}" for e in error.errors())
        raise UsageError(f"[tool.ice3-bench] in {path} is not valid: {lines}.") from error
