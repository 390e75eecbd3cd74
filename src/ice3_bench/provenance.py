"""What a report says about its origin: the revision, the machine, the software and the protocol."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ice3_bench.fields import Count, Hash, Line, Positive, Rate, Share, Text
from ice3_bench.text import short
from ice3_probe.messages import FORMER_ARRANGEMENT, Arrangement


class Record(BaseModel):
    """A record of a report: no unknown field, no number that is not finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Commit(Record):
    """The revision that was measured."""

    hash: Hash | None = None
    branch: Annotated[Line, Field(min_length=1)] | None = None
    dirty: bool = False
    base: Annotated[Line, Field(min_length=1)] | None = None
    """Base branch that this branch goes to, where continuous integration or git tells it."""

    @property
    def text(self) -> str:
        """The abbreviated hash, and whether there were uncommitted changes."""
        return short(self.hash) + (" with uncommitted changes" if self.dirty else "")


class Gpu(Record):
    """The device of a GPU cell; its settings are only read, never changed."""

    name: Line
    uuid: Line
    """Which of several devices of a model."""
    index: Count | None
    """Its number on this machine, in nvidia-smi's order."""
    driver: Line
    runtime: Line
    """Version of the CUDA runtime that CuPy uses."""
    memory_bytes: Count
    cache_bytes: Count
    """Size of the L2 cache."""
    sm_clock_max_mhz: Share | None
    """Highest clock of the multiprocessors; None if the driver does not say."""
    memory_clock_max_mhz: Share | None
    power_limit_watts: Share | None
    sm_clock_mhz: Share | None
    """Clock while the device copies."""
    memory_clock_mhz: Share | None
    copy_bytes_per_second: Rate
    """Bytes read and written per second by large copies on the device."""

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to be compared."""
        return self.model_dump(
            include={"name", "driver", "runtime", "sm_clock_max_mhz", "memory_clock_max_mhz", "power_limit_watts"}
        )


class Machine(Record):
    """The machine and device."""

    testbed: Annotated[Line, Field(min_length=1)]
    cpu: Line
    cores: Positive
    quota: Annotated[Share, Field(gt=0.0)] | None = None
    """Cores' worth of time that the control group allows; None: all of it."""
    memory_bytes: Positive | None
    """None in imported results that do not say it."""
    system: Line
    device: Line | None = None
    """GPU model, for GPU cells."""
    gpu: Gpu | None = None
    triad_bytes_per_second: Rate | None
    """Best STREAM triad of the session, with its threads and clock; None in GPU cells and imported results."""


class ClusterJob(Record):
    """The job of a cluster that measured."""

    cluster: Line
    """What the project calls the cluster."""
    id: Line
    """Number that the scheduler gave it."""
    node: Line
    partition: Line
    """Partition or queue; empty if the scheduler does not say."""


class Software(Record):
    """Versions that matter."""

    python: Line
    compiler: Line | None
    packages: dict[Line, Line]

    def differences(self, before: Software) -> list[str]:
        """Say which versions differ from those of an earlier run, such as ``gt4py 1.1.12 -> 1.2.3``."""
        old = {"python": before.python, **before.packages}
        new = {"python": self.python, **self.packages}
        return [
            f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ]


class Protocol(Record):
    """How it was measured."""

    profile: Line
    compile_args: list[Text]
    threads: Annotated[Positive, Field(le=65536)]
    environment: dict[Line, Text]
    """Variables fixed for the timed process."""
    arrangement: Arrangement = FORMER_ARRANGEMENT
    """Where the columns of the weather stood; reports that do not say so were measured on shuffled ones."""
    data: dict[str, str] = Field(default_factory=dict)
    """Data of PHYEX that were timed instead of the weather: name and digest of the files and the namelist."""

    @property
    def weather(self) -> str:
        """What was timed, in words."""
        return f"data of PHYEX: {', '.join(self.data)}" if self.data else f"{self.arrangement} weather"
