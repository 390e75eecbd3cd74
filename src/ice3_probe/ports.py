"""Load ports, hold them to the contract, and say which port breaks it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
import traceback
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.components import bytes_per_call, component_of
from ice3_probe.contract import Unavailable, UnknownComponent, Unsupported
from ice3_probe.differences import REPEATABLE, difference
from ice3_probe.fields import active, unproduced

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    from ice3_probe.contract import Case, Cell, Field, Runnable

    Arrays = Mapping[str, NDArray[Any]]


class PortError(Exception):
    """A port breaks the contract, or cannot be used here.

    Parameters
    ----------
    message
        What is wrong, in which port, and how to fix it.
    rule
        Rule of the contract that is broken: a key of ``ice3_probe.rules.RULES``.
    usage
        Whether configuration or machine must be fixed rather than the port's code.
    """

    def __init__(self, message: str, rule: str = "", *, usage: bool = False) -> None:
        super().__init__(message)
        self.rule, self.usage = rule, usage


@dataclass(frozen=True)
class Port:
    """A port that was loaded.

    Attributes
    ----------
    where
        Its file or module, as the matrix names it.
    """

    where: str
    create: Callable[[Case, Cell], Runnable]


def load_port(where: str) -> Port:
    """Import a port.

    Parameters
    ----------
    where
        Path of a file that ends with ``.py``, or name of a module.

    Raises
    ------
    PortError
        If there is none, if it cannot be imported, or if it has no function ``create``.
    """
    try:
        module = _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except FileNotFoundError as error:
        raise PortError(f"There is no port at {where}. Correct 'port' of the backend.", "module", usage=True) from error
    except ModuleNotFoundError as error:
        if error.name is not None and (where == error.name or where.startswith(f"{error.name}.")):
            raise PortError(
                f"There is no module {where}. Correct 'port' of the backend, or add its folder to 'pythonpath'.",
                "module",
                usage=True,
            ) from error
        raise PortError(
            f"Port {where} imports {error.name}, which is not installed. Add it to 'requirements' of the backend.",
            "module",
            usage=True,
        ) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise PortError(f"Port {where} cannot be imported: {type(error).__name__}: {error}.", "module") from error
    create = getattr(module, "create", None)
    if not callable(create):
        raise PortError(
            f"Port {where} has no function create(case, cell): see the contract, ice3_probe.contract.", "function"
        )
    return Port(where, create)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(path)
    name = f"port_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # noqa: S101 (the file ends with .py)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _raise(error: PortError) -> None:
    raise error


class Instance:
    """A component of a port, created for a case and loaded with its inputs.

    Parameters
    ----------
    inputs
        Gives the inputs by name, shape (i, j, k) or (i, j), in the memory that the runnable wants them in. Those of the
        host become read-only.
    blame
        Takes each fault that leaves something to go on with; by default it is raised.

    Raises
    ------
    PortError
        If the port breaks the contract, or fails.
    Unsupported
        If it does not implement an option.
    """

    def __init__(
        self,
        port: Port,
        case: Case,
        cell: Cell,
        inputs: Callable[[Runnable], Arrays],
        blame: Callable[[PortError], None] = _raise,
    ) -> None:
        self.port, self.case, self.cell, self._take = port, case, cell, blame
        self.fields = active(component_of(case.component).fields, case.options)
        start = time.perf_counter()
        self.runnable = create(port, case, cell)
        self.created_seconds = time.perf_counter() - start
        """Seconds that the port took to create the component."""
        component = component_of(case.component)
        produced = self._names("outputs", "output", component.outputs)
        self.outputs = produced & {field.name for field in self.fields if field.is_output}
        unwanted = self._names("ignores", "input", component.inputs)
        self.ignores = unwanted & {field.name for field in self.fields if field.is_input}
        wanted = {field.name for field in component.inputs} - unwanted
        self._inputs = {name: array for name, array in inputs(self.runnable).items() if name in wanted}
        lacking = [field.name for field in self.inputs if field.name not in self._inputs]
        if lacking:
            raise PortError(f"The case of '{case.component}' lacks the input '{lacking[0]}'.")
        for array in self._inputs.values():
            if _on_host(array):
                array.flags.writeable = False
        self._sums = self._checksums()
        self._call("load", self.runnable.load, self._inputs)

    @property
    def inputs(self) -> tuple[Field, ...]:
        """Fields that the port reads under the options of the case."""
        return tuple(field for field in self.fields if field.is_input and field.name not in self.ignores)

    @property
    def moved(self) -> tuple[Field, ...]:
        """Fields that a run must move: inputs that are not ignored, outputs that are produced."""
        names = {field.name for field in self.inputs} | self.outputs
        return tuple(field for field in self.fields if field.name in names)

    def bytes_moved(self) -> int:
        """Fewest bytes that a run must move."""
        return bytes_per_call(self.moved, self.case.domain, np.dtype(self.cell.precision).itemsize)

    @property
    def reset_bytes(self) -> int:
        """Bytes that the port keeps for ``reset`` only."""
        return int(getattr(self.runnable, "reset_bytes", 0))

    @property
    def remark(self) -> str:
        """What the port says of its choices; empty if it says nothing."""
        return str(getattr(self.runnable, "remark", ""))

    @property
    def not_produced(self) -> tuple[str, ...]:
        """Outputs of the component that the port does not produce."""
        return unproduced(self.fields, self.outputs)

    def reset(self) -> None:
        """Restore the state that was loaded."""
        self._call("reset", self.runnable.reset)

    def run(self) -> None:
        """Run once; exceptions are the port's own, since this is what is timed."""
        self.runnable.run()

    def run_checked(self) -> None:
        """Run once; raises PortError if the port fails."""
        self._call("run", self.runnable.run)

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the outputs, after a check against the contract.

        Raises
        ------
        PortError
            If one is missing, is not an array of the right shape and dtype, or is the memory that the port was given.
        """
        got = self._call("read", self.runnable.read)
        if not isinstance(got, Mapping):
            self._blame("read", f"read() returns a {type(got).__name__}: expected arrays by name")
            return {}
        checked = {}
        for field in (field for field in self.fields if field.name in self.outputs):
            if field.name not in got:
                self._blame("read", f"read() lacks '{field.name}', which 'outputs' names")
                continue
            array: Any = got[field.name]
            shape = field.shape(self.case.domain)
            if not _on_host(array):
                what = f"read() returns a {type(array).__name__} for '{field.name}': expected a NumPy array"
                self._blame("read", what)
                continue
            if array.dtype != np.dtype(self.cell.precision):
                self._blame("dtype", f"'{field.name}' is {array.dtype}: expected {self.cell.precision}")
            given = self._inputs.get(field.name)
            if given is not None and _on_host(given) and np.may_share_memory(array, given):
                self._blame("copies", f"'{field.name}' lies in the memory of the input it was given: load() must copy")
            if array.shape != shape:
                self._blame("shape", f"'{field.name}' has shape {array.shape}: expected {shape} ({field.dims})")
                continue
            checked[field.name] = array
        return checked

    def run_twice(self) -> dict[str, NDArray[Any]]:
        """Run twice from the state that was loaded; return the outputs of the first run, copied.

        Raises
        ------
        PortError
            If the second run gives another result, so that ``reset`` does not restore the state.
        """
        first = self.result()
        moved = difference(first, self.result(), REPEATABLE[self.cell.precision])
        if moved:
            what = f"a second run after reset() gives another {moved}: reset() must restore what load() gave"
            self._blame("reset", what)
        return first

    def result(self) -> dict[str, NDArray[Any]]:
        """Run once from the state that was loaded; return the outputs, copied."""
        self.reset()
        self.run_checked()
        return {name: array.copy() for name, array in self.read().items()}

    def require_inputs_unchanged(self) -> None:
        """Raise PortError if the port wrote to an array that it was given."""
        for name, checksum in self._checksums().items():
            if checksum != self._sums[name]:
                what = f"it changed the input '{name}' that load() was given: inputs are read-only, copy them"
                self._blame("unchanged", what)

    def require_finite(self, where: str) -> None:
        """Raise PortError if an output is not finite."""
        for name, array in self.read().items():
            if not np.isfinite(array).all():
                self._take(PortError(f"'{name}' is not finite after a run on {where}", "finite"))

    def _names(self, what: str, kind: str, fields: tuple[Field, ...]) -> frozenset[str]:
        """Return those of some fields that an attribute names, also those without effect under the options."""
        value: Any = getattr(self.runnable, what, None)
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            self._blame(what, f"'{what}' is {value!r}: expected a frozenset of field names")
            return frozenset()
        names = frozenset(map(str, value))
        if unknown := sorted(names - {field.name for field in fields}):
            self._blame(what, f"'{what}' names '{unknown[0]}', which is not an {kind} of {self.case.component}")
        return names - frozenset(unknown)

    def _checksums(self) -> dict[str, int]:
        """Checksums of the inputs that lie in the host's memory."""
        host = {name: array for name, array in self._inputs.items() if _on_host(array)}
        return {name: zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) for name, array in host.items()}

    def _call(self, what: str, method: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        try:
            return method(*arguments)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            hint = " The inputs are read-only." if "read-only" in str(error) else ""
            rule = "load" if what == "load" else "run"
            raise PortError(f"{self._who}: {what}() failed: {type(error).__name__}: {error}{hint}", rule) from error

    @property
    def _who(self) -> str:
        return f"Port {self.port.where}, '{self.case.component}'"

    def _blame(self, rule: str, what: str) -> None:
        self._take(PortError(f"{self._who}: {what}.", rule))


def on_device(cell: Cell, runnable: Runnable) -> bool:
    """Tell whether a runnable takes its inputs on the device."""
    return cell.device == "gpu" and bool(getattr(runnable, "device_input", False))


def _on_host(array: Any) -> bool:  # noqa: ANN401
    """Tell whether an array is NumPy's; in GPU cells it may be CuPy's."""
    return isinstance(array, np.ndarray)


def create(port: Port, case: Case, cell: Cell) -> Runnable:
    """Create a component of a port.

    Raises
    ------
    PortError
        If the port does not know the component, lacks something on this machine, fails, or returns something other than
        the contract asks for.
    Unsupported
        If it does not implement an option.
    """
    try:
        runnable = port.create(case, cell)
    except Unsupported:
        raise
    except (UnknownComponent, Unavailable) as error:
        raise PortError(str(error), "component", usage=True) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        name = "" if type(error).__name__ == "CompilationError" else f"{type(error).__name__}: "
        raise PortError(f"Port {port.where} cannot create '{case.component}': {name}{error}", "component") from error
    for method in ("load", "reset", "run", "read"):
        if not callable(getattr(runnable, method, None)):
            what = f"what create() returns for '{case.component}' has no {method}()"
            raise PortError(f"Port {port.where}: {what}.", "methods")
    return runnable
