"""What the page's script draws: every value of every series with its limits, as one compressed text.

Numbers have five digits. Runs stand once for all series that have them. A latency with its limits takes 15 bytes, and
values that repeat take nearly none: ten cells with fourteen benchmarks each and 1500 runs are a page of 3 MB.
"""

from __future__ import annotations

import base64
import json
import statistics
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any

from ice3_bench.history.checks import Timed, limits
from ice3_bench.measures import MEASURES
from ice3_bench.text import changed, suited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ice3_bench.git import Told
    from ice3_bench.history.series import Series
    from ice3_bench.measures import Measure
    from ice3_bench.settings.policy import Threshold

Values = list[float | None]


def compressed(curves: Mapping[str, Any]) -> str:
    """Write data so that a browser can read it: JSON, compressed as by zlib, in base 64."""
    text = json.dumps(curves, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def curves(
    series: Sequence[Series], thresholds: Mapping[str, Threshold], told: Mapping[str, Told], repository: str | None
) -> dict[str, Any]:
    """Return all data of the script, ready for JSON.

    Parameters
    ----------
    thresholds
        Models of the limits by measure.
    told
        What the authors say of commits, by hash.
    repository
        Address of the pages of the repository, to which commits are linked; None: no links.
    """
    commits = list(dict.fromkeys(point.commit for one in series for point in one.points))
    places = {commit: place for place, commit in enumerate(commits)}
    runs: dict[tuple[tuple[int, int], ...], int] = {}
    drawn = []
    for one in series:
        key = tuple((round(point.created.timestamp()), places[point.commit]) for point in one.points)
        drawn.append({**_curve(one, thresholds.get(one.key.measure)), "runs": runs.setdefault(key, len(runs))})
    return {
        "repository": repository,
        "commits": [[commit, *told.get(commit or "", ())] for commit in commits],
        "runs": [{"times": [time for time, _ in key], "commits": [place for _, place in key]} for key in runs],
        "measures": {name: _measure(MEASURES[name]) for name in {one.key.measure for one in series}},
        "series": drawn,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    scales = [(scale.size, scale.unit, int(scale.form[1]), scale.form[2]) for scale in measure.scales]
    return {"scales": scales}


def _curve(one: Series, model: Threshold | None) -> dict[str, Any]:
    measure = MEASURES[one.key.measure]
    scale = suited(measure.scales, statistics.median(one.values))
    lower, upper = _limits(one, model) if model is not None else ([], [])
    changes = one.detection.changes
    return {
        "size": scale.size,
        "axis": measure.axis or scale.unit,
        "measure": measure.name,
        "values": _rounded(one.values),
        "low": _band(one, [point.metric.lower_value for point in one.points]),
        "high": _band(one, [point.metric.upper_value for point in one.points]),
        "lower": _limit(lower),
        "upper": _limit(upper),
        "doubtful": [number for number, point in enumerate(one.points) if not point.trusted],
        "changes": [(change.index, changed(change.relative), one.worse(change)) for change in changes],
        "levels": _rounded([*(change.before for change in changes[:1]), *(change.after for change in changes)]),
    }


def _rounded(values: Sequence[float | None]) -> Values:
    return [None if value is None else float(f"{value:.5g}") for value in values]


def _band(one: Series, values: Values) -> Values | None:
    """Return an edge of the band of a series; None if some values have none, or it is the values themselves."""
    return None if None in values or values == one.values else _rounded(values)


def _limit(values: Values) -> Values | None:
    return _rounded(values) if any(value is not None for value in values) else None


def _limits(one: Series, model: Threshold) -> tuple[Values, Values]:
    """Lower and upper limit of every run, each computed from the runs before it as the check does."""
    lower: Values = []
    upper: Values = []
    most = model.max_sample_size if model.window is None else None
    before: deque[tuple[datetime, Timed]] = deque(maxlen=most)  # newest first
    for point in one.points:
        _, drawn = limits(model, {one.branch: before}, point.created)
        lower.append(drawn.lower)
        upper.append(drawn.upper)
        if point.trusted:
            before.appendleft((point.created, Timed(point.metric.value, point.busy)))
    return lower, upper
