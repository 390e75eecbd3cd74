"""Every way in which a port can be wrong has an error that names port, place and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ice3_probe.accuracy import check
from ice3_probe.cases import instance_of
from ice3_probe.contract import ICE_ADJUST, Cell, active
from ice3_probe.messages import Benchmark
from ice3_probe.ports import Instance, PortError, load_port
from ice3_probe.reference import DATA, load

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARK = Benchmark("ice_adjust/fake/float32/4x3x5", "ice_adjust", (4, 3, 5), "rich")
RUNS = "for field in self.fields:\n            if"
READS = "return {field.name: self.state[field.name] for"
IGNORES = "ignores = frozenset()"


def use(where: str, cell: Cell) -> Instance:
    """Do with a port what every pass does."""
    instance = instance_of(load_port(where), cell, BENCHMARK)
    instance.reset()
    instance.run_checked()
    instance.read()
    instance.require_inputs_unchanged()
    return instance


def test_a_port_that_meets_the_contract_is_used(make_port: Callable[..., str], cell: Cell) -> None:
    instance = use(make_port(), cell)
    assert instance.not_produced == ()
    assert {field.name for field in instance.moved} == {
        field.name for field in active(ICE_ADJUST, instance.case.options)
    }


def test_inputs_are_given_as_the_contract_says(make_port: Callable[..., str], cell: Cell) -> None:
    instance = instance_of(load_port(make_port(("self.given =", "self.raw = fields; self.given ="))), cell, BENCHMARK)
    raw = instance.runnable.raw  # type: ignore[attr-defined]
    assert {field.name for field in ICE_ADJUST if field.is_input} == set(raw)
    for field in (field for field in ICE_ADJUST if field.is_input):
        array = raw[field.name]
        assert array.dtype == np.float64
        assert array.shape == field.shape(BENCHMARK.domain)
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    assert (np.diff(raw["pabs"], axis=2) > 0.0).all(), "level 0 is not the model top"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("/nowhere/port.py", "There is no port at /nowhere/port.py"),
        ("no_such_package.port", "There is no module no_such_package.port"),
        ("json.no_such_module", "There is no module json.no_such_module"),
    ],
)
def test_a_missing_port_is_named(where: str, told: str) -> None:
    with pytest.raises(PortError, match=told) as raised:
        load_port(where)
    assert raised.value.usage


def test_what_a_port_lacks_is_named_with_its_remedy(make_port: Callable[..., str]) -> None:
    with pytest.raises(
        PortError, match=r"imports snowflakes, which is not installed. Add it to 'requirements'"
    ) as raised:
        load_port(make_port(more="import snowflakes"))
    assert raised.value.usage


def test_a_port_that_cannot_be_imported_says_why(make_port: Callable[..., str]) -> None:
    with pytest.raises(PortError, match="cannot be imported: ZeroDivisionError"):
        load_port(make_port(more="1 / 0"))


@pytest.mark.parametrize("more", ["del create", "create = 5"])
def test_a_port_without_create_is_told_to_have_one(make_port: Callable[..., str], more: str) -> None:
    with pytest.raises(PortError, match=r"has no function create\(case, cell\)"):
        load_port(make_port(more=more))


def test_an_unknown_component_lists_the_known_ones(make_port: Callable[..., str], cell: Cell) -> None:
    port = load_port(make_port())
    with pytest.raises(PortError, match="has no component 'rain_ice': it has ice_adjust") as raised:
        instance_of(port, cell, Benchmark("x", "rain_ice", (4, 3, 5), "rich"))
    assert raised.value.usage


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("return Adjustment(case, cell)", "raise ValueError('no')", "cannot create 'ice_adjust': ValueError: no"),
        ("return Adjustment(case, cell)", "raise SystemExit('compiler')", "cannot create 'ice_adjust': SystemExit"),
        ("return Adjustment(case, cell)", "return 5", r"has no load\(\)"),
        ("def reset(self):", "def restore(self):", r"has no reset\(\)"),
        (IGNORES, "ignores = None", "'ignores' is None: expected a frozenset of field names"),
        (IGNORES, "ignores = 'exn'", "'ignores' is 'exn': expected a frozenset"),
        (IGNORES, "ignores = frozenset({'exner'})", "'ignores' names 'exner', which is not an input"),
        ("self.outputs = frozenset(", "self.outputs = frozenset({'hail'}) | frozenset(", "'outputs' names 'hail'"),
        ("self.given =", "fields['nowhere']; self.given =", r"load\(\) failed: KeyError: 'nowhere'"),
        ("self.given =", "fields['th'][0] = 0.0; self.given =", "inputs are read-only|read-only"),
        (RUNS, f"raise OSError('x')\n        {RUNS}", r"run\(\) failed: OSError: x"),
        (f"{READS} field in self.fields}}", "return {}", r"read\(\) lacks"),
        (READS, "return {field.name: 5.0 for", "expected a NumPy array"),
        (READS, "return {field.name: self.state[field.name][:1] for",
         r"has shape \(1, 3, 5\): expected \(4, 3, 5\)"),
        (READS,
         "return {field.name: self.state[field.name].astype('float64') for", "is float64: expected float32"),
    ],
)  # fmt: skip
def test_a_broken_contract_is_named(make_port: Callable[..., str], cell: Cell, old: str, new: str, told: str) -> None:
    path = make_port((old, new))
    with pytest.raises(PortError, match=told) as raised:
        use(path, cell)
    assert path in str(raised.value)


def test_a_changed_input_is_found(make_port: Callable[..., str], cell: Cell) -> None:
    writes = ("self.given =", "import ctypes; ctypes.memset(fields['th'].ctypes.data, 0, 8); self.given =")
    with pytest.raises(PortError, match="it changed the input 'th'"):
        use(make_port(writes), cell)


def test_a_result_in_the_memory_of_an_input_is_found(make_port: Callable[..., str], cell: Cell) -> None:
    double = Cell("fake", "float64", "cpu", 1, cell.cache, {})
    aliases = ("array.astype(self.dtype)", "array"), ("array.copy()", "array"), ("*= 2", "= self.given[field.name]")
    with pytest.raises(PortError, match=r"load\(\) must copy"):
        use(make_port(*aliases), double)


def test_a_result_that_is_not_finite_is_named(make_port: Callable[..., str], cell: Cell) -> None:
    instance = use(make_port(("*= 2", "*= float('nan')")), cell)
    with pytest.raises(PortError, match="is not finite after a run on here"):
        instance.require_finite("here")


# Accuracy -------------------------------------------------------------------------------------------------------------


def check_it(path: str, cell: Cell) -> Any:
    return check(load(DATA / "ice_adjust_lite.nc"), load_port(path), cell, "ice_adjust")


def test_a_reset_that_does_not_restore_is_found(make_port: Callable[..., str], cell: Cell) -> None:
    restores = "self.state = {name: array.copy() for name, array in self.given.items()}"
    forgets = (restores, f"if not hasattr(self, 'state'): {restores}")
    with pytest.raises(PortError, match=r"a second run after reset\(\) gives another"):
        check_it(make_port(forgets), cell)


def test_an_unsupported_option_is_not_an_error(make_port: Callable[..., str], cell: Cell) -> None:
    refuses = ("return Adjustment(case, cell)", "raise Unsupported('CCONDENS', 'CB02', ('GAUS',))")
    checked = check_it(make_port(refuses), cell)
    assert checked.unsupported == "Option CCONDENS = 'CB02' is not supported: use 'GAUS'."
    assert checked.fields == ()


def test_what_is_not_produced_is_listed_and_not_compared(make_port: Callable[..., str], cell: Cell) -> None:
    fewer = ("if field.is_output]", "if field.is_output and field.name != 'srcs']")
    checked = check_it(make_port(fewer), cell)
    assert checked.not_produced == ("srcs",)
    assert "srcs" not in {field.field for field in checked.fields}


def test_cells_with_an_ignored_input_are_left_out_and_counted(make_port: Callable[..., str], cell: Cell) -> None:
    data = load(DATA / "ice_adjust_lite.nc")
    checked = check_it(make_port((IGNORES, "ignores = frozenset({'rc_mf'})")), cell)
    assert checked.left_out == np.count_nonzero(data["in_rc_mf"]) > 0
    for field in checked.fields:
        assert data["in_rc_mf"][field.column, field.level] == 0.0


def test_an_ignored_input_does_not_reach_the_port(make_port: Callable[..., str], cell: Cell) -> None:
    ignores = (
        (IGNORES, "ignores = frozenset({'rc_mf'})"),
        ("self.given =", "assert 'rc_mf' not in fields; self.given ="),
    )
    use(make_port(*ignores), cell)


def test_where_no_cell_is_left_nothing_counts_as_checked(make_port: Callable[..., str], cell: Cell) -> None:
    checked = check_it(make_port((IGNORES, "ignores = frozenset({'pabs'})")), cell)
    assert checked.fields == ()
    assert checked.left_out == 32 * 60
