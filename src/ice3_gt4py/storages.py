"""Storages of the fields: how they are allocated, filled, read and checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape

State = dict[str, Any]
"""Fields by name: NumPy arrays, or CuPy arrays on a GPU."""

CACHE_LINE = 64
"""bytes"""


def allocate(fields: Iterable[Field], domain: Shape, build: Build) -> State:
    """Allocate zero-filled storages of ``fields`` in the layout of the build."""
    from gt4py import storage  # noqa: PLC0415 (importing GT4Py takes seconds)

    return {
        field.name: aligned_zeros(field.shape(domain), build.dtype)
        if build.layout == "i-first"
        else storage.zeros(
            field.shape(domain), dtype=build.dtype, backend=build.backend, dimensions=tuple(field.dims.upper())
        )
        for field in fields
    }


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros, i first, that begin at a cache line, so that no vector of a row straddles two."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape, order="F")


def from_arrays(fields: Iterable[Field], arrays: Mapping[str, Any], domain: Shape, build: Build) -> State:
    """Allocate ``fields`` and copy those that ``arrays`` holds, converted to the precision of the build.

    Raises
    ------
    ValueError
        If an input field is missing from ``arrays`` or has another shape.
    """
    fields = tuple(fields)
    missing = [field.name for field in fields if field.is_input and field.name not in arrays]
    if missing:
        raise ValueError(f"Missing input field(s): {', '.join(missing)}.")
    state = allocate(fields, domain, build)
    for field in fields:
        if field.name in arrays:
            array = arrays[field.name]
            if array.shape != field.shape(domain):
                raise ValueError(
                    f"Field '{field.name}' has shape {array.shape}: expected {field.shape(domain)} ({field.dims})."
                )
            copy_into(state[field.name], array)
    return state


def copy_into(storage: Any, array: Any) -> None:  # noqa: ANN401
    """Copy an array of the host or of the device into a storage of the same shape."""
    if isinstance(storage, np.ndarray) or not isinstance(array, np.ndarray):
        storage[...] = array
        return
    array = array.astype(storage.dtype, copy=False)
    if storage.flags.c_contiguous or storage.flags.f_contiguous:
        storage.set(array)
    else:  # GT4Py pads the rows, so that threads read neighbouring addresses
        import cupy  # noqa: PLC0415 (only GPU environments have it)

        buffer = cupy.empty(storage.shape, storage.dtype, order="F")
        buffer.set(array)
        storage[...] = buffer


def to_array(storage: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return a storage as a host array; a storage of the host is not copied."""
    return storage if isinstance(storage, np.ndarray) else np.asarray(storage.get(order="A"))


def is_one_row(fields: Iterable[Any]) -> bool:
    """Say whether the columns of all fields (i, j[, k]) follow each other in memory, from row to row.

    A stencil may then take them as a single row, since the point after the last of a row is the first of the next one.
    GT4Py's frozen stencils do not check the domain: they take the row as the domain (i * j, 1, k).
    """
    return all(field.flags.f_contiguous for field in fields)


def check(
    fields: Iterable[Field], state: Mapping[str, Any], domain: Shape, build: Build, any_layout: Container[str] = ()
) -> None:
    """Raise ValueError, naming the field, if one is missing or is not what the component was built for.

    Its shape, its dtype and, unless it is among those that may have ``any_layout``, how it lies in memory are checked.
    """
    axis = build.unit_stride
    for field in fields:
        storage = state.get(field.name)
        if storage is None:
            raise ValueError(f"Missing field '{field.name}' ({field.standard_name}, {field.units}).")
        if storage.shape != field.shape(domain):
            raise ValueError(f"Field '{field.name}' has shape {storage.shape}: expected {field.shape(domain)}.")
        if storage.dtype != build.dtype:
            raise ValueError(f"Field '{field.name}' is {storage.dtype}: expected {build.dtype}.")
        if field.name in any_layout or axis is None or axis >= storage.ndim or storage.shape[axis] == 1:
            continue
        if storage.strides[axis] != storage.itemsize:
            raise ValueError(
                f"Field '{field.name}' has neighbours along {'ijk'[axis]} that are {storage.strides[axis]} bytes apart:"
                f" stencils of {build.backend} need them side by side. Allocate fields with"
                " ice3_gt4py.storages.allocate or from_arrays."
            )
