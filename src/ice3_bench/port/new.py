"""Write what a new port begins with: the adapter, its table, a test, and a noxfile if there is none."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ice3_bench.errors import UsageError
from ice3_bench.files import write_atomically
from ice3_bench.settings.matrix import parse_settings
from ice3_bench.text import quoted
from ice3_probe.messages import COMPONENTS

TEMPLATES = Path(__file__).parent
NOXFILE = '"""Sessions of ice3-bench: nox -l lists them."""\n\nfrom ice3_bench.nox import sessions\n\nsessions()\n'
NOXFILE_LINES = "from ice3_bench.nox import sessions; sessions()"
WRITABLE = "Make the folder writable, or run the command in another project."
"""What to do if a file cannot be written."""
PRECISIONS = ("float32", "float64")
"""Precisions of a matrix that names none."""
DETAILS = {
    "ice_adjust": ("IceAdjustOptions", '"ri_mf"'),
    "rain_ice": ("RainIceOptions", '"town"'),
    "microphysics": ("IceAdjustOptions, RainIceOptions", '"town"'),
    "rain_ice:sedimentation": ("RainIceOptions", '"town"'),
    "rain_ice:tendencies": ("RainIceOptions", '"sigs"'),
}
"""For each component the classes of its options, and an input that a port may not know."""


@dataclass(frozen=True)
class NewPort:
    """What was asked for.

    Attributes
    ----------
    project
        Folder of pyproject.toml.
    id
        Id of the backend.
    port
        The adapter's file, relative to the project.
    """

    project: Path
    id: str
    component: str
    port: Path

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]+", self.id):
            raise UsageError(f"--id '{self.id}' is not usable: write lower-case letters, digits and _.")
        if self.component not in DETAILS:
            raise UsageError(f"Unknown component '{self.component}': expected one of {quoted(COMPONENTS)}.")
        odd = any(character in '"\\' or not character.isprintable() for character in str(self.port))
        if self.port.suffix != ".py" or self.port.is_absolute() or ".." in self.port.parts or odd:
            raise UsageError(f"--path '{self.port}' is not usable: write a file of the project that ends with .py.")

    @property
    def test(self) -> Path:
        """File of the test, relative to the project."""
        return Path("tests", f"test_port_{self.id}.py")

    def filled(self, template: str, precisions: tuple[str, ...] = PRECISIONS) -> str:
        """Return one of the templates, filled in."""
        kinds, ignored = DETAILS[self.component]
        made = [f"asdict({kind}())" for kind in kinds.split(", ")]
        return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(
            id=self.id,
            component=self.component,
            port=self.port.as_posix(),
            table=self.component.rpartition(":")[2].upper(),
            kinds=kinds,
            options=made[0] if len(made) == 1 else f"{{**{', **'.join(made)}}}",
            ignored=ignored,
            source="src" if (self.project / "src").is_dir() else ".",
            precisions=", ".join(f'"{precision}"' for precision in precisions),
            depth=len(self.test.parts) - 1,
        )


def write_port(new: NewPort) -> list[str]:
    """Write the files of a new port; return what was done and what is left to do, a sentence each.

    Nothing is written if something is in the way, and no file is overwritten. The table is appended to pyproject.toml;
    if the file cannot take it there, it is returned to be inserted by the user.

    Raises
    ------
    UsageError
        If a file or the backend exists, or pyproject.toml is not valid.
    """
    for path in (new.port, new.test):
        if (new.project / path).exists():
            raise UsageError(f"{new.project / path} exists and is not overwritten: choose another --id or --path.")
        if in_the_way := [folder for folder in path.parents if (new.project / folder).is_file()]:
            raise UsageError(
                f"{new.project / in_the_way[0]} is a file: {path} cannot be written. Choose another --path."
            )
    pyproject = (new.project / "pyproject.toml").resolve()
    table = new.filled("backend.toml.txt")
    text, precisions = _read(pyproject, new.id, table)
    complete = _appended(text, table)
    write_atomically(new.project / new.port, new.filled("port.py.txt"), WRITABLE)
    write_atomically(new.project / new.test, new.filled("test_port.py.txt", precisions), WRITABLE)
    done = [f"Wrote {new.port}: replace what is marked FILL IN.", f"Wrote {new.test}: it tries the contract's rules."]
    if complete is None:
        done.append(
            "pyproject.toml has its backends, or [tool.ice3-bench], in one line, to which no table can be appended: "
            f"insert this backend there yourself.\n\n{table}"
        )
    else:
        write_atomically(pyproject, complete, WRITABLE)
        done.append(f"Added the backend '{new.id}' to pyproject.toml: correct 'pythonpath' and 'requirements' there.")
    noxfile = new.project / "noxfile.py"
    if not noxfile.exists():
        write_atomically(noxfile, NOXFILE, WRITABLE)
        done.append("Wrote noxfile.py: it has the sessions of ice3-bench.")
    elif "ice3_bench" not in noxfile.read_text(encoding="utf-8"):
        done.append(f"Insert into noxfile.py: {NOXFILE_LINES}")
    return done


def _read(pyproject: Path, new_id: str, new_table: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of pyproject.toml and the precisions of its matrix.

    Raises
    ------
    UsageError
        If it cannot be read, has the backend already, or is not valid with the new table.
    """
    try:
        text = pyproject.read_bytes().decode() if pyproject.exists() else ""  # with its own ends of lines
        tool = tomllib.loads(text).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{pyproject} cannot be read: {error}. Nothing was written.") from error
    table = tool.get("ice3-bench", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise UsageError(f"In {pyproject}, [tool.ice3-bench] is not a table: correct it. Nothing was written.")
    known = table.get("backends", [])
    if isinstance(known, list):
        if any(isinstance(one, dict) and new_id in (one.get("id"), one.get("name")) for one in known):
            raise UsageError(f"{pyproject} has a backend '{new_id}' already: choose another --id. Nothing was written.")
        table = {**table, "backends": known + tomllib.loads(new_table)["tool"]["ice3-bench"]["backends"]}
    return text, parse_settings(table, pyproject).precisions


def _appended(text: str, table: str) -> str | None:
    """Return the text with the table at its end; None if that is not TOML."""
    line = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else line if text.endswith("\n") else 2 * line
    complete = text + gap + table.replace("\n", line)
    try:
        tomllib.loads(complete)
    except tomllib.TOMLDecodeError:
        return None
    return complete
