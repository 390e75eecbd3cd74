"""Numbers with the unit that suits a reader, plurals, lists, commits in short, and text that others wrote."""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class Scale:
    """A unit in which a value is written.

    Attributes
    ----------
    size
        The unit as a multiple of the unit in which values are stored.
    unit
        Its symbol; empty for a plain number.
    form
        Format of the number, such as ``.2f``.
    """

    size: float
    unit: str
    form: str

    def written(self, value: float) -> str:
        """Write a value, given in the unit in which it is stored."""
        return f"{number(value / self.size, self.form)} {self.unit}".rstrip()


UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that are not seen but do something: control, direction, line and paragraph."""
LONGEST = 10_000
"""Characters of a text that are kept."""

Scales = tuple[Scale, ...]
"""Scales of a quantity, the largest first."""
DURATION: Scales = (Scale(1e9, "s", ".2f"), Scale(1e6, "ms", ".2f"), Scale(1e3, "µs", ".2f"), Scale(1.0, "ns", ".0f"))
SIZE: Scales = (Scale(1e9, "GB", ".1f"), Scale(1e6, "MB", ".1f"), Scale(1e3, "kB", ".1f"), Scale(1.0, "B", ".0f"))


def suited(scales: Scales, value: float) -> Scale:
    """Return the largest scale that is not larger than a value, or the smallest scale."""
    return next((scale for scale in scales if abs(value) >= scale.size), scales[-1])


def duration(nanoseconds: float) -> str:
    """Write a duration with the unit that suits it."""
    return suited(DURATION, nanoseconds).written(nanoseconds)


def span(low: float, high: float | None) -> str:
    """Write a duration and a longer one in the unit that suits the first: ``6.51 to 6.74 ms``."""
    scale = suited(DURATION, low)
    end = scale.written(low if high is None else high)
    return end if end == scale.written(low) else f"{low / scale.size:{scale.form}} to {end}"


def size(octets: float) -> str:
    """Write a number of bytes with the unit that suits it (powers of 1000)."""
    return suited(SIZE, octets).written(octets)


def significant(value: float, digits: int) -> str:
    """Write a number with so many significant digits and without an exponent: ``16.2``, ``120``, ``0.031``."""
    return f"{Decimal(f'{value:.{digits - 1}e}'):f}"


def number(value: float, form: str) -> str:
    """Write a number in a format such as ``.2f``; one that is not zero never shows as zero."""
    text = f"{value:{form}}"
    return significant(value, 2) if value != 0.0 and float(text) == 0.0 else text


def changed(relative: float) -> str:
    """Write a relative change as a percentage, or as a factor if the value more than doubled."""
    return f"× {1.0 + relative:.3g}" if relative > 1.0 else f"{100 * relative:+.1f} %"


def percent(share: float) -> str:
    """Write a share as a percentage; one that is not zero never shows as zero."""
    hundredths = 100.0 * share
    return f"{hundredths:.0f} %" if hundredths >= 9.95 or share == 0.0 else f"{hundredths:.2g} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 output``, ``2 outputs``; ``plural`` is the noun with an ``s`` if not given."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def listed(words: Sequence[str]) -> str:
    """Write a list as in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def quoted(names: Collection[str]) -> str:
    """Write names in quotation marks, with commas between them."""
    return ", ".join(f"'{name}'" for name in names)


def short(commit: str | None) -> str:
    """Return the abbreviated hash, or words that say that there is none."""
    return commit[:10] if commit else "no commit"


def folded(text: str, width: int) -> str:
    """Break the lines of sentences between words; indented lines, which hold commands to copy, stay whole."""
    lines = text.split("\n")
    return "\n".join(line if line.startswith(" ") or len(line) <= width else _fill(line, width) for line in lines)


def _fill(line: str, width: int) -> str:
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)


def plain(text: str) -> str:
    """Write what is not seen in a text, except line ends and tabs, as escapes such as x1b; cut a text that is long."""
    kept = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    if kept.isprintable():
        return kept
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in UNSEEN and sign not in "\n\t" else sign
        for sign in kept
    )
