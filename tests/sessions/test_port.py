"""A port that begins: what is written for it, and what its check says, until it can be measured."""

from __future__ import annotations

import errno
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ice3_bench.errors import Exit, UsageError
from ice3_bench.port.new import DETAILS, NOXFILE, NewPort, write_port
from ice3_probe.contract import Cell
from ice3_probe.messages import COMPONENTS, Job
from ice3_probe.rules import judge

if TYPE_CHECKING:
    from tests.sessions.conftest import Place

STUB = 'raise NotImplementedError("FILL IN run(): call your code, and put its results into self.state")'
PHYSICS = """self.state["rvs"] *= 2"""


@pytest.fixture
def begun(place: Place) -> Place:
    """Begin the port ``mine`` in a folder without pyproject.toml."""
    (place.project / "pyproject.toml").unlink()
    run = place.harness("port.new", "--id", "mine")
    assert run.returncode == Exit.OK, run.stderr
    assert "port.check --backend mine" in run.stdout.splitlines()[-1]
    change(place.project / "pyproject.toml", '# python = "3.11"', 'python = "current"')
    return place


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_port_says_what_is_to_be_filled_in_and_is_then_measured(begun: Place) -> None:
    wrong = begun.harness("port.check", "--backend", "mine")
    assert wrong.returncode == Exit.FAILED, wrong.stderr
    for line in ("mine-float32: bench/port_mine.py", "mine-float64: bench/port_mine.py", "  ice_adjust"):
        assert line in wrong.stdout.splitlines()
    (told,) = {line for line in wrong.stdout.splitlines() if "✗" in line}
    assert "FILL IN run(): call your code" in told
    assert "NotImplementedError" in (begun.results / "mine-float64/check.log").read_text(encoding="utf-8")

    change(begun.project / "bench/port_mine.py", STUB, PHYSICS)
    right = begun.harness("port.check", "--backend", "mine", "--precision", "float64")
    assert right.returncode == Exit.OK, right.stdout
    assert "22 rules kept, 0 broken, 0 open" in right.stdout
    assert right.stdout.splitlines()[-1].endswith("nox -s bench-mine-float64")
    assert not begun.leftovers()

    bench = begun.run(*begun.command(backend="mine"))
    assert bench.returncode == Exit.FAILED
    assert "Wrong physics" in bench.stderr


def test_the_test_of_a_port_fails_until_the_port_is_right(begun: Place) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", "float32"]
    wrong = begun.run(*command)
    assert wrong.returncode == 1
    assert "FILL IN run()" in wrong.stdout
    change(begun.project / "bench/port_mine.py", STUB, PHYSICS)
    assert begun.run(*command).returncode == 0


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_new_port_of_any_component_lacks_only_its_physics(tmp_path: Path, component: str) -> None:
    write_port(NewPort(tmp_path, "mine", component, Path("bench/port.py")))
    port = tmp_path / "bench/port.py"
    assert len(port.read_text(encoding="utf-8").splitlines()) <= 60
    job = Job(str(port), Cell("mine", "float32", "cpu", 1, tmp_path / "cache", {}), (), (component,))
    (wrong,) = [one for one in judge(job, lambda _what: None) if one.verdict == "broken"]
    assert "FILL IN run()" in wrong.told
    change(port, STUB, "[np.multiply(array, 1, out=array) for array in self.state.values()]")  # takes its time
    assert {one.verdict for one in judge(job, lambda _what: None)} == {"kept"}
    listing = port.read_text(encoding="utf-8").split("    python -c ")[1].splitlines()[0]
    shown = subprocess.run([sys.executable, "-c", listing.strip('"')], capture_output=True, text=True, check=True)
    assert "air_pressure" in shown.stdout


# What is written ------------------------------------------------------------------------------------------------------


def test_every_component_has_a_template() -> None:
    assert DETAILS.keys() == COMPONENTS.keys()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_table_is_added_to_what_is_there(tmp_path: Path, end: str) -> None:
    line = end or "\n"
    before = f'[project]{line}name = "a model"{line}[tool.ice3-bench]{line}precisions = ["float32"]{end}'
    (tmp_path / "pyproject.toml").write_bytes(before.encode())
    (tmp_path / "noxfile.py").write_text("import nox\n", encoding="utf-8")
    (tmp_path / "src").mkdir()
    said = write_port(NewPort(tmp_path, "one", "ice_adjust", Path("one.py")))
    assert said[-1] == "Insert into noxfile.py: from ice3_bench.nox import sessions; sessions()"
    assert (tmp_path / "noxfile.py").read_text(encoding="utf-8") == "import nox\n"
    write_port(NewPort(tmp_path, "two", "rain_ice", Path("bench/two.py")))
    after = (tmp_path / "pyproject.toml").read_bytes().decode()
    assert after.startswith(before)
    assert after.count("\r\n") == (after.count("\n") if end == "\r\n" else 0)
    backends = tomllib.loads(after)["tool"]["ice3-bench"]["backends"]
    assert [backend["port"] for backend in backends] == ["one.py", "bench/two.py"]
    assert {*backends[1]["pythonpath"], *backends[1]["components"]} == {"src", "rain_ice"}
    assert '("precision", ["float32"])' in (tmp_path / "tests/test_port_two.py").read_text(encoding="utf-8")


def test_a_noxfile_is_written_if_there_is_none(tmp_path: Path) -> None:
    write_port(NewPort(tmp_path, "one", "ice_adjust", Path("one.py")))
    assert (tmp_path / "noxfile.py").read_text(encoding="utf-8") == NOXFILE


def test_a_table_that_cannot_be_appended_is_told(tmp_path: Path) -> None:
    inline = '[tool.ice3-bench]\nbackends = [{ name = "x", id = "x", port = "x.py" }]\n'
    (tmp_path / "pyproject.toml").write_text(inline, encoding="utf-8")
    said = write_port(NewPort(tmp_path, "one", "ice_adjust", Path("one.py")))
    assert (tmp_path / "pyproject.toml").read_text(encoding="utf-8") == inline
    (told,) = [sentence for sentence in said if "insert this backend there yourself" in sentence]
    assert tomllib.loads(told.partition("\n\n")[2])["tool"]["ice3-bench"]["backends"][0]["id"] == "one"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "My-Port"}, "lower-case letters, digits and _"),
        ({"component": "snow"}, "expected one of 'ice_adjust', 'rain_ice'"),
        ({"port": Path("port.txt")}, "ends with .py"),
        ({"port": Path("../port.py")}, "a file of the project"),
        ({"port": Path("there.py")}, "there.py exists and is not overwritten"),
        ({"port": Path('a"b.py')}, "a file of the project"),
        ({"port": Path("there.py/x.py")}, "there.py is a file"),
        ({"id": "known"}, "has a backend 'known' already"),
    ],
)
def test_nothing_is_written_if_something_is_in_the_way(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    table = '[[tool.ice3-bench.backends]]\nname = "known"\nid = "known"\nport = "there.py"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    (tmp_path / "there.py").touch()
    before = files(tmp_path)
    with pytest.raises(UsageError, match=told):
        write_port(replace(NewPort(tmp_path, "x", "ice_adjust", Path("x.py")), **changes))
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "text",
    [
        b"[project",
        b"\xff",
        b"[tool.ice3-bench]\nbackends = [{ id = 5 }]\n",
        b"[tool.ice3-bench]\nbackends = 'x'\n",
        b"[tool.ice3-bench]\nprecisions = 'float64'\n",
        b"tool = 3\n",
        b"tool = { ice3-bench = 3 }\n",
    ],
)
def test_a_pyproject_that_is_not_valid_is_left_alone(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        write_port(NewPort(tmp_path, "x", "ice_adjust", Path("x.py")))
    assert files(tmp_path) == {"pyproject.toml": text}


def test_what_cannot_be_written_is_said_with_a_remedy_that_suits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        UsageError, match=r"one\.py cannot be written: Read-only file system\. Make the folder writable"
    ):
        write_port(NewPort(tmp_path, "one", "ice_adjust", Path("one.py")))


# What the check says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("misbehaviour", "how"),
    [("killed-ice_adjust", "was killed by signal 9"), ("leaves-ice_adjust", "ended early, with exit code 0")],
)
def test_a_component_that_ends_the_process_does_not_hide_the_others(place: Place, misbehaviour: str, how: str) -> None:
    run = place.harness("port.check", "--backend", "fake", misbehaviour=misbehaviour)
    assert run.returncode == Exit.FAILED, run.stderr
    told = [line.strip() for line in run.stdout.splitlines()]
    (wrong,) = [line for line in told if line.startswith("✗")]
    assert f"the port leaves the process running: it {how}, see" in wrong
    assert told.index("ice_adjust") < told.index(wrong) < told.index("rain_ice")
    assert (place.results / "fake-float64/check.log").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bench/fake_port.py", "bench/no_port.py", "The port of backend 'a fake' does not exist"),
        ("bench/fake_port.py", "no_package.port", "✗ the port can be imported: There is no module no_package.port"),
        ('"rain_ice"', '"microphysics"', "✗ create() knows the component and makes it: The port has no component"),
    ],
)
def test_what_configuration_must_mend_ends_with_exit_code_2(place: Place, old: str, new: str, told: str) -> None:
    change(place.project / "pyproject.toml", old, new)
    run = place.harness("port.check", "--backend", "fake")
    assert run.returncode == Exit.USAGE, run.stdout
    assert told in run.stdout + run.stderr
    assert "Traceback (most" not in run.stdout + run.stderr


def test_what_a_port_prints_is_no_line_of_the_check(place: Place) -> None:
    run = place.harness("port.check", "--backend", "single", misbehaviour="prints")
    assert run.returncode == Exit.OK, run.stdout
    assert '"Done"' not in run.stdout
    assert '"Done"' in (place.results / "single-float64/check.log").read_text(encoding="utf-8")


def test_on_a_device_the_rules_of_a_cpu_stay_open(place: Place) -> None:
    run = place.harness("port.check", "--backend", "device")
    assert run.returncode == Exit.OK, run.stdout + run.stderr
    assert run.stdout.count("only a rule on a CPU") == 4  # two rules, two components
