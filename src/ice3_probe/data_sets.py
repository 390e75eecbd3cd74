"""Reference data sets of every format, known by their content: our own, PHYEX's files and dwarf-p-ice3's netCDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe import reference
from ice3_probe.phyex.blocks import files_of, is_block, read_blocks
from ice3_probe.phyex.mapping import data_set
from ice3_probe.phyex.namelist import namelist_beside, read_namelist
from ice3_probe.phyex.netcdf import OLD, layout_of, read_netcdf
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_probe.phyex.blocks import Content
    from ice3_probe.reference import DataSet

DEFAULTS = "No namelist was found: the options are those of PHYEX's test programs."


def load(path: Path, namelist: Path | None = None) -> DataSet:
    """Read a data set.

    Parameters
    ----------
    path
        A file in our own format, a block of PHYEX's test programs or a folder of blocks, or dwarf-p-ice3's netCDF.
    namelist
        File with the options of PHYEX's data; None: the one beside the data, if there is one.

    Raises
    ------
    DataSetError
        If it cannot be used; the message says what is wrong, and where.
    """
    try:
        content = _phyex(path)
        if content is None:
            return reference.load(path)
        beside = path if path.is_dir() else path.parent
        source = namelist or namelist_beside(beside)
    except OSError as error:
        raise DataSetError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
    config = read_namelist(source) if source else {}
    options = f"Options of the namelist {source.name}; others as in PHYEX's test programs." if source else DEFAULTS
    return data_set(path.name, content, config, options)


def _phyex(path: Path) -> Content | None:
    """Read data of PHYEX; None if the file is in our own format, or in none that is known."""
    if path.is_dir():
        return read_blocks(files_of(path))
    if is_block(path):
        return read_blocks([path])
    with path.open("rb") as file:
        start = file.read(len(OLD))
    if start == OLD:
        raise DataSetError(f"{path} is in a netCDF format before version 4: convert it with nccopy -k nc4 OLD NEW.")
    layout = layout_of(path)
    return None if layout is None else read_netcdf(path, layout)
