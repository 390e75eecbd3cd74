"""The messages between the harness and the processes that measure: typed, versioned records, one JSON object a line.

The harness writes a ``Job`` to a file. The process answers on a descriptor of its own, so that whatever a port prints
cannot be mistaken for a result. Messages are written and read here only. Both sides import this module, so it needs
nothing but the standard library.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from ice3_probe.contract import Cell as Cell  # noqa: PLC0414, TC001 (a part of messages, looked up at run time)

VERSION = 1
"""Version of the records; raised when a field changes its meaning or is removed."""


NORM = 2
"""Version of how errors are measured: what they are divided by, at which quantile, in which cells (docs/adr/0018).

Errors of two versions are not comparable. It is raised whenever the same output would get another error.
"""
MIXES = ("rich", "typical", "sparse")
"""Weather mixes: hydrometeors at about 56, 27 and 10 % of the points."""
Arrangement = Literal["coherent", "shuffled"]
"""Where the columns of the weather stand: similar ones side by side, as in cloud systems, or anywhere."""
ARRANGEMENTS: tuple[Arrangement, ...] = typing.get_args(Arrangement)
STANDARD_ARRANGEMENT: Arrangement = "coherent"
"""What is timed unless something else is asked for."""
FORMER_ARRANGEMENT: Arrangement = "shuffled"
"""What was timed before there was a choice: records that do not name theirs mean this one."""
COMPONENTS: dict[str, tuple[str, ...]] = {
    "ice_adjust": (),
    "rain_ice": MIXES,
    "rain_ice:sedimentation": MIXES,
    "rain_ice:tendencies": MIXES,
    "microphysics": MIXES,
}
"""Components and parts of them by name, each with the weather mixes that its cost depends on.

Other names with a colon are variants: a component with another organisation, such as ``ice_adjust:modular``.
"""
FORMER = {"process_rates": "rain_ice:tendencies"}
"""What revisions call a component that had another name then; they are still compared."""
CHAINS: dict[str, tuple[str, ...]] = {"microphysics": ("ice_adjust", "rain_ice")}
"""Components that a chain calls one after the other, by the name of the chain."""


def base_of(component: str) -> str:
    """Return the component, or the part of one, that ``component`` is or is a variant of.

    It is ``ice_adjust`` for ``ice_adjust:modular``, and ``rain_ice:sedimentation`` for itself.
    """
    component = FORMER.get(component, component)
    return component if component in COMPONENTS else component.partition(":")[0]


class MessageError(ValueError):
    """A message that cannot be read; the text says what is wrong with it."""


# --- What a process is asked to do ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Benchmark:
    """A component, or a part or variant of one, on a domain in a weather mix.

    Attributes
    ----------
    name
        ``component/backend/precision/domain[/mix]``, as in the history; with data of PHYEX,
        ``component/backend/precision/data:name/columnsxlevels``.
    arrangement
        Where the columns of the weather stand.
    data
        File or folder of PHYEX's data; empty: the synthetic weather of the mix.
    namelist
        As in ``Job``.
    """

    name: str
    component: str
    domain: tuple[int, int, int]
    mix: str
    arrangement: Arrangement = STANDARD_ARRANGEMENT
    data: str = ""
    namelist: str = ""


@dataclass(frozen=True)
class Job:
    """What a process works on: one cell of the matrix.

    Attributes
    ----------
    port
        File or module with ``create``.
    checked
        Components, parts and variants whose accuracy is checked; those that are timed, and perhaps others.
    data_sets
        Files with reference data; empty: those of the probe.
    data
        Files or folders of PHYEX's data that are timed: they are checked after those of the probe.
    namelist
        File with the options of PHYEX's data; empty: the one beside the data.
    profile
        ``production`` or ``strict``: which tolerances float64 is held to.
    """

    port: str
    cell: Cell
    benchmarks: tuple[Benchmark, ...]
    checked: tuple[str, ...]
    data_sets: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    namelist: str = ""
    profile: Literal["production", "strict"] = "production"


@dataclass(frozen=True)
class Recipe:
    """A reference data set to be made.

    Attributes
    ----------
    path
        File to be written.
    inputs
        Data set whose inputs, options and time step are taken; empty: inputs of ``situation``.
    situation
        Key of ``ice3_probe.making.situations.SITUATIONS``.
    timestep
        Seconds.
    options
        Options that differ from PHYEX's AROME test programs, or from those of ``inputs``, as written by the user.
    ties
        Why rounding decides more than a hundredth of the cells; empty if it must not.
    phyex
        Checkout of PHYEX; empty: that of the cell.
    provenance
        Version of PHYEX and of the compiler.
    command
        What the user wrote.
    """

    component: str
    path: str
    inputs: str = ""
    situation: str = "mild"
    columns: int = 16
    levels: int = 60
    seed: int = 1
    timestep: float = 50.0
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    ties: str = ""
    phyex: str = ""
    provenance: str = ""
    command: str = ""


@dataclass(frozen=True)
class Made:
    """A reference data set was written.

    Attributes
    ----------
    masked, masked_single
        Cells that rounding decides in float64 and float32.
    """

    path: str
    columns: int
    levels: int
    masked: int
    masked_single: int


@dataclass(frozen=True)
class Load:
    """Make the atmosphere of a benchmark, for all processes; answered by ``Done``."""

    benchmark: Benchmark


@dataclass(frozen=True)
class Start:
    """Fork a process that serves the following requests until ``End``; answered by ``Done``."""


@dataclass(frozen=True)
class End:
    """End the forked process; answered by ``Done``."""


@dataclass(frozen=True)
class MeasureMemory:
    """Trace the fields and one run with memray, whose dump goes to a file; answered by ``Peak``."""

    benchmark: Benchmark
    dump: str


@dataclass(frozen=True)
class Prepare:
    """Create a component, load it and run it until it has settled; answered by ``Prepared``.

    Attributes
    ----------
    extra
        Share of a run to add as work of known cost; 0 for none.
    calls
        Calls of the extra work that add it, if known from an earlier process.
    """

    benchmark: Benchmark
    extra: float = 0.0
    calls: int | None = None


@dataclass(frozen=True)
class MeasureBlock:
    """Time a block of runs of what is prepared; answered by ``Rounds``."""

    rounds: int


@dataclass(frozen=True)
class CountInstructions:
    """Run inside the C function ``collected`` of the library ``shim``, as valgrind wants it; answered by ``Done``."""

    benchmark: Benchmark
    shim: str
    times: int


@dataclass(frozen=True)
class DescribeCode:
    """Run a component once and say what code it executed; answered by ``Code``.

    Attributes
    ----------
    folders
        Where the modules of the port are imported from.
    """

    benchmark: Benchmark
    folders: tuple[str, ...]


Request = Load | Start | End | MeasureMemory | Prepare | MeasureBlock | CountInstructions | DescribeCode


# --- What it answers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A request is done, or a pass has reached its end."""


@dataclass(frozen=True)
class Failure:
    """The pass, or a request, failed as a whole.

    Attributes
    ----------
    message
        What happened, where, and how to fix it.
    usage
        Whether configuration or machine must be fixed (exit code 2), not the port's code (1).
    """

    message: str
    usage: bool = False


@dataclass(frozen=True)
class Remark:
    """A remark on a benchmark that stops nothing.

    Attributes
    ----------
    marks
        Whether it marks the timing as doubtful.
    """

    benchmark: str
    text: str
    marks: bool = False


@dataclass(frozen=True)
class Collected:
    """The benchmarks that a pass will work through: their number and names."""

    count: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """A pass begins with a benchmark, component or data set."""

    benchmark: str


@dataclass(frozen=True)
class Finished:
    """A pass has worked through a benchmark."""

    benchmark: str


@dataclass(frozen=True)
class Failed:
    """A benchmark failed; the others go on."""

    benchmark: str
    message: str


@dataclass(frozen=True)
class Building:
    """A component begins to be built, or a piece of it that the port tells, such as a stencil.

    Attributes
    ----------
    piece
        Empty: the component as a whole.
    """

    component: str
    piece: str = ""


@dataclass(frozen=True)
class PieceBuilt:
    """A piece of a component was built."""

    component: str
    piece: str
    seconds: float


@dataclass(frozen=True)
class Built:
    """A component was built on a domain: ``create`` and the first ``reset`` and ``run``.

    Attributes
    ----------
    component
        Component, part or variant.
    cached
        Whether it was loaded from the cache; only other times are compile times.
    """

    component: str
    domain: tuple[int, int, int]
    seconds: float
    cached: bool


@dataclass(frozen=True)
class DataSetFound:
    """A data set can be used.

    Attributes
    ----------
    path
        As asked for.
    active
        Share of the points with hydrometeors.
    remarks
        What a user must know of it, in sentences.
    """

    path: str
    name: str
    component: str
    columns: int
    levels: int
    active: float
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class FieldError:
    """Error of one output.

    Attributes
    ----------
    error
        Error at the quantile of the tolerance, in the norm of the component.
    maximum
        Largest error; the largest finite number if a value is not finite.
    column, level
        Cell of the largest error.
    """

    field: str
    error: float
    maximum: float
    tolerance: float
    column: int
    level: int
    passed: bool


@dataclass(frozen=True)
class Checked:
    """Accuracy of a component on a data set.

    Attributes
    ----------
    unsupported
        Why the port does not run on it ("n/a"); empty if it does.
    not_produced
        Outputs of the component that the port does not produce.
    not_compared
        Outputs that the port produces and the data set says nothing of.
    left_out
        Number of cells that were not compared, because an input that the port ignores is not zero there.
    lacking
        What the data set lacks, and what is used instead; empty if nothing.
    remarks
        What a user must know of the data set, in sentences.
    """

    data_set: str
    component: str
    fields: tuple[FieldError, ...] = ()
    unsupported: str = ""
    not_produced: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    left_out: int = 0
    lacking: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every output that was compared is within its tolerance."""
        return all(field.passed for field in self.fields)


@dataclass(frozen=True)
class WrongOutput:
    """Where an output is out of tolerance.

    Attributes
    ----------
    step
        What the scheme computes there, in words.
    share
        Share of the compared cells that differ by more than the tolerance.
    maximum
        Largest error, as in ``FieldError``.
    levels
        First and last level with such a cell; None for a horizontal output.
    temperatures
        Lowest and highest temperature of such a cell, K; of the lowest level for a horizontal output.
    condition
        What all such cells, or nearly all, have in common, in words that follow "only"; empty if nothing simple.
    recall
        Share of the wrong cells that meet the condition.
    precision
        Share of the cells meeting the condition that are wrong.
    """

    field: str
    step: str
    share: float
    maximum: float
    tolerance: float
    levels: tuple[int, int] | None
    temperatures: tuple[float, float]
    condition: str
    recall: float
    precision: float


@dataclass(frozen=True)
class Explained:
    """Where a component is wrong on a data set: the outputs in the order in which the scheme computes them.

    Attributes
    ----------
    compared
        Number of outputs that were compared.
    """

    data_set: str
    component: str
    compared: int
    wrong: tuple[WrongOutput, ...]


@dataclass(frozen=True)
class Deciding:
    """Outputs that are wrong on some data sets and right on others, and the option that tells these apart.

    Attributes
    ----------
    option
        Empty if no single option does.
    wrong_with, right_with
        Its values on the data sets where the outputs are wrong and right; names of the data sets without an option.
    """

    component: str
    outputs: tuple[str, ...]
    option: str
    wrong_with: tuple[str, ...]
    right_with: tuple[str, ...]


@dataclass(frozen=True)
class KnownMistake:
    """A mistake that ports have made.

    Attributes
    ----------
    what
        What the port does, as a sentence.
    right
        Where the right form stands.
    """

    name: str
    what: str
    right: str


@dataclass(frozen=True)
class Diagnosis:
    """Whether known mistakes explain what a port computes: it is compared with an implementation that makes them.

    Attributes
    ----------
    tried
        Number of mistakes that were tried, alone and together.
    mistakes
        Those that fit best together; empty if none fits.
    alternatives
        Mistakes that fit as well in place of one of them: these data sets cannot tell.
    wrong_before, wrong_after
        Share of the compared values that differ from the right implementation, and from the one with the mistakes.
    outputs_before, outputs_after
        Number of outputs of all data sets that are out of tolerance against either.
    not_tried
        Why the mistakes could not be tried on some data sets.
    """

    component: str
    tried: int
    mistakes: tuple[KnownMistake, ...] = ()
    alternatives: tuple[KnownMistake, ...] = ()
    wrong_before: float = 0.0
    wrong_after: float = 0.0
    outputs_before: int = 0
    outputs_after: int = 0
    not_tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """How a port stands with one rule of the contract.

    Attributes
    ----------
    component
        Component or variant; empty if the rule is about the port as a whole.
    verdict
        ``kept``; ``broken``; ``open``: it does not apply, or could not be tried.
    told
        What is wrong, or why the verdict is open.
    usage
        Whether configuration or machine must be fixed, not the port's code.
    """

    component: str
    rule: str
    verdict: Literal["kept", "broken", "open"]
    told: str = ""
    usage: bool = False


@dataclass(frozen=True)
class Rounds:
    """Timed rounds: wall time, CPU time of the process and involuntary context switches of each."""

    wall_ns: tuple[int, ...]
    cpu_ns: tuple[int, ...]
    switches: tuple[int, ...]


@dataclass(frozen=True)
class Timed:
    """The timing of a benchmark.

    Attributes
    ----------
    bytes
        Fewest bytes that a run must move.
    triads
        Bandwidth of the memory before and after, bytes per second; CPU cells only.
    kernel_ns
        Time on the device of as many further runs; GPU cells only.
    transfer_in_ns, transfer_out_ns
        Copies of the inputs to the device and of the outputs back; GPU cells only.
    joules
        Energy of a call; None if it cannot be measured, for the reason ``no_energy``.
    """

    benchmark: str
    rounds: Rounds
    bytes: int
    triads: tuple[float, ...] = ()
    kernel_ns: tuple[int, ...] = ()
    transfer_in_ns: tuple[int, ...] = ()
    transfer_out_ns: tuple[int, ...] = ()
    joules: float | None = None
    no_energy: str = ""


@dataclass(frozen=True)
class Peak:
    """Peak memory of a benchmark: of the process's allocations, in GPU cells of the device's pool.

    What a port keeps for ``reset`` only does not count.

    Attributes
    ----------
    dump
        File in which memray recorded the allocations; empty if there is none.
    """

    benchmark: str
    bytes: int
    dump: str = ""


@dataclass(frozen=True)
class Prepared:
    """How long a run takes; ``extra`` is the share of it that ``calls`` of the extra work really add."""

    ns: int
    extra: float = 0.0
    calls: int = 0


@dataclass(frozen=True)
class Code:
    """The code that a run executed.

    Attributes
    ----------
    generated
        The port's digest of what was generated; empty if it gives none.
    modules
        Digest of each module that was imported from the folders of the port, by its path.
    """

    generated: str
    modules: dict[str, str]


@dataclass(frozen=True)
class Device:
    """Facts about the GPU; ``smi`` is nvidia-smi's line while the device copies."""

    runtime: str
    cache_bytes: int
    memory_bytes: int
    copy_bytes_per_second: float
    smi: str


Answer = (
    Done | Failure | Remark | Collected | Started | Finished | Failed | Building | PieceBuilt | Built | Checked
    | Explained | Deciding | Diagnosis | Judged | Made | DataSetFound | Rounds | Timed | Peak | Prepared | Code
    | Device
)  # fmt: skip
Message = Job | Recipe | Request | Answer
Record = TypeVar("Record")

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in typing.get_args(Message)}


# --- Writing and reading ----------------------------------------------------------------------------------------------


def encode(message: Message) -> str:
    """Write a message as one line of JSON, without the line's end."""
    body = {"version": VERSION, "kind": type(message).__name__, **dataclasses.asdict(message)}
    return json.dumps(body, default=str, allow_nan=False)


def decode(line: str) -> Message:
    """Read a message.

    Raises
    ------
    MessageError
        If the line is not JSON, of another version, of an unknown kind, or has a wrong or missing field.
    """
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"Not a message: {line[:80]!r} ({error}).") from error
    if not isinstance(body, dict) or body.get("version") != VERSION:
        found = body.get("version") if isinstance(body, dict) else None
        raise MessageError(f"A message of version {found} (expected {VERSION}): {line[:80]!r}.")
    kind = _KINDS.get(str(body.get("kind")))
    if kind is None:
        raise MessageError(f"A message of unknown kind {body.get('kind')!r}.")
    fields = {name: value for name, value in body.items() if name not in ("version", "kind")}
    message: Message = _record(kind, fields, kind.__name__)
    return message


def decode_as(kind: type[Record], line: str) -> Record:
    """Read a message that must be of one kind; raises MessageError if it is of another."""
    message = decode(line)
    if not isinstance(message, kind):
        raise MessageError(f"A message {type(message).__name__}: expected {kind.__name__}.")
    return message


def _record(kind: type[Any], value: Any, where: str) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        raise MessageError(f"{where} is {value!r}, not an object.")
    hints = _hints(kind)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise MessageError(f"{where} has unknown fields: {', '.join(sorted(unknown))}.")
    read = {name: _value(hint, value[name], f"{where}.{name}") for name, hint in hints.items() if name in value}
    try:
        return kind(**read)
    except TypeError as error:
        raise MessageError(f"{where} lacks a field: {error}.") from error


def _hints(kind: type[Any]) -> dict[str, Any]:
    import collections.abc  # noqa: PLC0415 (names that annotations of the contract use)

    names = {"Path": Path, "Mapping": collections.abc.Mapping}
    return typing.get_type_hints(kind, localns=names)


def _value(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _record(typing.cast("type[Any]", hint), value, where)
    if origin in (types.UnionType, Union) and type(None) in parts:
        (inner,) = (part for part in parts if part is not type(None))
        return None if value is None else _value(inner, value, where)
    if origin is Literal and value in parts:
        return value
    if origin is tuple or len(parts) == 2:
        return _container(origin, parts, value, where)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) in (int, float):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise MessageError(f"{where} is {value!r}, which is not of type {hint}.")


def _container(origin: Any, parts: tuple[Any, ...], value: Any, where: str) -> Any:  # noqa: ANN401
    if origin is tuple and isinstance(value, list):
        inner = [parts[0]] * len(value) if parts[-1] is Ellipsis else list(parts)
        if len(inner) == len(value):
            return tuple(
                _value(part, one, f"{where}[{n}]") for n, (part, one) in enumerate(zip(inner, value, strict=True))
            )
    elif isinstance(value, dict):
        return {str(name): _value(parts[1], one, f"{where}[{name}]") for name, one in value.items()}
    raise MessageError(f"{where} is {value!r}, which is not of type {origin}{parts}.")
