"""The Fortran as a port: how its sources are found and called, and, where PHYEX_DIR names a checkout, its numbers."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from ice3_probe.accuracy import check
from ice3_probe.contract import ICE_ADJUST, Case, Cell, IceAdjustOptions, RainIceOptions, Unavailable, Unsupported
from ice3_probe.ports import Port, load_port
from ice3_probe.reference import DATA, load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PORT = ROOT / "examples" / "fortran_port"
DATA_SETS = [
    DATA / "ice_adjust_lite.nc",
    DATA / "rain_ice_lite.nc",
    *sorted((ROOT / "tests/data/variants").glob("*.nc")),
]
CHECKOUT = os.environ.get("PHYEX_DIR")
with_phyex = pytest.mark.skipif(CHECKOUT is None, reason="PHYEX_DIR does not name a checkout of PHYEX")
needs_gfortran = pytest.mark.skipif(shutil.which("gfortran") is None, reason="gfortran is not installed")
FLAGS = {"production": "-O3", "strict": "-O2 -fno-fast-math -ffp-contract=off"}
ROUTINE = "module modi_{0}\ninterface\nsubroutine {0} ({1})\nend subroutine\nend interface\nend module\n"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PORT / "src"))
    yield
    for name in [name for name in sys.modules if name.startswith("phyex_ice3")]:
        del sys.modules[name]


@pytest.fixture
def port() -> Port:
    return load_port(str(PORT / "port.py"))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "src" / "common" / f"{name}.F90"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def invented(folder: Path, **others: str) -> Path:
    """Write a tiny program with PHYEX's layout and arguments."""
    from phyex_ice3.arguments import EXPECTED  # noqa: PLC0415 (on the path of a fixture)

    calls = {f"micro/modi_{name}": ROUTINE.format(name, ", &\n  & ".join(names)) for name, names in EXPECTED.items()}
    return write(
        folder,
        {
            **calls,
            "micro/ice_adjust": "subroutine ice_adjust(d)\n  use modi_condensation ! and so on\n  use YOMHOOK\nend\n",
            "micro/rain_ice": "SUBROUTINE RAIN_ICE(D)\n USE MODD_CST, ONLY: CST\nEND SUBROUTINE\n",
            "micro/modi_condensation": ROUTINE.format("condensation", "d"),
            "micro/condensation": "subroutine condensation(d)\nuse modd_neb_n\nend subroutine condensation\n",
            "micro/mode_ini_rain_ice": "module mode_ini_rain_ice\nuse modd_cst\nend module\n",
            "micro/mode_ini_tiwmx": "module mode_ini_tiwmx\nend module\n",
            "micro/modd_nebn": "module modd_neb_n\nend module\n",
            "micro/unneeded": "module unneeded\nend module\n",
            "aux/mode_ini_cst": "module mode_ini_cst\nuse modd_cst\nend module\n",
            "aux/modd_cst": "module modd_cst\nend module\n",
            "aux/gamma": "function gamma_x0d(x)\nend function\n",
            **others,
        },
    )


def test_the_files_that_are_needed_come_after_their_modules(tmp_path: Path) -> None:
    from phyex_ice3.sources import find_sources  # noqa: PLC0415

    found = [source.path.stem for source in find_sources(invented(tmp_path))]
    assert sorted(found) == sorted(
        [
            *("ice_adjust", "rain_ice", "modi_ice_adjust", "modi_rain_ice", "modi_condensation", "condensation"),
            *("mode_ini_rain_ice", "mode_ini_tiwmx", "modd_nebn", "mode_ini_cst", "modd_cst", "gamma"),
        ]
    )
    assert found.index("modi_condensation") < found.index("ice_adjust")
    assert found.index("modd_nebn") < found.index("condensation")
    assert found.index("modd_cst") < found.index("rain_ice")


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    from phyex_ice3.sources import SourceError, find_sources  # noqa: PLC0415

    with pytest.raises(SourceError, match=r"is no checkout of PHYEX: it has no folder src/common"):
        find_sources(tmp_path)
    (invented(tmp_path) / "src/common/micro/mode_ini_tiwmx.F90").unlink()
    with pytest.raises(SourceError, match=r"it lacks src/common/micro/mode_ini_tiwmx\.F90"):
        find_sources(tmp_path)
    invented(tmp_path, **{"micro/zz_copy": "module modd_cst\nend module\n"})
    with pytest.raises(SourceError, match=r"MODD_CST is defined twice, in .*modd_cst\.F90 and .*zz_copy\.F90: remove"):
        find_sources(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda names: [name for name in names if not name.startswith("LIMA")], "lacks LIMAP, LIMAC, LIMAM. "),
        (lambda names: [*names[:3], "PNEW", *names[3:]], "has PNEW besides. "),
        (lambda names: ["PNEW", *names[1:]], "lacks D and has PNEW besides. "),
        (lambda names: [names[1], names[0], *names[2:]], "has its arguments in another order. "),
    ],
)
def test_other_arguments_are_refused(tmp_path: Path, change: Any, told: str) -> None:
    from phyex_ice3.arguments import EXPECTED, require_known_arguments  # noqa: PLC0415
    from phyex_ice3.sources import SourceError  # noqa: PLC0415

    require_known_arguments(invented(tmp_path))
    changed = ROUTINE.format("RAIN_ICE", ", & ! a comment, with a comma\n  ".join(change(EXPECTED["rain_ice"])))
    write(tmp_path, {"micro/modi_rain_ice": changed})
    with pytest.raises(SourceError) as caught:
        require_known_arguments(tmp_path)
    assert f"RAIN_ICE of {tmp_path} {told}" in str(caught.value)


def test_options_reach_their_namelists() -> None:
    from phyex_ice3.options import namelists  # noqa: PLC0415

    options = {**asdict(RainIceOptions()), **asdict(IceAdjustOptions(CFRAC_ICE_ADJUST="T", XCRIAUTC=2e-3))}
    ice, cloud = namelists(options, whole_evaporation=False)
    assert ice.startswith("&NAM_PARAM_ICEN ")
    assert "XCRIAUTC_NAM=0.002," in ice
    assert "LSEDIC=.TRUE.," in ice
    assert "CSEDIM='STAT'," in ice
    assert cloud.startswith("&NAM_NEBN ")
    assert "CFRAC_ICE_ADJUST='T'" in cloud
    assert not {"KRR", "OCOMPUTE_SRC", "LOCND2", "NPROMICRO"} & {
        word.split("=")[0] for word in f"{ice} {cloud}".split()
    }
    assert "NPROMICRO=1" in namelists(options, whole_evaporation=True)[0]


def make_cell(
    cache: Path, precision: Literal["float32", "float64"], profile: str = "strict", threads: int = 1, **settings: str
) -> Cell:
    given = {"compile-args": FLAGS[profile], "profile": profile, **settings}
    return Cell("fortran", precision, "cpu", threads=threads, cache=cache, settings=given)


def make_case(**options: Any) -> Case:
    return Case("ice_adjust", (2, 1, 3), 50.0, asdict(IceAdjustOptions(**options)))


def test_what_is_missing_is_said(port: Port, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r'write phyex = "FOLDER" in \[tool.ice3-bench\]'):
        port.create(make_case(), make_cell(tmp_path, "float64"))
    with pytest.raises(Unavailable, match=r"is no checkout of PHYEX.* or with the variable PHYEX_DIR"):
        port.create(make_case(), make_cell(tmp_path, "float64", phyex=str(tmp_path)))
    (tmp_path / "file").touch()
    monkeypatch.setenv("FC", "true")  # any program that exists
    with pytest.raises(Unavailable, match=r"file cannot be written: .* Make it writable"):
        port.create(make_case(), make_cell(tmp_path / "file", "float64", phyex=str(invented(tmp_path / "phyex"))))
    monkeypatch.setenv("FC", "'gfortran")
    with pytest.raises(Unavailable, match="The variable FC cannot be read: No closing quotation"):
        port.create(make_case(), make_cell(tmp_path, "float64", phyex=str(invented(tmp_path / "phyex"))))
    monkeypatch.setenv("FC", "no-such-compiler -O")
    with pytest.raises(Unavailable, match=r"The Fortran compiler no-such-compiler is not on PATH: .*gfortran"):
        port.create(make_case(), make_cell(tmp_path, "float64", phyex=str(invented(tmp_path / "phyex"))))


@pytest.mark.parametrize(
    ("component", "option", "value"),
    [
        ("ice_adjust", "LOCND2", True),
        ("ice_adjust", "CLAMBDA3", "NONESUCH"),  # four letters of it are a value of PHYEX
        ("ice_adjust", "CFRAC_ICE_ADJUST", "TS"),
        ("ice_adjust", "CSUBG_MF_PDF", "BIGA"),  # needs arguments that are not passed
        ("rain_ice", "CSUBG_AUCV_RC", "ADJU"),  # needs what the adjustment found
        ("rain_ice", "CSUBG_AUCV_RI", "CLFR"),  # needs the cloud fraction
        ("rain_ice", "LSNOW_T", True),  # not without an option of PHYEX that is no option here
        ("microphysics", "CPRISTINE_ICE", "NONESUCH"),
    ],
)
def test_options_that_would_be_misread_are_refused(
    port: Port, tmp_path: Path, component: str, option: str, value: Any
) -> None:
    from ice3_probe.components import COMPONENTS  # noqa: PLC0415

    case = Case(component, (2, 1, 3), 50.0, {**COMPONENTS[component].options(), option: value})
    with pytest.raises(Unsupported, match=option):
        port.create(case, make_cell(tmp_path, "float64", phyex=str(tmp_path)))


@needs_gfortran
def test_what_does_not_compile_is_quoted(tmp_path: Path) -> None:
    from phyex_ice3.build import BuildError, build  # noqa: PLC0415

    (tmp_path / "cache" / "phyex-killed").mkdir(parents=True)  # what a process that was killed left
    checkout = invented(
        tmp_path / "phyex", **{"aux/modd_cst": "module modd_cst\n  integer, nonsense :: a\nend module\n"}
    )
    with pytest.raises(BuildError, match=r"modd_cst\.F90: .*Error"):
        build(checkout, tmp_path / "cache", "float64", [])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["phyex.lock"]


@needs_gfortran
def test_what_pyfortool_cannot_expand_is_quoted_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phyex_ice3.build import BuildError, build  # noqa: PLC0415

    tool = tmp_path / "pyfortool"
    body = "def go(n):\n    return go(n - 1) if n else 1 / 0\ngo(20)\n"
    tool.write_text(f"#!{sys.executable}\n{body}", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    checkout = invented(tmp_path / "phyex", **{"aux/modd_cst": "module modd_cst\n!$mnh_expand_array\nend module\n"})
    with pytest.raises(BuildError, match=r"modd_cst\.F90 \(by pyfortool\): .*ZeroDivisionError: division by zero$"):
        build(checkout, tmp_path / "cache", "float64", [])


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phyex")


@with_phyex
@pytest.mark.slow
@pytest.mark.parametrize("path", DATA_SETS, ids=lambda path: path.stem)
def test_the_strict_build_gives_the_reference_data_bit_for_bit(port: Port, libraries: Path, path: Path) -> None:
    data = load(path)
    variant = {"ice_adjust": "ice_adjust:adjusted_state", "rain_ice": "rain_ice:fluxes"}[data.component]
    checked = check(data, port, make_cell(libraries, "float64", phyex=str(CHECKOUT)), variant, "strict")
    assert [error.field for error in checked.fields if error.maximum != 0.0] == []
    assert checked.not_produced == ()


@with_phyex
@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_threads_and_blocks_do_not_change_a_bit(port: Port, libraries: Path, precision: Any) -> None:
    from ice3_probe.cases import weather  # noqa: PLC0415
    from ice3_probe.components import COMPONENTS  # noqa: PLC0415

    case = Case("microphysics", (23, 7, 20), 50.0, COMPONENTS["microphysics"].options())
    results = []
    for threads, size in ((1, 161), (2, 32), (2, 5)):
        component = port.create(case, make_cell(libraries, precision, threads=threads, phyex=str(CHECKOUT)))
        component._fill(weather(case.domain, "rich", "shuffled"), case.domain, size)  # type: ignore[attr-defined]
        for _ in range(2):
            component.reset()
            component.run()
        results.append({name: np.array(values) for name, values in component.read().items()})
    for other in results[1:]:
        assert [name for name, values in results[0].items() if not np.array_equal(values, other[name])] == []
    assert np.abs(results[0]["inprr"]).max() > 0.0


@with_phyex
@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_production_build_passes_the_gate(port: Port, libraries: Path, precision: Any) -> None:
    for path in DATA_SETS[:2]:
        data = load(path)
        cell = make_cell(libraries, precision, "production", phyex=str(CHECKOUT))
        checked = check(data, port, cell, data.component)
        assert [error for error in checked.fields if not error.passed] == []
        assert ("evap3d" in checked.not_produced) == (data.component == "rain_ice")


@with_phyex
@pytest.mark.slow
def test_two_cases_with_other_options_do_not_disturb_each_other(port: Port, libraries: Path) -> None:
    from ice3_probe.cases import weather  # noqa: PLC0415

    cell = make_cell(libraries, "float64", phyex=str(CHECKOUT))
    components = [
        port.create(Case("ice_adjust", (4, 3, 20), 50.0, asdict(IceAdjustOptions(CFRAC_ICE_ADJUST=kind))), cell)
        for kind in ("S", "T")
    ]
    alone, turns = [], []
    for component in components:
        component.load(weather((4, 3, 20), "rich", "shuffled"))
        component.reset()
        component.run()
        alone.append(np.array(component.read()["ris"]))
    for component in components:
        component.reset()
    for component in components:  # the options of the other one are set by now
        component.run()
        turns.append(np.array(component.read()["ris"]))
    assert not np.array_equal(alone[0], alone[1])
    for before, after in zip(alone, turns, strict=True):
        np.testing.assert_array_equal(before, after)


def test_every_output_has_its_field() -> None:
    from phyex_ice3 import COMPONENTS, Blocks  # noqa: PLC0415

    made = COMPONENTS["ice_adjust:adjusted_state"](Blocks((2, 2, 3), 4, np.dtype("float64")))
    assert {field.name for field in ICE_ADJUST} <= set(made.fields)
