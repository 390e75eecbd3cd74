"""``python -m ice3_probe PASS ...``: one pass over a cell, or several, in a process of their own."""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_probe import device
from ice3_probe.accuracy import check_all
from ice3_probe.building import build_all, telling
from ice3_probe.channel import Channel, read_job
from ice3_probe.contract import Unavailable
from ice3_probe.describing import describe_all
from ice3_probe.making.make import make
from ice3_probe.messages import Done, Failure, MessageError, Recipe, Started, decode_as
from ice3_probe.ports import PortError, load_port
from ice3_probe.reference import DataSetError
from ice3_probe.rules import judge
from ice3_probe.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ice3_probe.messages import Answer, Job
    from ice3_probe.ports import Port

PASSES = ("check", "compile", "accuracy", "explain", "make", "data", "device")
USAGE = 2
"""Exit code if configuration, arguments, data or machine must be fixed; 1 is the port's fault."""


def main(arguments: list[str] | None = None) -> int:
    """Run passes one after the other; results, the end of each pass and what goes wrong are messages on the channel."""
    parser = argparse.ArgumentParser(prog="python -m ice3_probe", description="Measure a cell in this interpreter.")
    parser.add_argument(
        "passes",
        metavar="PASS",
        nargs="+",
        choices=(*PASSES, "worker"),
    )
    parser.add_argument("--job", type=Path, required=True, help="file with the job")
    parser.add_argument("--channel", type=int, help="descriptor that messages are written to")
    parser.add_argument("--kept", type=Path, help="folder that takes what the port computes, or holds it for explain")
    parser.add_argument("--recipe", type=Path, help="file with the data set that make makes")
    parser.add_argument("--columns", default="name", help="what nvidia-smi is asked about the device")
    options = parser.parse_args(arguments)
    channel = Channel(options.channel)
    try:
        job = read_job(options.job)
        return _run(options.passes, job, channel, options)
    except (MessageError, DataSetError, Unavailable) as error:
        failure = Failure(str(error), usage=True)
    except PortError as error:
        failure = Failure(str(error), usage=error.usage)
    except ModuleNotFoundError as error:
        if error.name not in ("cupy", "cupyx"):
            raise
        failure = Failure(
            "GPU cells need CuPy, which is not installed. Add cupy-cuda{cuda}x to 'requirements' of the backend.",
            usage=True,
        )
    return _fail(channel, failure)


def _run(names: list[str], job: Job, channel: Channel, options: argparse.Namespace) -> int:
    if names == ["worker"]:
        serve(load_port(job.port), job.cell, channel)
        return 0
    load = cache(load_port)
    for name in names:
        for answer in _answers(name, job, options, channel, load):
            if isinstance(answer, Failure):
                return _fail(channel, answer)
            channel.send(answer)
        channel.send(Done())  # a port may end the process, with exit code 0
    return 0


def _answers(
    name: str, job: Job, options: argparse.Namespace, channel: Channel, load: Callable[[str], Port]
) -> Iterable[Answer]:
    """Return the results of a pass as they come; what it begins with is sent to the channel.

    Parameters
    ----------
    load
        Imports the port, or returns it if a pass before has imported it.
    """

    def started(what: str) -> None:
        channel.send(Started(what))

    if name == "compile":
        return build_all(job, channel.send, load)
    if name in ("check", "data"):
        looked: Callable[[Job, Callable[[str], None]], Iterable[Answer]] = judge if name == "check" else describe_all
        return looked(job, started)
    if name == "accuracy":
        return check_all(job, telling(load(job.port), channel.send), started, options.kept)
    if name == "explain":
        from ice3_probe.explain.explanation import explain_all  # noqa: PLC0415 (only this pass has numpy_ice3)

        return explain_all(job, options.kept, started)
    if name == "make":
        return [make(job, decode_as(Recipe, options.recipe.read_text(encoding="utf-8")), load(job.port), started)]
    return [device.describe(options.columns)]


def _fail(channel: Channel, failure: Failure) -> int:
    print(f"Error: {failure.message}", file=sys.stderr)
    channel.send(failure)
    return USAGE if failure.usage else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code) if code else sys.exit(0)
