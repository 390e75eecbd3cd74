"""The submissions to Bencher: one for the reports of a testbed and commit.

A submission holds a Bencher Metric Format document (https://bencher.dev/docs/api/). Bencher's thresholds and histories
belong to a branch, testbed and measure. Results of cells whose physics differs therefore go to a testbed of their own,
which has no thresholds and a name that ends with ``PHYSICS_DIFFERS``. They never alert, and no other result is judged
by them. Other weather is another testbed too. A timing that is marked as doubtful is not sent, nor are the measures
computed from it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ice3_bench.errors import UsageError
from ice3_bench.git import is_branch_name
from ice3_bench.history.queue import Draft
from ice3_bench.measures import MEASURES
from ice3_bench.text import plain
from ice3_probe.messages import FORMER_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.report import Report
    from ice3_bench.settings.policy import BencherPolicy
    from ice3_probe.messages import Arrangement

PHYSICS_DIFFERS = " (physics differs)"
"""End of the name of the testbed that gets the results of wrong physics."""
WEATHER = " ({} weather)"
"""End of the name of the testbed, unless the weather is the shuffled one, the only one before there were others."""
LONGEST_TESTBED = 64
"""Bytes that Bencher takes as the name of a testbed."""
DIGEST = 8
"""Characters of the digest that keeps shortened names apart."""

Document = dict[str, dict[str, dict[str, float]]]


def merge(reports: Iterable[Report]) -> Document:
    """Merge the reports of one testbed into a Bencher Metric Format document; failed benchmarks are left out.

    Raises
    ------
    UsageError
        If two reports hold the same benchmark, or a name is longer than Bencher takes.
    """
    document: Document = {}
    for report in reports:
        for benchmark in report.benchmarks:
            measures = {
                measure: metric.model_dump(exclude_none=True)
                for measure, metric in benchmark.measures.items()
                if benchmark.marked is None or not MEASURES[measure].timing
            }
            if benchmark.error is not None or not measures:
                continue
            if benchmark.name in document:
                raise UsageError(
                    f"Benchmark '{benchmark.name}' is in two reports of one upload: Bencher would keep the last only."
                )
            _check_length("benchmark", benchmark.name, 1024, "Shorten the 'id' of its backend in [tool.ice3-bench].")
            document[benchmark.name] = measures
    return document


def _check_length(what: str, name: str, most: int, remedy: str) -> None:
    size = len(name.encode())
    if not 1 <= size <= most or (most == LONGEST_TESTBED and name != name.strip()):
        raise UsageError(
            f"The {what} name '{name[:80]}' has {size} bytes; Bencher takes 1 to {most} without blanks around them. "
            f"{remedy}"
        )


def _check_branch(name: str) -> None:
    remedy = "Choose another with the variable BENCHER_BRANCH."
    _check_length("branch", name, 256, remedy)
    if not is_branch_name(name):
        raise UsageError(f"Git and Bencher do not take '{plain(name)[:80]}' as the name of a branch. {remedy}")


def physics_differs(testbed: str) -> str:
    """Return the name of the testbed that gets the results of wrong physics, shortened to what Bencher takes."""
    return _ended(testbed, PHYSICS_DIFFERS)


def in_weather(testbed: str, arrangement: Arrangement) -> str:
    """Return the name of the testbed of a machine in weather of this arrangement, shortened to what Bencher takes."""
    return testbed if arrangement == FORMER_ARRANGEMENT else _ended(testbed, WEATHER.format(arrangement))


def _ended(testbed: str, end: str) -> str:
    most = LONGEST_TESTBED - len(end.encode())
    name = testbed.encode()
    if len(name) > most:  # the digest tells apart machines whose names begin alike
        short = name[: most - DIGEST - 1].decode(errors="ignore").strip()
        testbed = f"{short}~{hashlib.sha256(name).hexdigest()[:DIGEST]}"
    return testbed + end


@dataclass(frozen=True)
class Revision:
    """What continuous integration knows about the measured commit; elsewhere, the reports hold it."""

    branch: str
    hash: str
    base: str | None = None
    """Base branch of a pull request."""
    base_hash: str | None = None
    pull_request: int | None = None
    again: bool = False
    """Whether a workflow run is repeated: its thresholds may be older than those of the project."""


def pull_request_branch(number: int, ref: str, owner: str, *, fork: bool, policy: BencherPolicy) -> str:
    """Return Bencher's branch of a pull request; the branches of a fork never share a name with ours.

    Uploads and the archiving of branches both use this name.
    """
    return f"pr/{number}/{owner}/{ref}" if fork or policy.protects(ref) else ref


def draft(
    reports: list[Report], policy: BencherPolicy, revision: Revision | None, problems: dict[str, str]
) -> list[Draft]:
    """Group reports into submissions: one for each testbed and commit, in the order in which they were measured.

    A benchmark that was measured twice at one commit opens another submission. Reports that cannot be sent are left
    out, and ``problems`` says why by their ids.
    """
    groups: list[_Group] = []
    fresh_heads: set[tuple[str, str | None]] = set()
    for report in reports:
        ours = revision is not None and report.commit.hash == revision.hash
        branch = revision.branch if revision is not None and ours else report.commit.branch
        if branch is None:
            problems[report.id] = (
                f"The report of {report.cell} of {report.created:%Y-%m-%d %H:%M} is of commit "
                f"{(report.commit.hash or 'none')[:10]}, which was on no branch"
                f"{' and is not the commit of this run' if revision else ''}: it stays in the local history. "
                "Measure on a branch to send it, or name one: BENCHER_BRANCH=NAME nox -s bench-upload."
            )
            continue
        commit, base = report.commit.hash, policy.base_of(branch, report.commit.base)
        if report.commit.dirty:  # neither this commit nor a point of the branch's history
            branch, commit = f"{branch}-uncommitted", None
        testbed = report.machine.testbed
        try:
            _check_length("testbed", testbed, LONGEST_TESTBED, "Shorten 'testbed' in [tool.ice3-bench].")
            _check_branch(branch)
            testbed = in_weather(testbed, report.protocol.arrangement)
            testbed = physics_differs(testbed) if report.physics_differs else testbed
            content = merge([report])
        except UsageError as error:
            problems[report.id] = f"The report of {report.cell} cannot be sent. {error}"
            continue
        if not content:
            continue
        where = (testbed, branch, commit)
        last = next((group for group in reversed(groups) if group.where == where), None)
        if last is None or commit is None or last.document.keys() & content.keys():
            last = _Group(where, base, pull=revision if revision is not None and ours else None)
            groups.append(last)
        last.document |= content
        last.reports.append(report)
    drafts = []
    for group in groups:
        # One new head for each commit of a pull request: resetting again would push the other testbeds out of it.
        reset = group.where[1:] not in fresh_heads
        fresh_heads.add(group.where[1:])
        try:
            drafts.append(group.draft(policy, reset=reset, again=revision is not None and revision.again))
        except (ArithmeticError, TypeError, ValueError) as error:  # the others must not wait for it
            for report in group.reports:
                problems[report.id] = f"The report of {report.cell} cannot be sent ({type(error).__name__}: {error})."
    return drafts


@dataclass
class _Group:
    where: tuple[str, str, str | None]
    base: str
    pull: Revision | None
    document: Document = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)

    def draft(self, policy: BencherPolicy, *, reset: bool, again: bool) -> Draft:
        testbed, branch, commit = self.where
        first = min(
            report.created - timedelta(seconds=sum(one.seconds for one in report.passes)) for report in self.reports
        )
        last = max(report.created for report in self.reports)
        # The document is sent as text.
        results = json.dumps(self.document, sort_keys=True, allow_nan=False)
        body: dict[str, Any] = {
            "branch": branch,
            "testbed": testbed,
            "start_time": first.isoformat(),
            "end_time": last.isoformat(),
            "results": [results],  # each text is one iteration, and there is only one
            "settings": {"adapter": "json"},
        }
        if commit is not None:
            body["hash"] = commit
        if self.pull is not None and self.pull.base is not None:
            start: dict[str, Any] = {"branch": self.pull.base, "clone_thresholds": True, "reset": reset}
            if self.pull.base_hash is not None:
                start["hash"] = self.pull.base_hash
            body["start_point"] = {**start, "max_versions": policy.max_versions}
        elif branch != self.base:
            body["start_point"] = {
                "branch": self.base,
                "clone_thresholds": True,
                "max_versions": policy.max_versions,
            }
        elif not testbed.endswith(PHYSICS_DIFFERS) and not again:
            # List all measures of the policy each time: with reset, Bencher removes the thresholds of the others.
            body["thresholds"] = {
                "models": {measure: model.as_json() for measure, model in policy.thresholds.items()},
                "reset": True,
            }
        return Draft(testbed, branch, commit, json.dumps(body), tuple(report.id for report in self.reports), results)


class Body:
    """The body of a submission: the text, sent as it was queued, and its content, parsed once."""

    def __init__(self, text: str) -> None:
        self._text = text
        asked = json.loads(text)
        self.testbed: str = asked["testbed"]
        self.branch: str = asked["branch"]
        self.start_point: str | None = asked.get("start_point", {}).get("branch")
        self.expected: set[tuple[str, str]] = {
            (name, measure)
            for document in map(json.loads, asked["results"])
            for name, measures in document.items()
            for measure in measures
        }
        """Benchmarks and measures that the answer must hold."""

    def complete(self, project: str, key: str) -> bytes:
        """Return the body with the project and the idempotency key, which are known only when it is sent."""
        return f"{self._text[:-1]}, {json.dumps({'project': project, 'idempotency_key': key})[1:]}".encode()
