from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.errors import UsageError
from ice3_bench.names import parse_domain
from ice3_bench.settings.matrix import find_project, load_settings
from ice3_bench.settings.values import parse_components

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
BACKENDS = {
    *("debug", "numpy", "gt:cpu_ifirst", "gt:cpu_kfirst", "gt:gpu"),
    *("dace:cpu", "dace:cpu_kfirst", "dace:cpu_KJI", "dace:gpu", "dace:gpu_IJK"),
}


def test_the_matrix_has_gt4pys_backends_in_two_precisions(settings: Settings) -> None:
    """A backend that a user adds must not break the tests."""
    assert {backend.name for backend in settings.backends} >= BACKENDS
    assert len({cell.id for cell in settings.cells}) == len(settings.backends) * len(settings.precisions)
    assert settings.cell("gt:cpu_ifirst", "float64").session == "bench-gt_cpu_ifirst-float64"


def test_a_backend_is_found_by_name_and_by_id(settings: Settings) -> None:
    assert settings.backend("gt:gpu") is settings.backend("gt_gpu")


def test_a_cell_is_found_by_its_id(settings: Settings) -> None:
    assert settings.cell_by_id("dace_cpu-float32") == settings.cell("dace:cpu", "float32")


@pytest.mark.parametrize(
    ("backend", "precision", "named"),
    [("gt:cpu", "float64", "'gt:cpu_ifirst'"), ("numpy", "float16", "'float32', 'float64'")],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(
    settings: Settings, backend: str, precision: str, named: str
) -> None:
    with pytest.raises(UsageError, match="Unknown") as caught:
        settings.cell(backend, precision)
    assert named in str(caught.value)


def test_an_unknown_cell_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(UsageError, match="'numpy-float32'"):
        settings.cell_by_id("numpy-float16")


@pytest.mark.parametrize("text", ["50x50", "0x1x2", "axbxc", "50X50X60", "-1x2x3", ""])
def test_a_bad_domain_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="50x50x60"):
        parse_domain(text)


def write_project(folder: Path, old: str, new: str) -> Path:
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "pyproject.toml").write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "numpy"', 'id = "num:py"', "backends.1.id"),
        ('id = "numpy"', 'id = "debug"', "given twice: debug"),
        ('id = "numpy"', f'id = "{65 * "x"}"', "backends.1.id"),
        ('domains = ["4x4x20"]', "domains = []", "backends.0.domains"),
        ('domains = ["4x4x20"]', 'domains = ["4x4"]', "50x50x60"),
        ('device = "gpu"', 'device = "tpu"', "device"),
        ("threads = 1\n", "threads = 0\n", "threads"),
        ('arrangement = "coherent"', 'arrangement = "sorted"', "arrangement: Input should be 'coherent' or 'shuffled'"),
        ('reference = "fortran"', 'reference = "pascal"', "'pascal' is not the id of a backend: expected"),
        ("[tool.ice3-bench", "[tool.ice3-bunch", "no table"),
        ('id = "numpy"', "id = ", "not valid TOML"),
        ("strict = [", "strikt = [", "strikt"),
        ('components = ["ice_adjust"]', 'components = ["hail"]', "('NumPy example'): unknown component 'hail'"),
        ('components = ["ice_adjust"]', f'components = ["ice_adjust:{60 * "x"}"]', "has more than 64 characters"),
        ('components = ["ice_adjust"]', 'components = ["ice_adjust:a b"]', "unknown component 'ice_adjust:a b'"),
        ('components = ["ice_adjust"]', 'python = "3"', "'3' is not a version of Python"),
        ('components = ["ice_adjust"]', 'python = "3.9"', "too old: 3.10 is the oldest"),
        ('components = ["ice_adjust"]', "settings = { fast = true }", "settings.fast ('NumPy example')"),
        ('components = ["ice_adjust"]', 'accuracy = "gated"', "accuracy ('NumPy example')"),
        ("[tool.ice3-bench.default-port]", "[tool.ice3-bench.default]", "backends.0.port ('debug'): Field required"),
        ('compiler = "cxx"', 'compiler = "icc"', "compiler ('gt:cpu_ifirst')"),
    ],
)
def test_a_wrong_table_names_the_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(write_project(tmp_path, old, new))
    assert message in str(caught.value)


def test_a_missing_pyproject_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read"):
        load_settings(tmp_path)


MINIMAL = """
[tool.ice3-bench]
[[tool.ice3-bench.backends]]
name = "JAX"
id = "jax"
port = "bench/port.py"
compiler = "cxx"
components = ["ice_adjust:modular"]
"""


def test_a_matrix_of_one_backend_is_completed_by_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(MINIMAL, encoding="utf-8")
    settings = load_settings(tmp_path)
    assert [cell.id for cell in settings.cells] == ["jax-float32", "jax-float64"]
    (backend,) = settings.backends
    assert (backend.device, backend.domains, backend.accuracy, backend.python) == ("cpu", ("50x50x60",), "gate", None)
    assert backend.checked == ("ice_adjust:modular",)
    assert settings.history.thresholds
    assert settings.harness == "ice3-bench"
    assert settings.arrangement == "coherent"


@pytest.mark.parametrize(
    ("machine", "production", "instructions"),
    [
        ("x86_64", ("-march=native",), ("-mavx2", "-mfma")),
        ("aarch64", ("-mcpu=native",), ()),
        ("riscv64", (), ()),
    ],
)
def test_flags_follow_the_architecture(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    production: tuple[str, ...],
    instructions: tuple[str, ...],
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    (tmp_path / "pyproject.toml").write_text(MINIMAL, encoding="utf-8")
    default = load_settings(tmp_path)
    assert default.compile_args(default.backends[0], "production") == production
    assert default.compile_args(default.backends[0], "instructions") == instructions
    ours = {
        argument
        for backend in settings.backends
        for profile in ("production", "strict", "instructions")
        for argument in settings.compile_args(backend, profile)
    }
    wide = {"-mprefer-vector-width=512"} if machine == "x86_64" else set()
    assert {argument for argument in ours if argument.startswith("-m")} == {*production, *instructions} | wide
    gpu = [argument for profile in ("production", "strict") for argument in settings.compile_args(
        settings.backend("gt_gpu"), profile
    )]  # fmt: skip
    assert gpu == ["-fmad=false"]


def test_backends_with_a_port_take_nothing_from_the_default_port(settings: Settings) -> None:
    ours, example = settings.backend("numpy"), settings.backend("numpy_port")
    assert (ours.port, ours.pythonpath) == ("ice3_gt4py.port", ("src",))
    assert "rain_ice:tendencies" in ours.checked
    assert "rain_ice:tendencies" not in ours.components
    assert example.checked == ("ice_adjust",)
    assert settings.backend("dace_cpu").requirements != ours.requirements


def test_parts_are_known_and_so_is_their_name_in_older_revisions(tmp_path: Path) -> None:
    old, new = "ice_adjust:modular", 'rain_ice:sedimentation", "process_rates'
    (tmp_path / "pyproject.toml").write_text(MINIMAL.replace(old, new), encoding="utf-8")
    assert load_settings(tmp_path).backends[0].components == ("rain_ice:sedimentation", "process_rates")


def test_chosen_components_are_read_once_each_and_in_order() -> None:
    assert parse_components("rain_ice:tendencies, ice_adjust,ice_adjust") == ("rain_ice:tendencies", "ice_adjust")
    assert parse_components("rain_ice:tendencies", "ice_adjust") == ("rain_ice:tendencies", "ice_adjust")
    assert parse_components() == ()
    with pytest.raises(UsageError, match="unknown component 'ice_adjust:': expected 'ice_adjust', 'rain_ice'"):
        parse_components("ice_adjust,ice_adjust:")


def test_the_project_is_found_from_below(tmp_path: Path) -> None:
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    assert find_project(below) == below
    (tmp_path / "pyproject.toml").write_text(MINIMAL, encoding="utf-8")
    (tmp_path / "a/pyproject.toml").write_text("[project]\nname = 'a'\n", encoding="utf-8")
    assert find_project(below) == tmp_path
