"""Which option decides whether an output is wrong, if several data sets were checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe.explain.order import in_order
from ice3_probe.messages import Deciding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ice3_probe.explain.sample import Sample


def deciding(component: str, samples: Sequence[Sample]) -> Iterator[Deciding]:
    """Yield the outputs that are wrong on some data sets only, with every option that tells these from the others."""
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for field in in_order(component, {field for sample in samples for field in sample.wrong}):
        compared = [sample for sample in samples if field in {one.error.field for one in sample.compared}]
        wrong = [sample for sample in compared if field in sample.wrong]
        right = [sample for sample in compared if field not in sample.wrong]
        if not right:
            continue
        options = list(_separating(wrong, right)) or [("", _names(wrong), _names(right))]
        for option in options:
            groups.setdefault(option, []).append(field)
    for (name, wrong_with, right_with), fields in groups.items():
        yield Deciding(component, tuple(fields), name, wrong_with, right_with)


def _separating(
    wrong: Sequence[Sample], right: Sequence[Sample]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    for option in wrong[0].case.options:
        with_wrong, with_right = (
            dict.fromkeys(repr(sample.case.options[option]) for sample in group) for group in (wrong, right)
        )
        if not with_wrong.keys() & with_right.keys():
            yield option, tuple(with_wrong), tuple(with_right)


def _names(samples: Sequence[Sample]) -> tuple[str, ...]:
    return tuple(sample.data.name for sample in samples)
