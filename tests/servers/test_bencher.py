"""Uploads against the local server: what arrives, what is said, and what survives failures."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import httpx
import pytest
from benchmarks.uploads import Uploads
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from tests.servers.bencher_server import OTHER_KEY, PROJECT_KEY, TOKEN, USER_KEY, BencherServer, Refusal, limits

from ice3_bench.bencher.client import Bencher, BencherError, Patience
from ice3_bench.bencher.connection import Connection, Missing, connection
from ice3_bench.bencher.document import Body, Revision, draft, merge, pull_request_branch
from ice3_bench.bencher.upload import HISTORY, MOST_REFUSED, Sent, send
from ice3_bench.errors import Exit, UploadError, UsageError
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.names import parse_domain
from ice3_bench.report import Benchmark, Commit, FieldError, Metric, Report
from ice3_bench.settings.policy import BencherPolicy, Test, Threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
HASH = "0123456789abcdef0123456789abcdef01234567"
QUICK = Patience(deadline=5.0, first_wait=0.01, longest_wait=0.02, connect=1.0, reply=0.15, settle=1.0)
IMPATIENT = Patience(deadline=0.2, first_wait=0.01, longest_wait=0.02, connect=1.0, reply=0.15, settle=0.2)


@pytest.fixture
def server() -> Iterator[BencherServer]:
    with BencherServer() as running:
        yield running


@pytest.fixture
def policy(settings: Settings) -> BencherPolicy:
    return settings.bencher


def commit(number: int, branch: str | None = "main", *, dirty: bool = False) -> Commit:
    return Commit(hash=f"{number:040x}", branch=branch, dirty=dirty)


class Uploader:
    """Uploads reports from a results folder to the server."""

    def __init__(self, server: BencherServer, results: Path, policy: BencherPolicy, key: str = PROJECT_KEY) -> None:
        self.server, self.results, self.policy = server, results, policy
        where = connection(server.url, "ice3", key, None)
        assert isinstance(where, Connection)
        self.where = where

    def add(self, *reports: Report) -> None:
        with History(self.results / HISTORY) as history:
            for report in reports:
                history.add(report)

    def send(self, *reports: Report, revision: Revision | None = None, patience: Patience = QUICK) -> Sent:
        self.add(*reports)
        with Bencher(self.where, patience) as client:
            return send(self.results, client, self.policy, revision, {report.id for report in reports})

    def queued(self) -> int:
        with History(self.results / HISTORY) as history:
            return len(history.queue.queued())


@pytest.fixture
def uploader(server: BencherServer, tmp_path: Path, policy: BencherPolicy) -> Uploader:
    return Uploader(server, tmp_path / "results", policy)


def values(server: BencherServer, measure: str = "latency") -> list[list[float]]:
    """Values of a measure, report by report."""
    return [[m.value for m in r.metrics if m.measure.slug == measure] for r in server.project.reports]


# --- The document -----------------------------------------------------------------------------------------------------


def test_reports_of_a_testbed_become_one_document(make_report: Callable[..., Report]) -> None:
    first, second = make_report(), make_report()
    second.benchmarks[0].name = "ice_adjust/numpy/float64/50x50x60"
    document = merge([first, second])
    assert list(document) == ["ice_adjust/gt_cpu_ifirst/float64/50x50x60", "ice_adjust/numpy/float64/50x50x60"]
    assert document[first.benchmarks[0].name]["latency"] == {"value": 1e6, "lower_value": 1e6, "upper_value": 1.03e6}
    assert document[first.benchmarks[0].name]["peak-memory"] == {"value": 36e6}


def test_failed_benchmarks_are_left_out(make_report: Callable[..., Report]) -> None:
    report = make_report()
    report.benchmarks[0].error = "it failed"
    assert merge([report]) == {}


def test_t10_one_name_in_two_reports_is_refused(make_report: Callable[..., Report]) -> None:
    with pytest.raises(UsageError, match="is in two reports"):
        merge([make_report(), make_report()])


def test_t14_long_names_are_refused(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    report = make_report()
    report.benchmarks[0].name = "é" * 513
    with pytest.raises(UsageError, match="1026 bytes"):
        merge([report])
    long = make_report(machine=make_report().machine.model_copy(update={"testbed": "é" * 33}))
    sent = uploader.send(long, report)
    assert len(sent.problems) == 2
    assert "66 bytes" in sent.problems[0]
    assert sent.code is Exit.NOT_UPLOADED
    assert server.runs == []


metrics = st.builds(Metric, value=st.floats(allow_nan=False, allow_infinity=False))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@hypothesis_settings(deadline=None, max_examples=30)
@given(
    contents=st.lists(
        st.dictionaries(names, st.dictionaries(st.sampled_from(list(MEASURES)), metrics, min_size=1), max_size=4),
        max_size=4,
    )
)
def test_merging_keeps_every_value_or_refuses(contents: list[dict[str, dict[Any, Metric]]]) -> None:
    reports = [
        cast("Any", Report).model_construct(
            benchmarks=[
                Benchmark.model_construct(name=name, component="c", domain=(1, 1, 1), measures=measures)
                for name, measures in content.items()
            ]
        )
        for content in contents
    ]
    every = [name for content in contents for name in content]
    if len(set(every)) < len(every):
        with pytest.raises(UsageError, match="two reports"):
            merge(reports)
        return
    document = json.loads(json.dumps(merge(reports), allow_nan=False))
    assert {
        (name, measure): metric["value"] for name, measures in document.items() for measure, metric in measures.items()
    } == {
        (name, measure): metric.value
        for content in contents
        for name, measures in content.items()
        for measure, metric in measures.items()
    }


# --- Grouping ---------------------------------------------------------------------------------------------------------


def second_cell(make_report: Callable[..., Report], **fields: Any) -> Report:
    report = make_report(cell="numpy-float64", backend="numpy", **fields)
    report.benchmarks[0].name = "ice_adjust/numpy/float64/50x50x60"
    return report


def test_cells_of_one_commit_travel_together_and_measuring_again_travels_apart(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    other = make_report().machine.model_copy(update={"testbed": "node"})
    reports = [
        make_report(),
        second_cell(make_report),
        make_report(machine=other),
        make_report(),
        make_report(commit=commit(7)),
    ]
    drafts = draft(reports, policy, None, {})
    assert [one.runs for one in drafts] == [
        (reports[0].id, reports[1].id),
        (reports[2].id,),
        (reports[3].id,),
        (reports[4].id,),
    ]
    body = json.loads(drafts[0].body)
    assert (body["branch"], body["hash"], body["testbed"]) == ("main", HASH, "laptop")
    assert len(body["results"]) == 1  # T6: one iteration, nothing to fold
    assert body["settings"] == {"adapter": "json"}


@hypothesis_settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), max_size=12))
def test_every_report_is_in_one_submission_and_order_is_kept(
    runs: list[tuple[int, bool, bool]], make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    reports = [
        (second_cell if other else make_report)(*([make_report] if other else []), commit=commit(number, dirty=dirty))
        for number, other, dirty in runs
    ]
    drafts = draft(reports, policy, None, {})
    assert sorted(run for one in drafts for run in one.runs) == sorted(report.id for report in reports)
    position = {report.id: index for index, report in enumerate(reports)}
    assert [position[one.runs[0]] for one in drafts] == sorted(position[one.runs[0]] for one in drafts)
    for one in drafts:
        together = [reports[position[run]] for run in one.runs]
        assert len({report.cell for report in together}) == len(together)
        assert len({(report.commit.hash, report.commit.dirty) for report in together}) == 1


def test_t12_every_upload_names_all_thresholds(make_report: Callable[..., Report], policy: BencherPolicy) -> None:
    (one,) = draft([make_report()], policy, None, {})
    thresholds = json.loads(one.body)["thresholds"]
    assert set(thresholds["models"]) == set(policy.thresholds)
    assert thresholds["reset"] is True
    assert thresholds["models"]["latency"] == {"test": "percentage", "upper_boundary": 0.25, "max_sample_size": 64}


def test_uncommitted_changes_are_no_point_of_the_branchs_history(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    reports = [make_report(commit=commit(1, dirty=True)), second_cell(make_report, commit=commit(1, dirty=True))]
    drafts = draft(reports, policy, None, {})
    assert len(drafts) == 2  # nothing says that both are of the same changes
    bodies = [json.loads(one.body) for one in drafts]
    assert all("hash" not in body and "thresholds" not in body for body in bodies)
    assert {(body["branch"], body["start_point"]["branch"]) for body in bodies} == {("main-uncommitted", "main")}


def test_a_commit_on_no_branch_is_said(make_report: Callable[..., Report], policy: BencherPolicy) -> None:
    problems: dict[str, str] = {}
    report = make_report(commit=commit(1, None))
    assert draft([report], policy, None, problems) == []
    assert "on no branch" in problems[report.id]
    assert "BENCHER_BRANCH=NAME nox -s bench-upload" in problems[report.id]


def test_a_commit_on_no_branch_is_an_error_once(make_report: Callable[..., Report], uploader: Uploader) -> None:
    first = uploader.send(make_report(commit=commit(1, None)))
    assert first.code is Exit.NOT_UPLOADED
    assert "on no branch" in first.problems[0]
    later = uploader.send(make_report(commit=commit(2)))
    assert (later.code, later.problems, later.left) == (Exit.OK, [], 1)
    named = Revision(branch="bisect", hash=commit(1).hash or "")
    assert uploader.send(revision=named).outcomes[0].branch == "bisect"


def test_a_topic_branch_starts_from_the_base_without_reset(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    (one,) = draft([make_report(commit=commit(1, "topic"))], policy, None, {})
    body = json.loads(one.body)
    assert body["start_point"] == {"branch": "main", "clone_thresholds": True, "max_versions": 255}
    assert "thresholds" not in body


def test_only_the_first_testbed_of_a_pull_request_resets(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    revision = Revision(branch="topic", hash=HASH, base="main", base_hash="b" * 40, pull_request=3)
    node = make_report().machine.model_copy(update={"testbed": "node"})
    ours = Commit(hash=HASH, branch=None)
    drafts = draft([make_report(commit=ours), make_report(commit=ours, machine=node)], policy, revision, {})
    points = [json.loads(one.body)["start_point"] for one in drafts]
    assert [point["reset"] for point in points] == [True, False]
    assert all(point["hash"] == "b" * 40 and point["clone_thresholds"] for point in points)


def test_t9_no_fork_can_name_a_branch_of_ours(policy: BencherPolicy) -> None:
    assert pull_request_branch(5, "main", "someone", fork=True, policy=policy) == "pr/5/someone/main"
    assert pull_request_branch(5, "release/1", "us", fork=False, policy=policy) == "pr/5/us/release/1"
    assert pull_request_branch(5, "topic", "us", fork=False, policy=policy) == "topic"


def differing(make_report: Callable[..., Report], **fields: Any) -> Report:
    wrong = FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1.0, tolerance=1e-12, passed=False)
    report = make_report(accuracy=[wrong], accuracy_policy="report", **fields)
    report.benchmarks[0].measures["wrong-outputs"] = Metric(value=1.0)
    return report


def test_results_of_wrong_physics_travel_apart_without_thresholds(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    right = second_cell(make_report)
    drafts = draft([differing(make_report), right], policy, None, {})
    assert [one.testbed for one in drafts] == ["laptop (physics differs)", "laptop"]
    bodies = [json.loads(one.body) for one in drafts]
    assert ["thresholds" in body for body in bodies] == [False, True]
    (document,) = map(json.loads, bodies[0]["results"])
    assert document["ice_adjust/gt_cpu_ifirst/float64/50x50x60"]["wrong-outputs"] == {"value": 1.0}


def test_wrong_physics_never_alerts_and_is_said(make_report: Callable[..., Report], uploader: Uploader) -> None:
    uploader.send(make_report(commit=commit(1)))
    uploader.send(differing(make_report, commit=commit(2)))
    sent = uploader.send(differing(make_report, latency=9e6, commit=commit(3)))
    assert (sent.code, sent.alerts) == (Exit.OK, 0)
    (said,) = sent.outcomes[0].silences(uploader.policy)
    assert "its physics differs" in said
    pulled = Revision("topic", commit(4).hash or "", "main", commit(1).hash, 3)
    sent = uploader.send(differing(make_report, latency=9e7, commit=commit(4, None)), revision=pulled)
    assert sent.alerts == 0
    assert uploader.send(make_report(1e7, commit=commit(5))).alerts == 1  # judged by the right run alone


def test_a_marked_timing_is_not_sent(make_report: Callable[..., Report]) -> None:
    report = make_report()
    report.benchmarks[0].marked = "the result was not ready"
    (measures,) = merge([report]).values()
    assert set(measures) == {"peak-memory", "accuracy"}


def test_a_body_is_sent_as_it_was_queued(make_report: Callable[..., Report], policy: BencherPolicy) -> None:
    (one,) = draft([make_report(commit=commit(1, "topic/é"))], policy, None, {})
    body = Body(one.body)
    parsed = {**json.loads(one.body), "project": "ice3", "idempotency_key": "k"}
    assert body.complete("ice3", "k") == json.dumps(parsed).encode()
    assert (body.testbed, body.start_point, len(body.expected)) == ("laptop", "main", 5)


# --- Sending ----------------------------------------------------------------------------------------------------------


def test_measures_get_their_units_before_the_first_upload(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    sent = uploader.send(make_report())
    assert sent.code is Exit.OK
    assert {one.slug: one.units for one in server.project.measures} == {
        slug: measure.bencher_units for slug, measure in MEASURES.items()
    }
    server.log.clear()
    uploader.send(make_report(commit=commit(2)))
    assert server.log == [("POST", "/v0/run", 201)]  # one request once the place is known


def test_measures_added_since_a_server_was_prepared_are_created_with_their_units(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    with History(uploader.results / HISTORY) as history:
        history.queue.note_prepared(uploader.where.place, None)  # as a version with fewer measures left it
    sent = uploader.send(make_report())
    assert "transfer-in" in sent.created
    assert {one.slug: one.units for one in server.project.measures}["transfer-out"] == "nanoseconds (ns)"


def test_one_request_for_the_whole_matrix(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, settings: Settings
) -> None:
    uploader.send(make_report(commit=commit(1)))
    reports = []
    for cell in settings.cells:
        report = make_report(cell=cell.id, backend=cell.backend.name, precision=cell.precision)
        report.benchmarks = [
            report.benchmarks[0].model_copy(
                update={
                    "name": f"{component}/{cell.backend.id}/{cell.precision}/{domain}",
                    "component": component,
                    "domain": parse_domain(domain),
                }
            )
            for component in ("ice_adjust", "rain_ice")
            for domain in ("50x50x60", "100x100x90")
        ]
        reports.append(report)
    uploader.add(*reports)
    server.log.clear()
    sent = uploader.send(patience=Patience())  # benchmarks/uploads.py says how long it takes
    assert server.log == [("POST", "/v0/run", 201)]
    assert len(sent.outcomes[0].lines) == len(settings.cells) * 2 * 2 * 5
    with History(uploader.results / HISTORY) as history:
        (*_, whole) = history.queue.sent(HASH)
    assert len(whole.body) < 100_000


def test_t1_alerts_are_counted_without_counts(
    make_report: Callable[..., Report], tmp_path: Path, policy: BencherPolicy
) -> None:
    with BencherServer(version="0.6.8") as old:
        uploader = Uploader(old, tmp_path, policy)
        uploader.send(make_report(commit=commit(1)))
        sent = uploader.send(make_report(1.5e6, commit=commit(2)))
    assert sent.alerts == 1
    assert sent.code is Exit.FAILED
    (line,) = [line for line in sent.outcomes[0].lines if line.alert]
    assert (line.measure, line.alert, line.baseline, line.upper_limit) == ("latency", "upper", 1e6, 1.25e6)


def test_t2_the_first_value_is_said_to_be_untested(make_report: Callable[..., Report], uploader: Uploader) -> None:
    sent = uploader.send(make_report(1e9))
    (said,) = sent.outcomes[0].silences(uploader.policy)
    assert said.startswith("Not tested")
    assert "ice_adjust/gt_cpu_ifirst/float64/50x50x60 latency" in said
    assert uploader.send(make_report(1e9, commit=commit(2))).outcomes[0].silences(uploader.policy) == []


def test_t3_a_pull_request_without_base_history_is_said(make_report: Callable[..., Report], uploader: Uploader) -> None:
    revision = Revision(branch="topic", hash=HASH, base="main", base_hash="b" * 40, pull_request=3)
    ours = Commit(hash=HASH, branch=None)
    sent = uploader.send(make_report(commit=ours), revision=revision)
    assert "start point 'main' is unknown" in sent.outcomes[0].silences(uploader.policy)[0]
    uploader.send(make_report(commit=commit(1)))
    node = make_report().machine.model_copy(update={"testbed": "node"})
    sent = uploader.send(make_report(commit=ours, machine=node), revision=revision)
    assert "no history of 'main' on testbed 'node'" in sent.outcomes[0].silences(uploader.policy)[0]


def test_a_measure_without_threshold_is_said(
    make_report: Callable[..., Report], server: BencherServer, tmp_path: Path, policy: BencherPolicy
) -> None:
    bare = policy.model_copy(update={"thresholds": {"latency": policy.thresholds["latency"]}})
    sent = Uploader(server, tmp_path, bare).send(make_report())
    assert any("No threshold" in said and "peak-memory" in said for said in sent.outcomes[0].silences(bare))
    assert not any("bandwidth" in said for said in sent.outcomes[0].silences(bare))


def test_t4_after_a_refusal_the_key_is_never_used_again(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.body_limit = 10
    sent = uploader.send(make_report(), patience=IMPATIENT)  # refused before the report row: the measures
    assert isinstance(sent.failure, UploadError)
    server.body_limit = 4 * 2**20
    with History(uploader.results / HISTORY) as history:
        (submission,) = history.queue.queued()
    body = json.loads(submission.body)
    with Bencher(uploader.where, QUICK) as client, pytest.raises(BencherError, match="status 400"):
        client.submit(submission.key, Body(json.dumps({**body, "settings": {"adapter": "python_pytest"}})))
    assert [report.metrics for report in server.project.reports] == [[]]  # the row is there, the key is used
    assert uploader.send(patience=IMPATIENT).code is Exit.OK  # the empty report is seen, and a new key taken at once
    assert values(server) == [[], [1e6]]
    assert len(server.project.keys) == 2


def test_t4_a_report_that_stays_empty_is_a_failure(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.fault = lambda _method, path: "halfway" if path == "/v0/run" else None
    sent = uploader.send(make_report(), patience=IMPATIENT)
    assert "without its results" in str(sent.failure)
    assert sent.code is Exit.NOT_UPLOADED
    assert uploader.queued() == 1
    server.fault = lambda _method, _path: None
    assert uploader.send().code is Exit.OK
    assert values(server) == [[], [], [1e6]]  # the two tries left rows without results


def test_a_refused_key_is_not_used_again(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    keys: list[str] = []
    for _ in range(2):
        server.fault = lambda _method, path: "400" if path == "/v0/run" else None
        uploader.send(*([] if keys else [make_report()]))
        with History(uploader.results / HISTORY) as history:
            keys.append(history.queue.queued()[0].key)
    server.fault = lambda _method, _path: None
    assert uploader.send().code is Exit.OK
    (used,) = server.project.keys
    assert used == keys[1] != keys[0]
    assert server.runs == [400, 400, 201]  # no refusal is retried


def test_the_same_reports_in_another_history_are_not_taken_twice(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, tmp_path: Path
) -> None:
    reports = [make_report(), second_cell(make_report)]
    uploader.send(*reports)
    again = Uploader(server, tmp_path / "elsewhere", uploader.policy)  # as when a job of a workflow is run again
    assert again.send(*reports).code is Exit.OK
    assert values(server) == [[1e6, 1e6]]


def test_a_fork_that_copies_ids_does_not_make_results_of_ours_vanish(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, tmp_path: Path
) -> None:
    ours = make_report(1e6)
    theirs = Uploader(server, tmp_path / "fork", uploader.policy)
    forged = make_report(9e6, id=ours.id, commit=Commit(hash="f" * 40))
    revision = Revision(branch="pr/5/someone/topic", hash="f" * 40, base="main", pull_request=5)
    assert theirs.send(forged, revision=revision).code is Exit.OK
    sent = uploader.send(ours)
    assert (sent.code, [one.branch for one in sent.outcomes]) == (Exit.OK, ["main"])
    assert values(server) == [[9e6], [1e6]]


def test_the_key_follows_from_what_is_sent_and_where(make_report: Callable[..., Report], policy: BencherPolicy) -> None:
    report = make_report()
    node = report.machine.model_copy(update={"testbed": "node"})
    others = [
        make_report(id=report.id),
        make_report(2e6, id=report.id),
        make_report(id=report.id, machine=node),
        make_report(id=report.id, commit=commit(1, "topic")),
        make_report(id=report.id, commit=commit(2)),
        make_report(),
    ]
    keys = [one.key for other in (report, *others) for one in draft([other], policy, None, {})]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(others)


@pytest.mark.parametrize("what", ["branch", "testbed"])
def test_an_answer_for_another_branch_or_testbed_is_an_error(
    make_report: Callable[..., Report],
    uploader: Uploader,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    uploader.send(make_report(commit=commit(1)))
    asked = Bencher._request

    def other(client: Bencher, method: str, path: str, **given: Any) -> Any:
        reply = asked(client, method, path, **given)
        if path == "/v0/run":
            reply[what]["name"] = "elsewhere"
        return reply

    monkeypatch.setattr(Bencher, "_request", other)
    sent = uploader.send(make_report(commit=commit(2)))
    assert sent.code is Exit.NOT_UPLOADED
    assert f"{what} 'elsewhere'" in sent.refused[0]
    assert uploader.queued() == 1


def test_two_uploads_at_once_store_nothing_twice(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    uploader.send(make_report(commit=commit(1)))
    uploader.add(make_report(1.01e6, commit=commit(2)))
    faults = iter(["halfway"])  # leaves a report without results: they are sent again under a new key
    server.fault = lambda _method, path: next(faults, None) if path == "/v0/run" else None
    with ThreadPoolExecutor(2) as pool:
        sent = list(pool.map(lambda _: uploader.send(), range(2)))
    assert [one.code for one in sent] == [Exit.OK, Exit.OK]
    assert sorted(len(one.outcomes) for one in sent) == [0, 1]
    assert [value for report in values(server) for value in report] == [1e6, 1.01e6]


def test_a_report_that_cannot_be_sent_does_not_block_the_others(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    naive, late, long = make_report(2e6), make_report(3e6), make_report(4e6)
    naive.created = naive.created.replace(tzinfo=None)
    late.created = late.created.replace(year=9999)
    long.passes[0].seconds = 1e300
    sent = uploader.send(naive, late, long, make_report(1e6))
    assert values(server) == [[1e6]]
    assert sent.code is Exit.NOT_UPLOADED
    assert [name in "".join(sent.problems) for name in (naive.id, late.id, long.id)] == [True, True, True]
    later = uploader.send(make_report(1.01e6, commit=commit(5)))
    assert (later.code, values(server)) == (Exit.OK, [[1e6], [1.01e6]])


def test_the_times_sent_are_those_of_begin_and_end(make_report: Callable[..., Report], policy: BencherPolicy) -> None:
    ended = datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC)
    (one,) = draft([make_report(created=ended)], policy, None, {})  # its passes took 3 s
    body = json.loads(one.body)
    assert (body["start_time"], body["end_time"]) == ("2026-03-01T12:00:00+00:00", "2026-03-01T12:00:03+00:00")


def test_a_repeated_run_does_not_set_its_thresholds_again(
    make_report: Callable[..., Report], policy: BencherPolicy
) -> None:
    report = make_report()
    for again in (False, True):
        revision = Revision(branch="main", hash=report.commit.hash or "", again=again)
        (one,) = draft([report], policy, revision, {})
        assert ("thresholds" in json.loads(one.body)) is not again


@pytest.mark.parametrize("variable", ["ALL_PROXY", "SSL_CERT_FILE"])
def test_a_client_that_cannot_be_made_is_explained(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, {"ALL_PROXY": "nonsense://127.0.0.1:1"}.get(variable, "/no/such/file"))
    with pytest.raises(UploadError, match=r"No connection to .*ALL_PROXY"):
        Bencher(uploader.where, QUICK)


def test_t4_results_that_arrive_after_the_answer_are_waited_for(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    faults = iter(["late"])
    server.fault = lambda _method, path: next(faults, None) if path == "/v0/run" else None
    sent = uploader.send(make_report())
    assert sent.code is Exit.OK
    assert len(sent.outcomes[0].lines) == 5
    assert values(server) == [[1e6]]


def test_t4_results_that_are_there_at_the_last_look_are_not_sent_again(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.delay = 0.3
    runs, looks = iter(["late"]), iter(["hold"])

    def fault(_method: str, path: str) -> str | None:
        return next(runs, None) if path == "/v0/run" else next(looks, None) if "/reports/" in path else None

    server.fault = fault
    # The look takes longer than results are waited for, and finds them.
    sent = uploader.send(make_report(), patience=Patience(deadline=5.0, first_wait=0.01, settle=0.2))
    assert sent.code is Exit.OK
    assert values(server) == [[1e6]]


@pytest.mark.parametrize("fault", ["drop", "lose", "truncate", "slow", "503", "500", "429"])
def test_t5_passing_failures_are_retried_and_nothing_arrives_twice(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, fault: str
) -> None:
    faults = iter([fault, fault])
    server.fault = lambda _method, path: next(faults, None) if path == "/v0/run" else None
    assert uploader.send(make_report()).code is Exit.OK
    assert values(server) == [[1e6]]
    assert uploader.queued() == 0


@pytest.mark.parametrize("fault", ["drop", "lose", "truncate", "slow", "503", "429"])
def test_what_cannot_be_sent_stays_queued_in_order(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, fault: str
) -> None:
    server.fault = lambda _method, path: fault if path == "/v0/run" else None
    sent = uploader.send(make_report(1.0, commit=commit(1)), make_report(1.1, commit=commit(2)), patience=IMPATIENT)
    assert sent.code is Exit.NOT_UPLOADED
    assert "2 submissions stay queued" in str(sent.failure)
    assert "nox -s bench-upload" in str(sent.failure)
    server.fault = lambda _method, _path: None
    assert uploader.send(make_report(1.2, commit=commit(3))).code is Exit.OK
    assert values(server) == [[1.0], [1.1], [1.2]]


def test_no_server_is_exit_3(make_report: Callable[..., Report], tmp_path: Path, policy: BencherPolicy) -> None:
    with BencherServer() as gone:
        uploader = Uploader(gone, tmp_path, policy)
    sent = uploader.send(make_report(), patience=IMPATIENT)
    assert sent.code is Exit.NOT_UPLOADED
    assert "ConnectError" in str(sent.failure)
    assert uploader.queued() == 1


@pytest.mark.parametrize(
    ("key", "status", "remedy"),
    [
        (USER_KEY[:-1] + "x", 401, "create one and set BENCHER_API_KEY"),
        (OTHER_KEY, 404, "nox -s bencher -- check"),
    ],
)
def test_refused_credentials_are_explained_without_retry(
    make_report: Callable[..., Report],
    server: BencherServer,
    tmp_path: Path,
    policy: BencherPolicy,
    key: str,
    status: int,
    remedy: str,
) -> None:
    sent = Uploader(server, tmp_path, policy, key).send(make_report())
    assert f"status {status}" in str(sent.failure)
    assert remedy in str(sent.failure)
    assert len(server.log) == 1


def test_a_web_page_is_no_api(
    make_report: Callable[..., Report], uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = httpx.MockTransport(lambda _request: httpx.Response(200, html="<html>console</html>"))
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: client(**options, transport=page))
    start = time.monotonic()
    sent = uploader.send(make_report())
    assert "is not the API of Bencher" in str(sent.failure)
    assert "console" in str(sent.failure)
    assert sent.code is Exit.NOT_UPLOADED
    assert time.monotonic() - start < QUICK.deadline  # it is not tried again


def test_the_deadline_ends_a_server_that_says_nothing(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.delay, server.fault = 30.0, lambda _method, _path: "hold"
    start = time.monotonic()
    sent = uploader.send(make_report(), patience=Patience(deadline=0.5, first_wait=0.01))  # replies may take a minute
    assert sent.code is Exit.NOT_UPLOADED
    assert "within 0.5 s" in str(sent.failure)
    assert time.monotonic() - start < 10.0


def test_t6_one_document_is_one_iteration_and_nothing_is_folded(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, policy: BencherPolicy
) -> None:
    reports = [make_report(2e6), second_cell(make_report)]
    (one,) = draft(reports, policy, None, {})
    body = json.loads(one.body)
    assert len(body["results"]) == 1
    assert "fold" not in body["settings"]
    uploader.send(*reports)
    assert sorted(values(server)[0]) == [1e6, 2e6]  # neither is halved


def test_t15_an_alert_a_failure_and_wrong_usage_have_exit_codes_of_their_own(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    assert uploader.send(make_report(commit=commit(1))).code == 0
    assert uploader.send(make_report(2e6, commit=commit(2))).code == 1
    server.fault = lambda _method, path: "503" if path == "/v0/run" else None
    assert uploader.send(make_report(commit=commit(3)), patience=IMPATIENT).code == 3
    runs = iter([None, *["503"] * 100])
    server.fault = lambda _method, path: next(runs) if path == "/v0/run" else None
    uploader.add(make_report(9e6, commit=commit(4)))
    assert uploader.send(make_report(commit=commit(5)), patience=IMPATIENT).code == 3  # commit 3 went, 4 did not
    runs = iter([None, *["503"] * 100])
    assert uploader.send(patience=IMPATIENT).code == 1  # commit 4 alerts, 5 did not go: the regression says more
    with pytest.raises(UsageError) as error:
        connection(None, "ice3", "wrong", None)
    assert error.value.code == 2


def test_t11_spreads_are_no_limits(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    uploader.send(make_report(commit=commit(1)))
    report = make_report(commit=commit(2))
    report.benchmarks[0].measures["latency"] = Metric(value=1e6, lower_value=1.0, upper_value=1e9)
    assert uploader.send(report).alerts == 0
    assert any(m.bounds == {"lower_value": 1.0, "upper_value": 1e9} for m in server.project.reports[-1].metrics)


def test_t8_only_what_the_history_holds_is_sent_and_once(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    report = make_report()
    uploader.send(report)
    uploader.send(report)  # the same, stale, report again
    assert server.runs == [201]


def test_a_refused_submission_is_set_aside_alone(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.fault = lambda _method, path: "400" if path == "/v0/run" else None
    sent = uploader.send(make_report(commit=commit(1)))
    (said,) = sent.refused
    assert said.startswith("Submission 1 (testbed 'laptop', branch 'main') is set aside")
    assert said.endswith("-- --discard 1 gives it up.")
    assert (sent.code, sent.failure) == (Exit.NOT_UPLOADED, None)
    refusals = iter(["400"])
    server.fault = lambda _method, path: next(refusals, None) if path == "/v0/run" else None
    again = uploader.send(make_report(2.0, commit=commit(2)))
    assert again.code is Exit.NOT_UPLOADED
    assert values(server) == [[2.0]]
    with History(uploader.results / HISTORY) as history:
        assert [one.number for one in history.queue.queued()] == [1]
        assert history.queue.discard(1)
        assert not history.queue.discard(1)
    assert uploader.send().code is Exit.OK


def test_what_is_refused_every_time_is_not_tried_for_ever(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    server.fault = lambda _method, path: "400" if path == "/v0/run" else None
    sent = uploader.send(*(make_report(commit=commit(number)) for number in range(1, 9)))
    assert len(sent.refused) == MOST_REFUSED
    assert uploader.queued() == 8


def test_a_queued_submission_that_cannot_be_read_or_is_too_large_is_set_aside(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader.send(make_report())  # the measures are there
    for number, body in ((2, "[]"), (3, None)):
        uploader.add(make_report(commit=commit(number)))
        with History(uploader.results / HISTORY) as history:
            history.queue.enqueue(lambda reports: draft(reports, uploader.policy, None, {}))
            if body is not None:
                history.connection.execute("UPDATE submission SET body = ? WHERE number = ?", (body, number))
    monkeypatch.setattr("ice3_bench.bencher.client.BODY_LIMIT", 100)
    sent = uploader.send()
    assert ["It cannot be read" in sent.refused[0], "more than the 100 that" in sent.refused[1]] == [True, True]
    monkeypatch.undo()
    assert len(uploader.send().outcomes) == 1
    assert len(server.project.reports) == 2


def test_a_pull_request_takes_thresholds_and_history_of_its_base(
    make_report: Callable[..., Report], uploader: Uploader, server: BencherServer
) -> None:
    for number in (1, 2):
        uploader.send(make_report(commit=commit(number)))
    revision = Revision("topic", HASH, "main", f"{1:040x}", 3)
    slow = uploader.send(make_report(2e6, commit=Commit(hash=HASH)), revision=revision)
    assert slow.alerts == 1
    again = Revision("topic", "f" * 40, "main", f"{2:040x}", 3)
    assert uploader.send(make_report(commit=Commit(hash="f" * 40)), revision=again).alerts == 0
    topic = server.project.branch("topic")
    assert [version.hash for version in topic.head.versions] == [f"{1:040x}", f"{2:040x}", "f" * 40]
    assert [m.status for r in server.project.reports for m in r.metrics if m.limit] == ["silenced"]


# --- Credentials ------------------------------------------------------------------------------------------------------


def test_without_credentials_it_says_how_to_connect() -> None:
    missing = connection(None, "ice3", None, None)
    assert isinstance(missing, Missing)
    assert "BENCHER_API_KEY" in missing.reason
    assert "docs/bencher.md" in missing.reason


@pytest.mark.parametrize(("key", "token"), [("", None), (None, ""), ("", "")])
def test_t13_empty_credentials_are_said(key: str | None, token: str | None) -> None:
    missing = connection(None, "ice3", key, token)
    assert isinstance(missing, Missing)
    assert "empty" in missing.reason


@pytest.mark.parametrize(
    ("host", "project", "key", "token", "match"),
    [
        (None, "ice3", "bencher_user_short", None, "BENCHER_API_KEY is not a key"),
        (None, "ice3", TOKEN, None, "belongs in BENCHER_API_TOKEN"),
        (None, "ice3", None, USER_KEY, "belongs in BENCHER_API_KEY"),
        (None, None, USER_KEY, None, "BENCHER_PROJECT is not"),
        (None, "a/b", USER_KEY, None, "not a slug"),
        ("ftp://x", "ice3", USER_KEY, None, "not an address"),
        ("https://user:pass@x", "ice3", USER_KEY, None, "without credentials"),
        ("https://x:port", "ice3", USER_KEY, None, "not an address"),
        ("http://[::1", "ice3", USER_KEY, None, "not an address"),
    ],
)
def test_wrong_settings_are_explained_without_quoting_the_credential(
    host: str | None, project: str | None, key: str | None, token: str | None, match: str
) -> None:
    with pytest.raises(UsageError, match=match) as error:
        connection(host, project, key, token)
    assert not any(secret in str(error.value) for secret in (key, token, "user:pass") if secret)


def test_the_kind_of_a_credential() -> None:
    kinds = [connection(None, "ice3", key, None) for key in (USER_KEY, PROJECT_KEY)]
    kinds.append(connection("http://bencher.lan:6610", "ice3", None, TOKEN))
    assert [one.kind for one in kinds if isinstance(one, Connection)] == ["user key", "project key", "token"]
    assert [one.unencrypted for one in kinds if isinstance(one, Connection)] == [False, False, True]


def test_no_secret_in_messages_logs_representations_or_queue(
    make_report: Callable[..., Report],
    uploader: Uploader,
    server: BencherServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    for fault in ("drop", "500", "429", "truncate", "400", "401", "307"):
        server.fault = lambda _method, path, fault=fault: fault if path == "/v0/run" else None  # type: ignore[misc]
        sent = uploader.send(make_report(), patience=IMPATIENT)
        texts += sent.refused
        error: BaseException | None = sent.failure
        while error is not None:
            texts += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
    server.fault = lambda _method, _path: None
    texts += [repr(uploader.where), str(uploader.send()), caplog.text]
    texts += [path.read_bytes().decode("latin-1") for path in uploader.results.rglob("*") if path.is_file()]
    assert f"Bearer {PROJECT_KEY}" in server.secrets_seen  # it was sent
    assert not [text for text in texts if PROJECT_KEY in text]


def test_a_secret_that_the_server_echoes_is_hidden() -> None:
    where = Connection("http://localhost", "ice3", SecretStr(PROJECT_KEY), "project key")
    with Bencher(where) as client:
        assert client._redacted(f"bad {PROJECT_KEY}!") == "bad ***!"


# --- Policy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        {"test": "static", "upper-boundary": 5.0, "min-sample-size": 2},
        {"test": "static", "upper-boundary": 1.0, "lower-boundary": 2.0},
        {"test": "t_test", "upper-boundary": 0.4},
        {"test": "z_score", "upper-boundary": 1.0},
        {"test": "t_test", "upper-boundary": 0.99, "min-sample-size": 1},
        {"test": "percentage", "upper-boundary": -0.1},
        {"test": "percentage"},
        {"test": "percentage", "upper-boundary": 0.1, "min-sample-size": 9, "max-sample-size": 3},
        {"test": "percentage", "upper-boundary": 0.1, "window": 0},
        {"test": "guess", "upper-boundary": 0.1},
    ],
)
def test_models_that_bencher_refuses_are_refused_here(model: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate(model)


def test_every_measure_is_decided(policy: BencherPolicy) -> None:
    with pytest.raises(ValidationError, match="'accuracy' must be either"):
        BencherPolicy(thresholds=dict(list(policy.thresholds.items())[:2]), unwatched=policy.unwatched)


def test_a_policy_stays_valid_when_a_measure_is_added(policy: BencherPolicy) -> None:
    old = BencherPolicy(thresholds=policy.thresholds, unwatched=("throughput", "bandwidth"))
    assert old.ignores("compile-time")
    assert old.ignores("throughput")
    assert not old.ignores("latency")
    with pytest.raises(ValidationError, match="'latency' must be either"):
        BencherPolicy(thresholds=policy.thresholds, unwatched=("latency",))


def test_the_servers_threshold_tests_agree_with_benchers_own() -> None:
    reference = json.loads((PROJECT / "tests/data/bencher_threshold_vectors.json").read_text(encoding="utf-8"))
    assert {vector["model"]["test"] for vector in reference["vectors"]} == set(get_args(Test))
    for vector in reference["vectors"]:
        model, expected = vector["model"], vector["expected"]
        history = reference["sequences"][vector["history_ref"]][::-1][: model["max_sample_size"]]
        wanted = [expected[key] for key in ("baseline", "lower_limit", "upper_limit")]
        for found, limit in zip(limits(model, history), wanted, strict=True):
            assert found == limit if limit is None else found == pytest.approx(limit, rel=1e-9), vector["id"]
    for invalid in reference["invalid_models"]:
        with pytest.raises(Refusal, match="Invalid model"):
            BencherServer()._check_model(invalid["model"])


@pytest.mark.parametrize("test", ["t_test", "z_score", "log_normal", "iqr", "delta_iqr"])
def test_a_slowdown_alerts_under_every_test(
    make_report: Callable[..., Report],
    server: BencherServer,
    tmp_path: Path,
    policy: BencherPolicy,
    test: Literal["t_test", "z_score", "log_normal", "iqr", "delta_iqr"],
) -> None:
    model = Threshold(test=test, upper_boundary=3.0 if "iqr" in test else 0.99)
    thresholds = {**policy.thresholds, "latency": model}
    uploader = Uploader(server, tmp_path, policy.model_copy(update={"thresholds": thresholds}))
    for number, factor in enumerate((1.0, 1.01, 0.99, 1.02, 1.0)):
        uploader.send(make_report(1e6 * factor, commit=commit(number + 1)))
    assert uploader.send(make_report(2e6, commit=commit(9))).alerts == 1


# --- Exactly once: benchmarks/uploads.py does the same at length -----------------------------------------------------


def test_uploads_over_a_bad_line_killed_at_random_arrive_once_and_in_order(
    server: BencherServer, tmp_path: Path
) -> None:
    with Uploads(server, tmp_path / "results") as uploads:
        happened = uploads.chaos(12, seed=3)
    assert happened["killed"] > 0
    assert uploads.arrived() == list(range(1, 13))
    assert [version.number for version in server.project.branch("main").head.versions] == list(range(12))


def test_an_upload_may_be_killed_between_any_two_steps(server: BencherServer, tmp_path: Path) -> None:
    with Uploads(server, tmp_path / "results") as uploads:
        steps = uploads.count_steps()
        chosen = range(1, steps + 1, steps // 16)
        for number, step in enumerate(chosen, 1):
            uploads.kill_at(number, step)
    assert uploads.arrived() == list(range(1, len(chosen) + 1))
