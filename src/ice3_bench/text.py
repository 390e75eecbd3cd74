"""Values written with the unit that suits a reader."""

from __future__ import annotations


def duration(nanoseconds: float) -> str:
    """Write a duration with the unit that suits it."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def size(octets: float) -> str:
    """Write a number of bytes with the unit that suits it (powers of 1000)."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= scale:
            return f"{octets / scale:.1f} {unit}"
    return f"{octets:.0f} B"


def written(measure: str, value: float) -> str:
    """Write a value of a measure, which is in the unit of ``UNITS``."""
    if measure in ("latency", "transfer-in", "transfer-out"):
        return duration(value)
    if measure == "peak-memory":
        return size(value)
    if measure == "throughput":
        return f"{value / 1e6:.2f} Mpoint/s"
    if measure == "bandwidth":
        return f"{100 * value:.0f} %"
    return f"{value:.1e}"


def changed(relative: float) -> str:
    """Write a relative change as a percentage, or as a factor where it is more than doubling."""
    return f"× {1.0 + relative:.3g}" if relative > 1.0 else f"{100 * relative:+.1f} %"
