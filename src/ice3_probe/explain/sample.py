"""A check of the accuracy, with everything that explaining it needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ice3_probe.accuracy import checks_of, compare_all, kept_file
from ice3_probe.computed import Computed, case_on
from ice3_probe.errors import cell_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ice3_probe.accuracy import Compared
    from ice3_probe.contract import Case
    from ice3_probe.messages import Job
    from ice3_probe.reference import DataSet

    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """A component on a data set: what the port computed, compared with the reference."""

    data: DataSet
    case: Case
    compared: tuple[Compared, ...]

    @cached_property
    def wrong(self) -> dict[str, Compared]:
        """Outputs that are out of tolerance, by name."""
        return {one.error.field: one for one in self.compared if not one.error.passed}


def beyond(one: Compared) -> Mask:
    """Return the cells in which an output differs by more than its tolerance."""
    errors = cell_errors(one.got, one.norm.reference, one.norm.scale, one.excluded)
    return errors > one.norm.tolerance.value


def samples(job: Job, folder: Path) -> Iterator[Sample]:
    """Yield the checks of a job whose results the accuracy pass kept in a folder.

    Raises
    ------
    DataSetError
        If a data set cannot be used.
    """
    for number, (data, component) in enumerate(checks_of(job)):
        path = kept_file(folder, number)
        if path.exists():  # otherwise the port does not support an option
            case = case_on(data, component)
            compared = compare_all(data, Computed.read(path, case), job.cell.precision, job.profile)
            yield Sample(data, case, tuple(compared))
