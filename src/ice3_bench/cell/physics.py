"""The passes that build the components of a cell and check their accuracy, in one process."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.cell.passes import answers_of, fail
from ice3_bench.cell.processes import started
from ice3_bench.errors import Interrupted
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ice3_bench.cell.passes import Answers
    from ice3_bench.cell.processes import Process
    from ice3_bench.cell.workplace import Workplace


@dataclass(frozen=True)
class Physics:
    """The passes compile and accuracy in one process, which imports the port once; ``physics`` starts it.

    Attributes
    ----------
    names
        The passes that it runs, in their order; its log has the name of the first.
    """

    place: Workplace
    process: Process
    names: tuple[str, ...]

    def compile_stencils(self) -> list[messages.Built]:
        """Build the components of the cell, or load them from the cache.

        Raises
        ------
        UsageError
            If the compiler, the device or a package is missing, or the port does not exist.
        PassError
            If the port fails.
        """
        return self._answers("compile").of(messages.Built)

    def check_accuracy(self) -> list[messages.Checked]:
        """Compare the components with reference data, in the cell's precision.

        Raises
        ------
        UsageError
            If a data set cannot be used.
        PassError
            If the pass itself fails. Wrong physics is not an error here: the result says so.
        """
        return self._answers("accuracy").of(messages.Checked)

    def _answers(self, name: str) -> Answers:
        first, last = self.names[0], self.names[-1]
        try:
            answers = answers_of(self.place, self.process, name, first, last=name == last)
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted in the {name} pass.") from None
        if not answers.complete:
            raise fail(self.place, name, answers.code, first)
        return answers


@contextmanager
def physics(place: Workplace, *names: str, keep: Path | None = None) -> Iterator[Physics]:
    """Start a process that runs ``compile``, ``accuracy``, or both in this order; ask for their results in that order.

    Parameters
    ----------
    keep
        Folder that takes what the port computes in the accuracy pass, for ``explain_accuracy``.
    """
    place.stencils.mkdir(parents=True, exist_ok=True)
    arguments = ("-m", "ice3_probe", *names, *([f"--kept={keep}"] if keep else []))
    with started(place.interpreter, arguments, place.job, place.log(names[0])) as process:
        yield Physics(place, process, names)


def compile_stencils(place: Workplace) -> list[messages.Built]:
    """Build the components of the cell in a process of its own, as ``Physics.compile_stencils``."""
    with physics(place, "compile") as running:
        return running.compile_stencils()


def check_accuracy(place: Workplace, keep: Path | None = None) -> list[messages.Checked]:
    """Check the accuracy in a process of its own, as ``Physics.check_accuracy``; ``keep`` as in ``physics``."""
    with physics(place, "accuracy", keep=keep) as running:
        return running.check_accuracy()
