"""Every rule of the contract is kept by ports of any style, and is the one that a port which breaks it hears of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from ice3_probe.contract import Cell
from ice3_probe.messages import Job
from ice3_probe.rules import RULES, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.messages import Judged

PROJECT = Path(__file__).parents[2]
STYLES = Path(__file__).with_name("styles")
NAMES = {text: name for name, text in RULES.items()}
RUNS = "for field in self.fields:\n            if"
READS = "return {field.name: self.state[field.name] for"
MIXES = "return {f.name: self.state[f.name].swapaxes(0, 1).reshape(self.state[f.name].shape) for f in self.fields}"
CREATES = "return Adjustment(case, cell)"
REFUSES = f"if case.options['CCONDENS'] != 'CB02':\n        raise Unsupported('CCONDENS', 0)\n    {CREATES}"
IGNORES = "ignores = frozenset()"
GIVEN = "self.given ="
COPIES = "self.given = {name: array.astype(self.dtype)"
Precision = Literal["float32", "float64"]
LATE = """
import threading, time

class Late(Adjustment):
    def run(self):
        def work():
            time.sleep(0.05)
            super(Late, self).run()
        self.thread = threading.Thread(target=work)
        self.thread.start()

    def read(self):
        self.thread.join()
        return super().read()

Adjustment = Late
"""
GLOBAL = """
STATE = {}

class Shared(Adjustment):
    def load(self, fields):
        super().load(fields)
        STATE.update(self.given)

    def reset(self):
        self.state = {name: array.copy() for name, array in STATE.items()}

Adjustment = Shared
"""
LAZY = """
class Lazy(Adjustment):
    def run(self):
        pass

    def read(self):
        self.reset()
        super().run()
        return super().read()

Adjustment = Lazy
"""
SIGQSAT = """
class Swapped(Adjustment):
    def run(self):
        super().run()
        sigqsat = self.given["sigqsat"]
        self.state["rvs"] *= sigqsat.T.reshape(sigqsat.shape)[:, :, None]

Adjustment = Swapped
"""


def rules_of(port: str, folder: Path, precision: Precision = "float32", *components: str) -> list[Judged]:
    job = Job(port, Cell("fake", precision, "cpu", 1, folder / "cache", {}), (), components or ("ice_adjust",))
    return list(judge(job, lambda _what: None))


def broken(judged: list[Judged]) -> dict[str, str]:
    return {NAMES[rule.rule]: rule.told for rule in judged if rule.verdict == "broken"}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "port",
    [*sorted(STYLES.glob("*.py")), PROJECT / "examples/numpy_port/port.py", None],
    ids=lambda port: port.parent.name + "/" + port.stem if port else "own",
)
def test_good_ports_of_any_style_keep_every_rule(
    port: Path | None,
    precision: Precision,
    make_port: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PROJECT / "examples/numpy_port/src"))
    with pytest.warns() if port and port.stem == "noisy" else pytest.MonkeyPatch.context():
        judged = rules_of(str(port or make_port((CREATES, REFUSES))), tmp_path, precision)
    assert broken(judged) == {}
    assert [NAMES[rule.rule] for rule in judged] == list(RULES)
    assert {NAMES[rule.rule] for rule in judged if rule.verdict == "open"} <= {"options", "produced"}


@pytest.mark.parametrize(
    ("rule", "old", "new", "told"),
    [
        ("module", "import numpy", "import snowflakes", "Add it to 'requirements'"),
        ("module", "import numpy", "1 / 0\nimport numpy", "cannot be imported: ZeroDivisionError"),
        ("module", "import numpy", "raise SystemExit(0)\nimport numpy", "cannot be imported: SystemExit: 0"),
        ("run", RUNS, f"raise SystemExit(0)\n        {RUNS}", "run() failed: SystemExit: 0"),
        ("function", "def create(", "def make(", "has no function create"),
        ("component", CREATES, "raise ValueError('no')", "ValueError: no"),
        ("component", CREATES, "raise Unsupported('CCONDENS', 'CB02')", "with PHYEX's AROME options"),
        ("component", '!= "ice_adjust"', '!= "rain_ice"', "has no component 'ice_adjust'"),
        ("methods", "def read(self):", "def results(self):", "has no read()"),
        ("outputs", "self.outputs = frozenset(", "self.outputs = {'hail'} | frozenset(", "'hail', which is not a"),
        ("outputs", "self.outputs = frozenset(", "self.outputs = set() and frozenset(", "names no output"),
        ("outputs", "self.outputs = frozenset(", "self.outputs = {'th'} | frozenset(", "'th', which is not an output"),
        ("ignores", IGNORES, "ignores = 'exn'", "expected a frozenset"),
        ("ignores", IGNORES, "ignores = {'cldfr'}", "'cldfr', which is not an input"),
        ("load", GIVEN, "fields['nowhere']; self.given =", "KeyError: 'nowhere'"),
        ("load", GIVEN, "fields['th'][0] = 0.0; self.given =", "The inputs are read-only"),
        ("options", "raise Unsupported('CCONDENS', 0)", "raise ValueError('no')", "must raise Unsupported. Now: "),
        ("run", RUNS, f"raise OSError('x')\n        {RUNS}", "run() failed: OSError: x"),
        ("run", "def reset(self):", "def reset(self, what):", "reset() failed: TypeError"),
        ("read", f"{READS} field in self.fields}}", "return None", "read() returns a NoneType"),
        ("read", f"{READS} field in self.fields}}", "return {}", "There are 13 more such faults."),
        ("read", READS, "return {field.name: 5.0 for", "expected a NumPy array"),
        ("shape", READS, "return {field.name: self.state[field.name].T for", "expected (5, 3, 10)"),
        ("dtype", READS, "return {field.name: self.state[field.name].astype('f8') for", "expected float32"),
        ("finite", "*= 2", "*= float('nan')", "is not finite after a run on 5x3x10 points"),
        ("reset", "self.state = {name", "if not hasattr(self, 'state'): self.state = {name", "must restore"),
        ("unchanged", GIVEN, "import ctypes; ctypes.memset(fields['th'].ctypes.data, 0, 8); self.given =", "'th'"),
        ("columns", f"{READS} field in self.fields}}", MIXES, "are i and j exchanged"),
        ("domains", RUNS, f"assert self.domain[1] > 1\n        {RUNS}", "run() failed: AssertionError"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_told_at_that_rule(
    make_port: Callable[..., str], tmp_path: Path, rule: str, old: str, new: str, told: str
) -> None:
    found = broken(rules_of(make_port((CREATES, REFUSES), (old, new)), tmp_path))
    assert list(found) == [rule]
    assert told in found[rule]


@pytest.mark.parametrize(
    ("rule", "more", "told"),
    [
        ("ready", LATE, "the result was not ready when run() returned"),
        ("ready", LAZY, "ust compute"),
        ("instances", GLOBAL, "must be kept in it"),
        ("columns", SIGQSAT, "'rvs'"),
    ],
)
def test_what_only_a_second_look_shows(
    make_port: Callable[..., str], tmp_path: Path, rule: str, more: str, told: str
) -> None:
    found = broken(rules_of(make_port(more=more), tmp_path))
    assert list(found) == [rule]
    assert told in found[rule]


def test_an_alias_of_an_input_is_found_even_if_no_output_lies_in_it(
    make_port: Callable[..., str], tmp_path: Path
) -> None:
    found = broken(rules_of(make_port((COPIES, "self.given = {name: array")), tmp_path, "float64"))
    assert list(found) == ["copies"]
    assert "load() must copy" in found["copies"]


def test_one_fault_does_not_hide_the_others(make_port: Callable[..., str], tmp_path: Path) -> None:
    faults = (
        (IGNORES, "ignores = frozenset({'exner'})"),
        (READS, "return {field.name: self.state[field.name].astype('f8') for"),
        (COPIES, "self.given = {name: array"),
        (CREATES, "return Adjustment(case, cell) if case.domain[1] > 1 else 5"),
    )
    judged = rules_of(make_port(*faults), tmp_path)
    assert list(broken(judged)) == ["ignores", "dtype", "copies", "domains"]
    assert not [rule for rule in judged if rule.told == "not tried"]


def test_what_cannot_be_tried_stays_open(make_port: Callable[..., str], tmp_path: Path) -> None:
    judged = rules_of(make_port((RUNS, f"raise OSError('x')\n        {RUNS}")), tmp_path)
    untried = [NAMES[rule.rule] for rule in judged if rule.told == "not tried"]
    assert untried == list(RULES)[list(RULES).index("run") + 1 :]


def test_what_is_open_says_why(make_port: Callable[..., str], tmp_path: Path) -> None:
    fewer = ("if field.is_output]", "if field.is_output and field.name != 'srcs']")
    told = {NAMES[rule.rule]: rule.told for rule in rules_of(make_port(fewer), tmp_path) if rule.verdict == "open"}
    assert told.keys() == {"options", "produced"}
    assert "CCONDENS" in told["options"]
    assert told["produced"] == "not produced, so not compared: srcs"


def test_configuration_is_told_from_the_ports_own_faults(make_port: Callable[..., str], tmp_path: Path) -> None:
    judged = rules_of(make_port((CREATES, REFUSES)), tmp_path, "float32", "ice_adjust", "rain_ice")
    (wrong,) = [rule for rule in judged if rule.verdict == "broken"]
    assert (wrong.component, wrong.usage) == ("rain_ice", True)
    (wrong,) = rules_of("/nowhere/port.py", tmp_path)[:1]
    assert (wrong.verdict, wrong.usage) == ("broken", True)
